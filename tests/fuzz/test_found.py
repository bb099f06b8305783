"""What fuzzing and reading for it have found, each as the smallest file that once ended in a traceback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotlib import limits
from spotlib.bundle import Bundle
from spotlib.datasets.nearby import MARKER, is_twin
from spotlib.datasets.reenact import read_durations
from spotlib.datasets.tree import visit
from spotlib.errors import SpotlibError
from spotlib.exports import read_events
from spotlib.features_file import load_features, save_features
from spotlib.flow import CropSpec
from spotlib.params import make_params, parse_override, read_yaml
from spotlib.store import read_row
from spotlib.studies import load_study
from spotlib.swmro import PairMotion
from spotlib.tables.packed import FORMAT, read_packed
from tests.fuzz.__main__ import Counter, fuzz_blindly
from tests.fuzz.targets import TARGETS, WORDS


def refused(call: Any, *arguments: Any, match: str) -> None:
    with pytest.raises(SpotlibError, match=match):
        call(*arguments)


# --- parameter files ---


@pytest.mark.parametrize(
    "text",
    ["lr: !!int x", "lr: !!float x", "lr: !!bool maybe", "lr: !!timestamp x", "lr: !!set {a}", "!!map {lr: 1}",
     "lr: " + "9" * 5000, "lr: \x00", "lr: [", "? [a]\n: b", "lr: !!python/object:os.x {}"],
)  # fmt: skip
def test_yaml_that_once_was_a_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    refused(read_yaml, tmp_path / "p.yaml", match=r"p\.yaml")


def test_a_date_is_text(tmp_path: Path) -> None:
    """PyYAML makes dates of texts like it, and stops at the thirteenth month."""
    (tmp_path / "p.yaml").write_text("dataset: 2001-99-99\n<<: x\n")
    values = read_yaml(tmp_path / "p.yaml")
    assert values == {"dataset": "2001-99-99", "<<": "x"}
    assert parse_override("dataset=2001-01-01") == ("dataset", "2001-01-01")
    refused(make_params, values, match="unknown parameter '<<'")


def test_a_study_of_references(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("dataset: &a demo\ntables: [*a]\n")
    refused(load_study, tmp_path / "s.yaml", match=r"s\.yaml, line 2: a reference \(\*a\)")


# --- arrays ---


def features(tmp_path: Path, **changes: Any) -> Path:
    """A features file with a header or arrays changed, under a checksum that fits."""
    from spotlib.features_file import checksum

    motion = PairMotion.blank(4, extractor="lk", fps=30.0, crop=CropSpec(), max_gap=3, name="v")
    path = save_features(tmp_path / "f.npz", motion)
    arrays = limits.read_arrays(path)
    header = json.loads(arrays.pop("header").tobytes())
    arrays |= {name: value for name, value in changes.items() if name in arrays}
    header |= {name: value for name, value in changes.items() if name not in arrays}
    header["sha256"] = checksum(arrays)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, header=text, **arrays)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"flow": np.zeros(3, np.float32)}, {"valid": np.zeros(3, bool)}, {"valid": np.zeros(4)}, {"fps": 0},
        {"fps": "x"},
        {"landmarks": np.array(["text"])}, {"crop": {"size": None}}, {"crop": [1]}, {"point_names": 3}, {"name": None},
        {"point_names": ["a"]}, {"head": np.zeros((4, 4))}, {"crop": {"size": "256"}}, {"fps": 1e400},
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_together(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert load_features(features(tmp_path)).n_frames == 4
    refused(load_features, features(tmp_path, **changes), match=r"f\.npz: the features file is damaged")


def test_a_single_array_under_the_name_of_several(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    path = (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    refused(load_features, path, match=r"a\.npz: not a spotlib features file")


def zipped(**changes: Any) -> bytearray:
    """An .npz file with fields of its list of contents changed (by their distance from its beginning)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        array = io.BytesIO()
        np.save(array, np.zeros(3))
        archive.writestr("header.npy", array.getvalue())
    made = bytearray(data.getvalue())
    at = made.index(b"PK\x01\x02")
    for place, value in changes.items():
        where = at + int(place[1:])
        made[where : where + len(value)] = value
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {"_8": b"\x01"},  # encrypted
        {"_10": b"\x63"},  # packed in a way that nobody knows
        {"_10": b"\x0c"},  # packed by bzip2
        {"_42": b"\xff\xff\xff\x7f"},  # begins behind the end of the file
        {"_24": b"\xff\xff\xff\x00"},  # larger than it is
        {"_16": b"\x00\x00\x00\x00"},  # another checksum
    ],
)
def test_archives_that_lie(tmp_path: Path, changes: dict[str, bytes]) -> None:
    (tmp_path / "a.npz").write_bytes(zipped())
    assert limits.read_arrays(tmp_path / "a.npz")["header"].shape == (3,)
    (tmp_path / "a.npz").write_bytes(zipped(**changes))
    with pytest.raises(ValueError, match="."):
        limits.read_arrays(tmp_path / "a.npz")
    refused(load_features, tmp_path / "a.npz", match=r"a\.npz: ")


def test_an_archive_that_begins_before_its_file(tmp_path: Path) -> None:
    """What the end of the list says makes the library seek to a place below 0 (found by the fuzzer)."""
    data = zipped()
    end = data.index(b"PK\x05\x06")
    for shift in (1, 50, 5000):
        wrong = bytearray(data)
        wrong[end + 16 : end + 20] = (int.from_bytes(data[end + 16 : end + 20], "little") + shift).to_bytes(4, "little")
        (tmp_path / "a.npz").write_bytes(wrong)
        with pytest.raises(ValueError, match="."):
            limits.read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "header", ["(" * 5000, "{'descr': '<f8'", "{'descr': ('<f8',", "0x", "'" * 3, "{" * 300, "\x00"]
)
def test_headers_of_arrays_that_are_none(tmp_path: Path, header: str) -> None:
    text = header.encode() + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
    with pytest.raises(ValueError, match="."):
        limits.read_arrays(tmp_path / "a.npz")


# --- JSON ---

DEEP = "[" * 100_000


def test_lists_in_lists_in_lists(tmp_path: Path) -> None:
    (tmp_path / "row.json").write_text(DEEP)
    assert read_row(tmp_path / "row.json") is None
    (tmp_path / MARKER).write_text(DEEP)
    assert not is_twin(visit(tmp_path, video=lambda _: None), "samm_lv")
    (tmp_path / "bundle.json").write_text(DEEP)
    refused(Bundle, tmp_path, match="not a bundle, or damaged")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_json_does_not_have(tmp_path: Path, number: str) -> None:
    (tmp_path / "bundle.json").write_text(
        f'{{"format": "spotlib-bundle", "version": 1, "x": {number}, "checksum": "0"}}'
    )
    refused(Bundle, tmp_path, match=r"bundle\.json: (not a bundle, or damaged|damaged)")
    (tmp_path / "row.json").write_text(f'{{"x": {number}, "schema": 1, "checksum": "0"}}')
    assert read_row(tmp_path / "row.json") is None


_LINE = {"params": 0, "code": 0, "data": "", "fold": 0, "seed": 1}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"status": "done"}, "KeyError"),
        ([], "TypeError"),
        ({**_LINE, "params": 5}, "IndexError"),
        ({**_LINE, "status": "failed", "n_folds": 2}, "TypeError|AttributeError|KeyError"),
    ],
)
def test_packed_rows_of_another_shape(tmp_path: Path, row: Any, said: str) -> None:
    """A checksum that fits is no promise: anybody can make one (found by the fuzzer: a row without a variant)."""
    body = b'{"dataset": "demo"}\n' + json.dumps(row).encode() + b"\n"
    header = {"format": FORMAT, "version": 1, "shared": 1, "rows": 1, "tables": {}}
    header["sha256"] = hashlib.sha256(body).hexdigest()
    (tmp_path / "r.gz").write_bytes(gzip.compress(json.dumps(header).encode() + b"\n" + body))
    refused(read_packed, tmp_path / "r.gz", match=rf"r\.gz: not as spotlib packs rows \(({said}): .*pack them again")


@pytest.mark.parametrize("missing", ["version", "sha256", "shared", "rows", "tables"])
def test_a_header_of_packed_rows_that_lacks_something(tmp_path: Path, missing: str) -> None:
    header = {"format": FORMAT, "version": 1, "shared": 0, "rows": 0, "tables": {}}
    header["sha256"] = hashlib.sha256(b"").hexdigest()
    del header[missing]
    (tmp_path / "r.gz").write_bytes(gzip.compress(json.dumps(header).encode() + b"\n"))
    refused(read_packed, tmp_path / "r.gz", match=r"r\.gz: ")


# --- files of other programs ---


@pytest.mark.parametrize("events", [3.5, True, "x", {"a": 1}])
def test_events_that_are_no_list(tmp_path: Path, events: Any) -> None:
    video = {"video": "v", "fps": 30, "n_frames": 10, "events": events}
    (tmp_path / "x.json").write_text(json.dumps({"videos": [video]}))
    refused(read_events, tmp_path / "x.json", match=r"x\.json, video 'v': its events are no list; export it again")


def test_names_of_columns_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("Video,Kind,Onset,Apex,Offset,onset_s\n a,micro,1,2,3,.1\n")
    assert list(read_events(tmp_path / "x.csv", fps=30).events) == [" a"]  # spotlib's own table keeps spaces


def test_lengths_of_thousands_of_digits(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("video,n_frames\na," + "9" * 5000 + "\n")
    refused(read_durations, tmp_path / "d.csv", match=r"d\.csv, row 2: n_frames is '9999")


# --- the fuzzer itself ---


def test_it_writes_down_what_it_finds(tmp_path: Path) -> None:
    def run(data: bytes) -> None:
        if b"bug" in data:
            raise KeyError(data)
        raise SpotlibError("refused")

    counter = Counter("a b", tmp_path, run, SpotlibError)
    fuzz_blindly(counter, [b"b ug", b"bu g"], ["bug"], runs=300)
    counts = json.loads((tmp_path / "counts.json").read_text())["a b"]
    assert counts["runs"] == 302
    assert counts["crashes"] == 1  # one place, however often
    assert counts["refused"] < 302
    (crash,) = tmp_path.glob("crash-a-b-*.bin")
    assert b"bug" in crash.read_bytes()


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_hundred_runs_of_each_target(tmp_path: Path, name: str) -> None:
    runs = 60 if name in ("annotation csv", "annotation rows", "round trips", "packed rows", "row json") else 300
    counter = Counter(name, tmp_path, TARGETS[name].run, SpotlibError)
    fuzz_blindly(counter, TARGETS[name].seeds(), WORDS, runs=runs, seed=7)
    assert counter.runs > runs
    found = [path.read_text() for path in tmp_path.glob("crash-*.txt")]
    assert counter.crashes == 0, found[:1]
