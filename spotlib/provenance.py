"""Where a number comes from: code digests, versions, git commit, machine (STYLE: reports end with provenance)."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import io
import os
import platform
import subprocess
import threading
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent
_DISTRIBUTIONS = ("numpy", "scipy", "pandas", "torch", "numba", "opencv-python-headless", "dlib-bin", "av", "papermill")

_PARSING = threading.Lock()  # Python's parser now and then fails when two threads of Python 3.11 are in it


def _essence(source: str, tree: ast.Module | None = None) -> str:
    """``source`` without comments, docstrings and blank lines: what can change a result."""
    lines = source.splitlines()
    for node in ast.walk(tree or ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                for i in range(first.lineno - 1, first.end_lineno or first.lineno):
                    lines[i] = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _module_file(name: str) -> Path | None:
    parts = name.split(".")[1:]
    for candidate in (PACKAGE.joinpath(*parts).with_suffix(".py"), PACKAGE.joinpath(*parts, "__init__.py")):
        if parts and candidate.is_file():
            return candidate
    return PACKAGE / "__init__.py" if not parts else None


@functools.cache
def _read(name: str) -> tuple[str, tuple[str, ...]]:
    """Short hash of one module and the spotlib modules that it imports (anywhere in it)."""
    path = _module_file(name)
    assert path is not None, name
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    imports: set[str] = set()
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        imports.update(n for n in names if n.startswith("spotlib.") and _module_file(n) is not None)
    return hashlib.sha256(_essence(source, tree).encode()).hexdigest()[:12], tuple(sorted(imports))


# errors, progress and the like cannot change a number
_IRRELEVANT = {"spotlib", "spotlib.errors", "spotlib.progress", "spotlib.provenance", "spotlib.store", "spotlib.params"}


def code_digest(modules: Iterable[str], *, without: Iterable[str] = ()) -> dict[str, str]:
    """Hashes of ``modules`` and of everything in spotlib they import, by name.

    Comments, docstrings and blank lines do not count. Modules in ``without`` (and what only they import) are left out.
    """
    left_out = _IRRELEVANT | set(without)
    found: dict[str, str] = {}
    waiting = list(modules)
    with _PARSING:
        while waiting:
            name = waiting.pop()
            if name in found or name in left_out:
                continue
            found[name], imports = _read(name)
            waiting.extend(imports)
    return dict(sorted(found.items()))


def git_commit() -> str:
    """Commit of the checkout, with '+changes' if files differ from it; 'unknown' outside a checkout."""
    try:
        run = functools.partial(
            subprocess.run, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=20, check=True
        )
        commit = run(["git", "rev-parse", "--short=12", "HEAD"]).stdout.strip()
        changed = run(["git", "status", "--porcelain", "--untracked-files=no"]).stdout.strip()
        return f"{commit}+changes" if changed else commit
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def version() -> str:
    """Version of the installed spotlib."""
    try:
        return importlib.metadata.version("spotlib-fes")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"


def versions() -> dict[str, str]:
    """Python and the libraries that numbers depend on."""
    found = {"python": platform.python_version(), "spotlib": version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, str]:
    """Processor kind, cores and device; nothing that names a particular machine or person."""
    try:
        import torch

        device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    except ImportError:
        device = "cpu"
    return {"system": f"{platform.system()} {platform.machine()}", "cores": str(os.cpu_count()), "device": device}


def collect(params: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
    """All that the last page of a report shows: run facts (``more``), versions, machine and parameters."""
    return {
        "run": {"git commit": git_commit(), **more},
        "versions": versions(),
        "machine": machine(),
        "parameters": params,
    }
