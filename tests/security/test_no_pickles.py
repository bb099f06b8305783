"""Nothing that comes from a file is ever run: no pickles, no code from text, no shell."""

from __future__ import annotations

import ast
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from spotlib.bundle import Bundle
from spotlib.errors import SpotlibError
from spotlib.features_file import load_features
from spotlib.limits import read_arrays
from spotlib.parity import check_directory
from spotlib.provenance import CHECKOUT, PACKAGE
from spotlib.store import digest
from spotlib.store import read_arrays as read_row_arrays

#: modules whose files or texts are programs
_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code", "codeop"}
_NAMES = {"eval", "exec", "compile", "__import__"}
_CALLS = {
    "os.system", "os.popen", "torch.load", "pd.read_pickle", "pandas.read_pickle", "yaml.unsafe_load",
    "yaml.full_load", "yaml.load_all", "runpy.run_path", "runpy.run_module",
}  # fmt: skip


def complaints(source: str) -> Iterator[str]:
    """What in some Python code could run what stands in a file."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (f"line {node.lineno}: imports {name}" for name in names if name.split(".")[0] in _MODULES)
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if called in _NAMES or called in _CALLS or "pickle" in called:
            yield f"line {node.lineno}: calls {called}"
        if called.endswith(("np.load", "numpy.load", "format.read_array")) and given.get("allow_pickle") != "False":
            yield f"line {node.lineno}: {called} without allow_pickle=False"
        if called == "yaml.load" and given.get("Loader") != "_Loader":
            yield f"line {node.lineno}: yaml.load with {given.get('Loader', 'the default loader')}"
        if given.get("shell", "False") != "False":
            yield f"line {node.lineno}: {called} with a shell"


_SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("folder", sorted({path.parent for path in _SOURCES}), ids=lambda p: p.name)
def test_no_module_runs_what_it_reads(folder: Path) -> None:
    found = {
        str(path.relative_to(CHECKOUT)): list(complaints(path.read_text(encoding="utf-8")))
        for path in _SOURCES
        if path.parent == folder
    }
    assert {name: said for name, said in found.items() if said} == {}


def test_no_notebook_does_either() -> None:
    for path in sorted((CHECKOUT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        assert [list(complaints(one)) for one in code] == [[] for _ in code]
        assert not [line for one in code for line in one.splitlines() if line.lstrip().startswith(("!", "%"))]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "import numpy as np; np.load(x)", "np.load(x, allow_pickle=True)",
        "torch.load(x)", "eval(x)", "exec(x)", "os.system(x)", "yaml.load(x)", "yaml.load(x, Loader=yaml.Loader)",
        "subprocess.run(x, shell=True)", "subprocess.run(x, shell=yes)", "pd.read_pickle(x)", "__import__(x)",
    ],
)  # fmt: skip
def test_the_scan_sees_each_of_them(source: str) -> None:
    assert list(complaints(source))


# --- files with pickles in them ---


class _Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """Made by whoever unpickles; afterwards it must not be there."""
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists()


def pickled(marker: Path, *, names: tuple[str, ...] = ("header", "a")) -> bytes:
    """An .npz with arrays of Python objects."""
    data = io.BytesIO()
    np.savez(data, **{name: np.array([_Bomb(marker)], object) for name in names})  # type: ignore[arg-type]
    return data.getvalue()


def test_the_file_would_run(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(pickled(tmp_path / "ran"))
    with np.load(path, allow_pickle=True) as data:
        assert len(data["a"]) == 1
    assert (tmp_path / "ran").is_dir()


def test_pickles_in_arrays_are_refused(tmp_path: Path, marker: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(pickled(marker))
    with pytest.raises(ValueError, match="array of object"):
        read_arrays(path)
    with pytest.raises(SpotlibError, match=r"x\.npz: its arrays cannot be read \(array of object\); remove it"):
        read_row_arrays(path)
    with pytest.raises(SpotlibError, match=r"x\.npz: the features file is damaged"):
        load_features(path)
    (line,) = check_directory(path.parent)
    assert not line.ok
    assert "array of object" in line.note


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_bare_pickle_is_no_file_of_ours(tmp_path: Path, marker: Path, protocol: int) -> None:
    import pickle

    path = tmp_path / "x.npz"
    path.write_bytes(pickle.dumps(_Bomb(marker), protocol=protocol))
    with pytest.raises(SpotlibError, match=r"x\.npz: not a spotlib features file"):
        load_features(path)
    assert not check_directory(path.parent)[0].ok


def test_a_part_of_a_bundle_with_pickles(tmp_path: Path, marker: Path) -> None:
    import hashlib

    data = pickled(marker)
    (tmp_path / "part-000.npz").write_bytes(data)
    content = {"format": "spotlib-bundle", "version": 1, "truths": {}, "units": []}
    content["parts"] = [{"file": "part-000.npz", "sha256": hashlib.sha256(data).hexdigest()}]
    (tmp_path / "bundle.json").write_text(json.dumps({**content, "checksum": digest(content)}))
    with pytest.raises(SpotlibError, match=r"part-000\.npz: not a part of a bundle"):
        _ = Bundle(tmp_path)._motions


def test_an_array_in_an_archive_under_a_lying_header(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00\x76\x00" + b"__import__('os').abort()".ljust(117) + b"\n")
    with pytest.raises(ValueError, match="."):
        read_arrays(path)
