from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spotlib.commands.imports import import_command
from spotlib.errors import SpotlibError
from spotlib.event_table import read_events_csv
from spotlib.exports import write_events
from tests.exports.examples import EVENTS, INTERVIEW, NASTY, frames, named


def spotlib_import(*arguments: object) -> Result:
    return CliRunner().invoke(import_command, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", ["a.eaf", "a.TextGrid", "a.boris", "a.json"])
def test_a_file_becomes_a_table(tmp_path: Path, name: str) -> None:
    done = spotlib_import(write_events(tmp_path / name, INTERVIEW))
    assert done.exit_code == 0, done.output
    assert done.output == f"{tmp_path / 'a.csv'}: 6 events of 1 video (3 macro, 3 micro)\n"
    table = read_events_csv(tmp_path / "a.csv")
    assert frames(table.events["interview"]) == frames(EVENTS)
    assert table.lengths == {"interview": 300}


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.csv", INTERVIEW)
    before = path.read_bytes()
    done = spotlib_import(path)
    assert isinstance(done.exception, SpotlibError)
    assert str(done.exception) == f"{path}: is there already; name the table to write with --out"
    assert path.read_bytes() == before
    out = tmp_path / "new folder" / "b.csv"
    assert spotlib_import(path, "--out", out).exit_code == 0
    assert spotlib_import(path, "--out", out).exit_code == 0, "asked for by name"
    assert frames(read_events_csv(out).events["interview"]) == frames(EVENTS)


def test_options(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.boris", [INTERVIEW, named("two words"), named(NASTY)])
    done = spotlib_import(path, "--video", "two words", "--fps", 60)
    assert "6 events of 1 video " in done.output
    table = read_events_csv(tmp_path / "a.csv")
    assert table.rates == {"two words": 60.0}
    assert isinstance(spotlib_import(path, "--video", "x", "--out", tmp_path / "x.csv").exception, SpotlibError)
    assert not (tmp_path / "x.csv").exists()


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.TextGrid", INTERVIEW)
    path.write_text(path.read_text(encoding="utf-8").replace('"macro 2"', '"speech"'), encoding="utf-8")
    done = spotlib_import(path)
    assert "note: not read: 'speech'" in done.output
    assert "5 events of 1 video" in done.output
