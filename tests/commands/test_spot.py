"""`spotlib spot` and `spotlib train` from the command line: one line for what goes wrong, files for what goes well."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from spotlib.cli import cli
from spotlib.errors import SpotlibError
from spotlib.spot import load_result
from spotlib.spot.weights import load_weights, save_weights
from tests.conftest import TINY
from tests.spot.factory import pictures, tiny_weights, write_file

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with weights and a clip."""
    folder = tmp_path_factory.mktemp("place")
    save_weights(folder / "tiny.safetensors", tiny_weights(1))
    write_file(folder / "acted.mp4", pictures())
    return folder


def run(*arguments: object) -> str:
    """Standard output of a command that goes well."""
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def error(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert isinstance(done.exception, SpotlibError), done.output
    return str(done.exception)


def test_one_video(place, tmp_path) -> None:
    video = tmp_path / "my 'first' 视频.mp4"
    shutil.copy(place / "acted.mp4", video)
    arguments = ["spot", video, "--out", tmp_path / "out", "--weights", place / "tiny.safetensors", "--formats",
                 "eaf,textgrid,boris,webvtt,bids,megc,json"]  # fmt: skip
    said = run(*arguments)
    assert "2 macro, 2 micro in 2.4 s of video" in said
    folder = tmp_path / "out" / "my_first_视频"
    files = {path.name for path in folder.iterdir()}
    assert files >= {"events.csv", "events.eaf", "events.TextGrid", "events.boris", "events.vtt", "events.tsv",
                     "megc.csv", "spotted.json", "scores.npz", "result.json", "report.html"}  # fmt: skip
    with open(folder / "events.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for row in rows:
        assert row["video"] == "my 'first' 视频"
        assert float(row["onset_s"]) == pytest.approx(int(row["onset"]) / 30, abs=1e-3)
        assert row["region"] in ("brow", "mouth corner", "lips")
        assert 0 < float(row["score"]) <= 1
    result = load_result(folder)
    assert all(moment is not None for moment in result.moments)
    assert "视频" in (folder / "report.html").read_text(encoding="utf-8")
    assert "done before" in run(*arguments)
    assert "done before" not in run(*arguments, "--force", "--no-pictures")


def test_a_batch_with_a_failure_goes_on(place, tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_text("nothing")
    shutil.copy(place / "acted.mp4", tmp_path / "in" / "b.mp4")
    arguments = ["spot", tmp_path / "in", "--out", tmp_path / "out", "--weights", place / "tiny.safetensors",
                 "--no-pictures"]  # fmt: skip
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert "2 macro, 2 micro" in done.stdout
    assert str(done.exception).startswith("1 of 2 videos failed, the first: ")
    with open(tmp_path / "out" / "summary.csv", encoding="utf-8", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["failed", "done"]


def test_live_from_a_file(place, tmp_path) -> None:
    said = run("spot", "--stream", place / "acted.mp4", "--weights", place / "tiny.safetensors", "--out", tmp_path)
    lines = said.splitlines()
    assert len([line for line in lines if " micro " in line or " macro " in line]) >= 4
    assert "score" in lines[0]
    result = load_result(tmp_path / "acted")
    assert result.settings["live"] is True
    assert any("72 frames, 0 dropped" in note for note in result.settings["notes"])


def test_what_is_wrong(place, tmp_path, monkeypatch) -> None:
    weights = ["--weights", place / "tiny.safetensors"]
    video = place / "acted.mp4"
    assert "one of the three" in error("spot", *weights)
    assert "one of the three" in error("spot", video, "--camera", 0)
    assert "--realtime goes with --stream" in error("spot", video, "--realtime")
    assert "--stop-after goes with" in error("spot", video, "--stop-after", 3)
    assert "kinds are macro and micro" in error("spot", video, *weights, "--kinds", "nano")
    assert "from 0 to 1" in error("spot", video, *weights, "--min-score", 7)
    assert "unknown; choose from" in error("spot", video, *weights, "--formats", "docx")
    assert "camera 77: not found" in error("spot", "--camera", 77, *weights)
    assert "not spotlib's weights" in error("spot", video, "--weights", video)
    assert "no such file of weights" in error("spot", video, "--weights", tmp_path / "w.safetensors")
    assert "no such file or folder" in error("spot", tmp_path / "absent.mp4", *weights, "--out", tmp_path / "out")
    (tmp_path / "file").touch()
    assert "cannot be written" in error("spot", video, *weights, "--out", tmp_path / "file")
    assert "cannot be written" in error("spot", "--stream", video, *weights, "--out", tmp_path / "file" / "x")


def test_errors_are_one_line_and_interrupts_leave_nothing_half_done(place, tmp_path) -> None:
    command = [sys.executable, "-m", "spotlib.cli", "spot"]
    weights = ["--weights", str(place / "tiny.safetensors")]
    options = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run([*command, str(tmp_path / "absent.mp4"), *weights, "--out", str(tmp_path / "a")], **options)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "mind:" not in line] == [
        f"spotlib: {tmp_path}/absent.mp4: no such file or folder; check the name"
    ]
    slow = [*command, "--stream", str(place / "acted.mp4"), "--realtime", *weights]
    process = subprocess.Popen(slow, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "Ctrl-C ends" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode in (0, 1)  # 1: so early that there were too few frames


def test_train_and_use(tmp_path, tiny_results, place) -> None:
    changes = {**TINY, "epochs": 1, "steps_per_epoch": 2, "candidate_epochs": 1}
    given = [text for name, value in changes.items() for text in ("-p", f"{name}={value}")]
    out = tmp_path / "own.safetensors"
    said = run("train", "demo", "--export", out, "--results", tiny_results, *given)
    assert said.split() == [str(out), str(tmp_path / "own.md")]
    weights = load_weights(out)
    assert weights.synthetic
    assert weights.trained_on["data sets"] == ["demo (synthetic twin)"]
    assert "no lie detector" in (tmp_path / "own.md").read_text(encoding="utf-8")
    run("spot", place / "acted.mp4", "--weights", out, "--out", tmp_path / "out", "--no-pictures")
    assert load_result(tmp_path / "out" / "acted").spotted.weights.startswith("own (")
    assert "written as .safetensors" in error("train", "demo", "--export", tmp_path / "x.npz")
    assert "unknown data set" in error("train", "samm", "--export", out)
    assert "--device tpu7: not usable here" in error("train", "demo", "--export", out, "--device", "tpu7")
    assert "folder of one data set" in error("train", "demo", "samm_lv", "--export", out, "--root", tmp_path)
