from __future__ import annotations

import json
import subprocess
import sys

import pytest

from spotlib.bench import load
from spotlib.errors import SpotlibError

#: holds 40 MB, tells its progress, and then holds 160 MB in a child of its own
PROGRAM = """
import os, subprocess, sys, time
from pathlib import Path
meter = Path(os.environ["SPOTLIB_METER"])
held = bytearray(os.urandom(1)) * (40 * 2**20)
for done in (0, 30, 60):
    meter.write_text(f"v\\t{done}\\t90\\tframes")
    time.sleep(0.15)
meter.write_text("")
subprocess.run([sys.executable, "-c", "import time; x = bytearray(b'x') * (160 * 2**20); time.sleep(0.4)"])
"""


def test_memory_and_progress_of_a_command(tmp_path):
    seen = load.watch([sys.executable, "-c", PROGRAM], every=0.03, folder=tmp_path)
    assert 200 < seen["peak memory, MB"] < 320  # with its child
    frames = [done for _, done, _ in seen["series"]]
    assert frames == sorted(frames)
    assert {0.0, 30.0, 60.0} <= set(frames)
    assert frames[-1] == 60  # the meter is empty while the report is written
    assert max(mb for _, _, mb in seen["series"][:8]) < 150
    assert 0.8 < seen["seconds"] < 60


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(SpotlibError, match=r"bench: .* ended with 3: too bad$"):
        load.watch([sys.executable, "-c", "import sys; print('too bad'); sys.exit(3)"], every=0.01, folder=tmp_path)


def test_numbers_become_a_plot(tmp_path):
    series = [[float(k), 10.0 * k, 300.0 + k] for k in range(40)]
    video = {"minutes": 10, "frames": 390, "seconds": 39, "frames a second": 10.0, "peak memory, MB": 340.0,
             "results, MB": 1.0, "series": series}  # fmt: skip
    figure = load.plot({"videos": [video, {**video, "minutes": 60}]})
    assert "10 minutes: 340 MB, 10 frames a second" in figure.alt
    speed = figure.canvas.axes[1].lines[0].get_ydata()
    assert list(speed) == pytest.approx([10.0] * 30)
    (tmp_path / "n.json").write_text(json.dumps({"videos": [video]}))
    load.main(["--from", str(tmp_path / "n.json"), "--plot", str(tmp_path / "p.png")])
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_wrong_is_one_line(tmp_path, capsys):
    for arguments in (["--minutes", "x"], ["--from", str(tmp_path / "none.json")]):
        with pytest.raises(SystemExit, match="^spotlib: "):
            load.main(arguments)


def test_the_command_is_the_one_that_people_call(tmp_path, monkeypatch):
    called = []

    def fake(command, *, every, folder):
        called.append(command)
        (folder / "out-1").mkdir()
        (folder / "out-1" / "events.csv").write_bytes(bytes(2**20))
        assert subprocess.run([sys.executable, "-m", "spotlib.cli", *command[3:4], "--help"]).returncode == 0
        return {"seconds": 9.0, "peak memory, MB": 100.0, "series": []}

    monkeypatch.setattr(load, "watch", fake)
    monkeypatch.setattr(load, "CLIP", 1.0)
    found = load.run([1], path=tmp_path / "n.json", arguments=["--no-pictures"])
    assert called[0][1:4] == ["-m", "spotlib.cli", "spot"]
    assert called[0][-1] == "--no-pictures"
    (video,) = json.loads((tmp_path / "n.json").read_text())["videos"]
    assert video == found["videos"][0]
    assert (video["frames"], video["frames a second"], video["results, MB"]) == (1800, 200.0, 1.0)
