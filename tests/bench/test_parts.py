"""Parts are measured one after another into one file, whatever happens to one of them."""

from __future__ import annotations

import json

import pytest

from spotlib.bench import __main__ as command
from spotlib.bench import parts
from spotlib.bench.parts import PARTS, Options, bench
from spotlib.bench.results import Measured, read
from spotlib.errors import SpotlibError


@pytest.fixture
def canned(monkeypatch):
    def failing():
        raise RuntimeError("out of luck")

    monkeypatch.setattr(
        parts, "_measurements", lambda part, *_: {"first": lambda: {"of": part}, "second": failing, "third": lambda: 3}
    )


def test_numbers_are_written_and_a_failure_is_one(canned, tmp_path):
    path, told = tmp_path / "bench.json", []
    results, failed = bench(("model",), Options(quick=True), path=path, tell=told.append)
    assert failed == ["model, second: failed: RuntimeError: out of luck"]
    assert [line.partition(":")[0] for line in told] == ["model, first", "model, second", "model, third"]
    content = read(path)
    assert content["results"] == results.results
    run = content["runs"][0]
    assert run["quick"] is True
    assert run["machine"]["device"] == "cpu"
    assert "numpy" in run["versions"]
    known = Measured([content])
    assert known("model", "first", device="cpu") == {"of": "model"}
    assert known("model", "first", device="gpu") is None
    assert known("model", "second") is None


def test_a_file_keeps_what_is_not_measured_again(canned, tmp_path):
    path = tmp_path / "bench.json"
    bench(("model",), Options(only=("first",)), path=path, tell=str)
    bench(("train",), Options(only=("first", "third"), quick=True), path=path, tell=str)
    content = read(path)
    assert {part: sorted(of) for part, of in content["results"].items()} == {
        "model": ["first"], "train": ["first", "third"],
    }  # fmt: skip
    assert [run["quick"] for run in content["runs"]] == [False, True]
    bench(("model",), Options(only=("first",)), path=path, tell=str)
    assert [run["quick"] for run in read(path)["runs"]] == [True, False]


@pytest.mark.parametrize(
    ("chosen", "options", "message"),
    [
        (("speed",), Options(), "part 'speed' is unknown"),
        (PARTS, Options(device="tpu"), "device 'tpu' is unknown"),
        (PARTS, Options(threads=0), "threads is 0"),
    ],
)
def test_bad_input(chosen, options, message):
    with pytest.raises(SpotlibError, match=message):
        bench(chosen, options)


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SpotlibError, match="no CUDA device"):
        bench(("model",), Options(device="cuda"))


def test_every_part_has_measurements():
    for part in PARTS:
        names = parts._measurements(part, Options(quick=True, report=True, threads=2), 2, print)
        assert len(names) >= 3, part
    assert "demo report" in names
    assert "evaluation, 2 threads" in parts._measurements("model", Options(), 2, print)


def test_the_command_for_bare_machines(canned, tmp_path, capsys):
    path = tmp_path / "bench.json"
    with pytest.raises(SystemExit, match="1 measurement"):
        command.main(["train", "--only", "second;third", "--json", str(path)])
    assert list(read(path)["results"]["train"]) == ["second", "third"]
    command.main(["model", "--only", "third"])
    assert json.loads("{" + capsys.readouterr().out.partition("\n{")[2])["model"]["third"]["found"] == 3
    with pytest.raises(SystemExit, match="part 'nonsense' is unknown"):
        command.main(["nonsense"])
