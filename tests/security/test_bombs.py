"""Small files that mean gigabytes, or years, end in one line and within bounded memory."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from spotlib.errors import SpotlibError
from spotlib.limits import MAX_PIXELS
from spotlib.tables.packed import FORMAT, read_packed
from tests.security import bombs
from tests.security.child import read_apart

#: what readers import before they are measured
_IMPORTS = {
    "folder": "import cv2; from spotlib.video import open_video as read",
    "video": "import av, cv2\nfrom spotlib.video import open_video\n"
    "def read(path):\n    for fps in (None, 30):\n        for frame in open_video(path, fps=fps).frames(): pass",
    "picture": "import cv2; from spotlib.datasets.pictures import read_picture\n"
    "def read(path):\n    said = read_picture(path, grey=False)\n    raise SpotlibError(f'{path}: {said}')",
    "features": "from spotlib.features_file import load_features as read",
    "arrays": "from spotlib.store import read_arrays as read",
    "tensors": "from spotlib.tensors_file import read_tensors as read",
    "sheets": "import csv; from spotlib.datasets.sheets import read_sheets as read",
    "events": "import csv; from spotlib.exports import read_events\n"
    "def read(path): read_events(path, fps=30, allow_empty=False)",
    "yaml": "from spotlib.params import read_yaml as read",
    "bundle": "from spotlib.bundle import Bundle as read",
    "packed": "import gzip; from spotlib.tables.packed import read_packed as read",
}


@pytest.mark.parametrize(("kind", "side"), [("png", 100_000), ("jpeg", 60_000), ("bmp", 20_000), ("tiff", 20_000)])
def test_a_picture_that_promises_gigapixels(tmp_path: Path, kind: str, side: int) -> None:
    assert side**2 > MAX_PIXELS
    path = getattr(bombs, kind)(tmp_path / "00001.png", side, side)
    assert path.stat().st_size < 50_000
    said = read_apart(_IMPORTS["folder"], tmp_path)
    assert f"00001.png: not a readable image; replace or remove it ({side}x{side} px, more than" in said.error
    assert said.mib < 100
    said = read_apart(_IMPORTS["picture"], path)
    assert f"00001.png: {side}x{side} px, more than the 67 million that a picture may have" in said.error
    assert said.mib < 100


def test_a_video_that_promises_gigapixels(tmp_path: Path) -> None:
    path = bombs.video(tmp_path / "v.mov", size=(9000, 9000))
    said = read_apart(_IMPORTS["video"], path)
    assert "v.mov: frame 0 cannot be decoded" in said.error
    assert said.mib < 100


@pytest.mark.parametrize(
    ("seconds", "error"),
    [(80_000, "no picture for 1333 minutes; cut it there"), (100_000, "28 hours long by its timestamps; at most 24")],
)
def test_a_video_of_days_in_two_pictures(tmp_path: Path, seconds: float, error: str) -> None:
    said = read_apart(_IMPORTS["video"], bombs.video(tmp_path / "v.mov", seconds=seconds))
    assert error in said.error
    assert said.mib < 100


def test_a_video_that_goes_on_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spotlib import video

    path = bombs.video(tmp_path / "v.mov")
    assert video.open_video(path).n_frames == 2
    monkeypatch.setattr(video, "MAX_FRAMES", 1)
    with pytest.raises(SpotlibError, match=r"v\.mov: more than 1 frames; cut it into parts"):
        video.open_video(path)


def test_resampling_makes_no_endless_video_of_a_long_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spotlib import video

    monkeypatch.setattr(video, "MAX_FRAMES", 10_000)
    path = bombs.video(tmp_path / "v.mov", seconds=500)
    with pytest.raises(SpotlibError, match=r"v\.mov: .* hours at 1000 frames/s are too much; cut it"):
        video.open_video(path, fps=1000)


@pytest.mark.parametrize("reader", ["features", "arrays"])
def test_a_zip_bomb_of_arrays(tmp_path: Path, reader: str) -> None:
    path = bombs.npz(tmp_path / "x.npz", gib=0.5, honest=False)  # the header promises, nothing is behind it
    assert path.stat().st_size < 1000
    said = read_apart(_IMPORTS[reader], path)
    assert "x.npz: " in said.error
    assert said.mib < 20


def test_a_zip_bomb_of_a_features_file(tmp_path: Path) -> None:
    path = bombs.npz(tmp_path / "x.npz", gib=0.5)
    assert path.stat().st_size < 2**20
    said = read_apart(_IMPORTS["features"], path)
    assert said.error.endswith(
        "x.npz: the features file is damaged (ValueError); compute it again with `spotlib features`"
    )
    assert said.mib < 20


def test_arrays_beyond_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spotlib import limits

    path = bombs.npz(tmp_path / "x.npz", gib=1 / 64)
    assert len(limits.read_arrays(path)["header"]) == 2**24
    with pytest.raises(ValueError, match="1 arrays unpack to 16 MiB"):
        limits.read_arrays(path, most=2**20)


def test_tensors_that_promise_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    for head in (b"\xff" * 8, (2**40).to_bytes(8, "little"), (10**8).to_bytes(8, "little")):
        path.write_bytes(
            head + b'{"a": {"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 4000000000000]}}'
        )
        said = read_apart(_IMPORTS["tensors"], path)
        assert "w.safetensors: damaged (its header is cut off)" in said.error
        assert said.mib < 20


_ROW = "<row r='{0}'>" + bombs.cell("{1}{0}") + "</row>"


def _sheet_bomb(name: str, path: Path) -> Path:
    if name == "unpacks":  # 300 MB of blanks
        return bombs.xlsx(path, b"<row>" + b" " * 2**20 + b"</row>", times=300)
    if name == "corners":  # two cells as far from each other as can be: 17 thousand million between them
        return bombs.xlsx(path, (_ROW.format(1, "A") + _ROW.format(1_048_576, "XFD")).encode())
    if name == "last column":  # every row would be filled up to its 16,384th column
        return bombs.xlsx(path, "".join(_ROW.format(k, "XFD") for k in range(1, 20_001)).encode())
    # 5,000 times the same 100,000 cells merged
    merged = b"<mergeCells>" + b'<mergeCell ref="A1:A100000"/>' * 5000 + b"</mergeCells>"
    return bombs.xlsx(path, (_ROW.format(1, "A") + _ROW.format(100_000, "A")).encode(), after=merged)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("unpacks", "unpacks to 300 MB, more than the 200 MB"),
        ("corners", "not a readable spreadsheet (it is damaged, or a cell far from the others makes it huge)"),
        ("last column", "not a readable spreadsheet (more than 10,000,000 cells"),
        ("merged", "not a readable spreadsheet (more than 10,000,000 cells"),
    ],
)
def test_spreadsheets(tmp_path: Path, name: str, error: str) -> None:
    path = _sheet_bomb(name, tmp_path / "x.xlsx")
    assert path.stat().st_size < 2**20
    said = read_apart(_IMPORTS["sheets"], path)
    assert error in said.error
    assert said.mib < 300


def test_the_same_spreadsheet_without_the_bomb(tmp_path: Path) -> None:
    from spotlib.datasets.sheets import read_sheets

    merged = b'<mergeCells><mergeCell ref="C3:C4"/></mergeCells>'
    rows = "<row r='3'>" + bombs.cell("C3", "7") + bombs.cell("D3") + "</row><row r='4'>" + bombs.cell("D4") + "</row>"
    (sheet,) = read_sheets(bombs.xlsx(tmp_path / "x.xlsx", rows.encode(), after=merged)).values()
    assert sheet.rows == [(3, ["", "", 7.0, 1.0]), (4, ["", "", 7.0, 1.0])]


_ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {y} "{10 * f"&{x};"}">' for x, y in zip("abcdefghi", "bcdefghij", strict=True))
    + "]><ANNOTATION_DOCUMENT>&j;</ANNOTATION_DOCUMENT>"
)
_OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><ANNOTATION_DOCUMENT>&f;</ANNOTATION_DOCUMENT>'


@pytest.mark.parametrize(
    ("name", "content", "error", "mib"),
    [
        ("x.eaf", _ENTITIES, "x.eaf: a document type (<!DOCTYPE>) is in it", 20),
        ("x.eaf", _OUTSIDE, "x.eaf: a document type (<!DOCTYPE>) is in it", 20),
        ("x.eaf", "<a>" * 1_100_000, "x.eaf: more than 1,000,000 elements", 900),
        ("x.json", "[" * 10_000_000, "x.json: not readable as JSON", 50),
        ("x.boris", '{"observations":' * 100_000, "x.boris: not readable as JSON", 50),
        ("x.json", "[" * (33 * 2**20), "x.json: larger than 32 MiB", 100),
        ("x.csv", "\n" * 2_000_000, "x.csv: the file is empty", 50),
        ("x.csv", "," * 6_000_000, "x.csv: the file is empty", 300),
        ("x.csv", "a," * 5_000_001, "x.csv: more than 5,000,000 cells", 700),
        ("x.TextGrid", '"ooTextFile" "TextGrid" 0 1 <exists> 1 "' + '""' * 1_000_000, "x.TextGrid", 50),
        ("x.csv", '"' + "x" * 200_000, "x.csv: not a CSV table (field larger than field limit", 20),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_files_of_other_programs(tmp_path: Path, name: str, content: str, error: str, mib: float) -> None:
    (tmp_path / name).write_text(content)
    said = read_apart(_IMPORTS["events"], tmp_path / name)
    assert error in said.error
    assert said.mib < mib


#: nine references each, nine deep: 9 ** 9 letters, once somebody writes them out
_REFERENCES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{y}: &{y} [{','.join([f'*{x}'] * 9)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (_REFERENCES,
         "x.yaml, line 2: a reference (*a); write the value out"),
        ("a: &a [*a]", "x.yaml, line 1: a reference (*a)"),
        ("lr: " + "[" * 20_000, "x.yaml, line 1: lists or mappings more than 8 deep"),
        ("lr: " + "{a: " * 20_000, "x.yaml, line 1: lists or mappings more than 8 deep"),
        ("lr: " + "1" * 2**18, "x.yaml: larger than 0 MiB; this is no parameter file"),
    ],
    ids=["references", "itself", "lists", "mappings", "long"],
)  # fmt: skip
def test_parameter_files(tmp_path: Path, content: str, error: str) -> None:
    (tmp_path / "x.yaml").write_text(content)
    said = read_apart(_IMPORTS["yaml"], tmp_path / "x.yaml")
    assert error in said.error
    assert said.mib < 30


def test_a_bundle_of_lists_in_lists(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text('{"checksum": "0", "units": ' + "[" * 1_000_000)
    said = read_apart(_IMPORTS["bundle"], tmp_path)
    assert "bundle.json: not a bundle, or damaged; send it again" in said.error
    assert said.mib < 50


def test_rows_that_unpack_to_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spotlib.tables import packed

    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(bytes(8 * 2**20)))
    monkeypatch.setattr(packed, "_MOST_BYTES", 2**20)
    with pytest.raises(SpotlibError, match=r"rows\.jsonl\.gz: more than 1 MiB when unpacked"):
        read_packed(path)


def test_rows_of_lists_in_lists_under_a_checksum_that_fits(tmp_path: Path) -> None:
    body = b"[" * 1_000_000 + b"\n"
    header = {"format": FORMAT, "version": 1, "shared": 0, "rows": 1, "tables": {}}
    header["sha256"] = hashlib.sha256(body).hexdigest()
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(header).encode() + b"\n" + body))
    with pytest.raises(SpotlibError, match=r"not as spotlib packs rows \(ValueError: nested too deeply\)"):
        read_packed(path)


def test_an_endless_file_is_read_to_the_limit_only() -> None:
    from spotlib import limits

    with pytest.raises(ValueError, match="larger than 1 MiB"):
        limits.read_bytes("/dev/zero", 2**20)


def test_a_label_of_many_spaces_takes_no_time() -> None:
    """With two runs of spaces that touch in one pattern, this took hours."""
    from spotlib.exports.label import Label, read_label

    for word in ("apex", "score", "AU"):
        assert read_label(f"{word}{' ' * 100_000}x") == Label()
