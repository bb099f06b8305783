from __future__ import annotations

import json
import os

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.store import RowStore, atomic, digest, read_row, write_text

KEY = {"code": {"spotlib.fold": "a"}, "params": {"lr": 0.1}, "data": "d", "fold": 0, "seed": 1}


@pytest.fixture
def rows(tmp_path):
    return RowStore(tmp_path)


def test_round_trip(rows):
    path = rows.write("v", KEY, {"status": "done"}, {"a": np.arange(3)})
    assert path.name.startswith("fold0-seed1-")
    row = rows.read("v", KEY)
    assert row["status"] == "done"
    assert row["digest"] == digest(KEY)
    np.testing.assert_array_equal(rows.arrays("v", KEY)["a"], [0, 1, 2])


def test_another_key_is_not_found(rows):
    rows.write("v", KEY, {"status": "done"})
    assert rows.read("v", {**KEY, "fold": 1}) is None
    assert rows.read("v", {**KEY, "data": "e"}) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"params": {"lr": 0.2}}, "parameter lr 0.1 -> 0.2"),
        ({"code": {"spotlib.fold": "b"}}, "code changed: fold"),
        ({"data": "e"}, "data changed"),
    ],
)
def test_why(rows, change, why):
    assert rows.why("v", KEY) == "it was never computed"
    rows.write("v", KEY, {"status": "done"})
    assert rows.why("v", {**KEY, **change}) == why


def test_damage_is_noticed(rows):
    path = rows.write("v", KEY, {"status": "done", "value": 0.25})
    path.write_text(path.read_text().replace("0.25", "0.35"))
    assert rows.read("v", KEY) is None
    assert rows.why("v", KEY) == "its file is damaged"
    path.write_text(path.read_text()[:40])
    assert read_row(path) is None


def test_damaged_arrays_make_the_row_damaged(rows):
    path = rows.write("v", KEY, {"status": "done"}, {"a": np.arange(9)})
    arrays = path.with_suffix(".npz")
    blob = bytearray(arrays.read_bytes())
    blob[len(blob) // 2] ^= 1
    arrays.write_bytes(bytes(blob))
    assert rows.read("v", KEY) is None


def test_failed_row_is_retried_with_a_reason(rows):
    rows.write("v", KEY, {"status": "failed"})
    assert rows.why("v", KEY) == "it failed before"


def test_atomic_leaves_nothing_half_written(tmp_path):
    target = tmp_path / "t.json"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="midway"), atomic(target) as part:
        part.write_text("new, but")
        raise RuntimeError("midway")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.json"]


def test_full_disk_is_one_line(tmp_path):
    with pytest.raises(SpotlibError, match="no space left on device"), atomic(tmp_path / "t") as part:
        part.write_text("x")
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(SpotlibError, match="cannot be written"):
        write_text(tmp_path / "f" / "t.json", "x")


def test_rows_are_plain_json(rows):
    path = rows.write("v", KEY, {"status": "done"})
    with pytest.raises(ValueError, match="JSON compliant|not allowed"):
        rows.write("v", {**KEY, "fold": 2}, {"value": float("nan")})
    assert json.loads(path.read_text())["key"] == KEY
