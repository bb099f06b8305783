"""Digest-named rows on disk: what was computed, under which key, and why it has to be computed again.

A row is one JSON file (one fold of one variant and seed), written atomically, with a checksum over its content; arrays
that belong to it stand beside it as .npz. A row is current if and only if its file name carries the digest of its key.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from spotlib import limits
from spotlib.errors import SpotlibError

SCHEMA = 1
# names come with bundles from other machines: one must not lead out of the folder
_VARIANT = re.compile(r"[A-Za-z0-9][\w.+-]{0,150}", re.ASCII)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of ``value``, as hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it into place on success, remove it on any failure.

    Raises SpotlibError in one line if the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        yield Path(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        what = os.strerror(error.errno).lower() if error.errno else str(error)
        raise SpotlibError(f"{path}: cannot be written ({what}); free some space or choose another folder") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically as UTF-8."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays atomically as a compressed .npz without pickles."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an .npz without unpickling anything; SpotlibError if it is damaged or unpacks beyond any memory."""
    try:
        return limits.read_arrays(path)
    except (OSError, ValueError) as error:
        raise SpotlibError(f"{path}: its arrays cannot be read ({error}); remove it, it is computed again") from None


class RowStore:
    """The rows of one results folder: ``rows/<variant>/fold<k>-seed<s>-<digest12>.json``."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._read: dict[Path, tuple[list[tuple[int, int]], dict[str, Any]]] = {}  # whole rows, and the state of files

    def path(self, variant: str, key: Mapping[str, Any]) -> Path:
        """Where the row with this key stands, whether it exists or not; SpotlibError for names that no row has."""
        if not _VARIANT.fullmatch(variant) or any(type(key[name]) is not int for name in ("fold", "seed")):
            raise SpotlibError(f"{variant!r}, fold {key['fold']!r}, seed {key['seed']!r}: no row is called so")
        return self.folder / variant / f"fold{key['fold']}-seed{key['seed']}-{digest(key)[:12]}.json"

    def read(self, variant: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The row with exactly this key, or None if it is absent or damaged."""
        path = self.path(variant, key)
        state = _state(path)
        if not state:
            return None
        known = self._read.get(path)
        # a report asks for each of a thousand rows ten times: one that is as it was is not read and checked again
        if known is not None and known[0] == state:
            row: dict[str, Any] | None = known[1]
        else:
            row = read_row(path)
            if row is not None and state == _state(path):
                self._read[path] = state, row
        return dict(row) if row is not None and row["key"] == json.loads(canonical(key)) else None

    def write(
        self, variant: str, key: Mapping[str, Any], row: dict[str, Any], arrays: Mapping[str, np.ndarray] | None = None
    ) -> Path:
        """Write a row (arrays first, so that a row that exists is complete) and return its path."""
        path = self.path(variant, key)
        if arrays:
            write_arrays(path.with_suffix(".npz"), arrays)
            row = {**row, "arrays": hashlib.sha256(path.with_suffix(".npz").read_bytes()).hexdigest()}
        body = {"schema": SCHEMA, "digest": digest(key), "key": key, **row}
        write_text(path, json.dumps({**body, "checksum": digest(body)}, indent=1, allow_nan=False) + "\n")
        return path

    def arrays(self, variant: str, key: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The arrays beside a row."""
        return read_arrays(self.path(variant, key).with_suffix(".npz"))

    def why(self, variant: str, key: Mapping[str, Any]) -> str:
        """In one sentence, why the row with this key has to be computed."""
        path = self.path(variant, key)
        if path.exists():
            row = read_row(path)
            if row is None:
                return "its file is damaged"
            if row["status"] == "failed":
                return "it failed before"
        relatives = sorted(path.parent.glob(f"fold{key['fold']}-seed{key['seed']}-*.json"), key=os.path.getmtime)
        for relative in reversed(relatives):
            row = read_row(relative)
            if row is not None and relative != path:
                return difference(row["key"], json.loads(canonical(key)))
        return "it was never computed"


def _state(path: Path) -> list[tuple[int, int]]:
    """Time of change and size of a row's files; empty for those that are not there."""
    found = []
    for part in (path, path.with_suffix(".npz")):
        try:
            status = part.stat()
        except OSError:
            continue
        found.append((status.st_mtime_ns, status.st_size))
    return found


def read_row(path: Path) -> dict[str, Any] | None:
    """A row file, or None if it is absent, truncated or changed (its checksum is over all else in it)."""
    try:
        row = limits.read_json(path)
        checksum = row.pop("checksum")
        arrays = path.with_suffix(".npz")
        whole = "arrays" not in row or hashlib.sha256(arrays.read_bytes()).hexdigest() == row["arrays"]
        return row if digest(row) == checksum and row["schema"] == SCHEMA and whole else None
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None


def copy_rows(source: Path, target: Path) -> tuple[int, list[Path]]:
    """Copy whole rows with their arrays from one folder of rows into another; their number, and what was damaged."""
    taken, damaged = 0, []
    for path in sorted(Path(source).glob("*/fold*-seed*-*.json")):
        if read_row(path) is None:
            damaged.append(path)
            continue
        copy = Path(target) / path.parent.name / path.name
        for suffix in (".npz", ".json"):  # arrays first: a row that exists is complete
            part = path.with_suffix(suffix)
            if part.exists():
                with atomic(copy.with_suffix(suffix)) as temporary:
                    temporary.write_bytes(part.read_bytes())
        taken += 1
    return taken, damaged


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What changed between two keys, in words.

    >>> difference({"params": {"lr": 1}, "data": "a"}, {"params": {"lr": 2}, "data": "a"})
    'parameter lr 1 -> 2'
    """
    said: list[str] = []
    for name in sorted({*old.get("params", {}), *new.get("params", {})}):
        before, after = old.get("params", {}).get(name), new.get("params", {}).get(name)
        if before != after:
            said.append(f"parameter {name} {before} -> {after}")
    codes = old.get("code", {}), new.get("code", {})
    if any(isinstance(code, str) for code in codes):  # of a packed row, which does not say what of each module was
        said.extend(["code changed"] if codes[0] != codes[1] else [])
    elif changed := sorted(m for m in {*codes[0], *codes[1]} if codes[0].get(m) != codes[1].get(m)):
        said.append("code changed: " + ", ".join(name.removeprefix("spotlib.") for name in changed))
    if old.get("data") != new.get("data"):
        said.append("data changed")
    rest = sorted(k for k in {*old, *new} - {"params", "code", "data"} if old.get(k) != new.get(k))
    said.extend(f"{name} {old.get(name)} -> {new.get(name)}" for name in rest)
    return "; ".join(said) if said else "its file was removed"
