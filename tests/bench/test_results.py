"""Files of measurements: kept whole, refused in one line."""

from __future__ import annotations

import pytest

from spotlib.bench.results import Measured, Results, read
from spotlib.errors import SpotlibError

RUN = {"machine": {"device": "cpu"}, "quick": False}


def test_every_number_knows_its_run(tmp_path):
    path = tmp_path / "a.json"
    Results(path, RUN).add("model", "x", {"ms": 1.0})
    other = Results(path, {**RUN, "machine": {"device": "NVIDIA H100"}})
    other.add("train", "y", {"ms": 2.0})
    known = Measured([read(path)])
    assert known("train", "y", device="gpu") == {"ms": 2.0}
    assert known("train", "y", device="cpu") is None
    assert [run["measured"] for run in known.runs()] == [["model: x"], ["train: y"]]


def test_the_first_file_that_knows_it(tmp_path):
    for name, value in (("a", 1), ("b", 2)):
        Results(tmp_path / f"{name}.json", RUN).add("model", "x", value)
    Results(tmp_path / "b.json", RUN).add("model", "y", 3)
    known = Measured([read(tmp_path / "a.json"), read(tmp_path / "b.json")])
    assert (known("model", "x"), known("model", "y"), known("model", "z")) == (1, 3, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "no JSON"),
        ("[1]", "not a file of measurements"),
        ('{"format": 2}', "format 1"),
        ('{"format": 1, "runs": [], "results": {"model": {"x": {"run": 0, "found": 1}}}}', "lacks something"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(SpotlibError, match=message):
        read(path)
    with pytest.raises(SpotlibError, match=message):
        Results(path, RUN)
    assert path.read_text() == text


def test_a_file_that_is_not_there_or_cannot_be_written(tmp_path):
    with pytest.raises(SpotlibError, match="no such file"):
        read(tmp_path / "absent.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(SpotlibError, match="cannot be written"):
        Results(tmp_path / "file" / "a.json", RUN)
