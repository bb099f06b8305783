"""What every format owes: the same frames back, and names of any kind unharmed."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from spotlib.errors import SpotlibError
from spotlib.event_table import EventTable, read_events_csv
from spotlib.exports import FORMATS, Spotted, UnknownRate, read_events, write_all, write_events
from spotlib.intervals import Event, Kind
from tests.exports.examples import EVENTS, INTERVIEW, NAMES, NASTY, NTSC, frames, named

READ = ["csv", "eaf", "textgrid", "boris", "json"]
RATES = [24000 / 1001, 24.0, 25.0, 29.97, NTSC, 30.0, 50.0, 59.94, 100.0, 119.88, 200.0, 240.0]


def there_and_back(folder: Path, spotted: Spotted, format: str) -> EventTable:
    return read_events(write_events(folder / FORMATS[format].file, spotted, format=format))


@pytest.mark.parametrize("format", READ)
def test_frames_scores_and_sides_come_back(tmp_path: Path, format: str) -> None:
    table = there_and_back(tmp_path, INTERVIEW, format)
    assert list(table.events) == ["interview"]
    events = table.events["interview"]
    assert frames(events) == frames(EVENTS)
    expected = {(e.kind, e.onset): (e.score, e.side, e.aus) for e in EVENTS}
    assert {(e.kind, e.onset): (e.score, e.side, e.aus) for e in events} == expected
    assert table.lengths == {"interview": 300}
    assert table.rates == {"interview": pytest.approx(NTSC, rel=1e-9)}


@st.composite
def results(draw: st.DrawFn) -> Spotted:
    """Any frame rate, up to three hours, regular or with a pause of the camera, events of any place and length."""
    fps = draw(st.sampled_from(RATES) | st.floats(24, 240))
    n_frames = int(draw(st.sampled_from([1, 40, 10_800])) * fps)
    onsets = st.integers(0, n_frames - 1)
    events = []
    for onset, length, kind in draw(
        st.lists(st.tuples(onsets, st.integers(1, 400), st.sampled_from(Kind)), max_size=9)
    ):
        offset = min(onset + length - 1, n_frames - 1)
        apex = draw(st.none() | st.integers(onset, offset))
        events.append(Event(kind, onset, apex, offset, score=draw(st.none() | st.integers(0, 10_000)) or None))
    events = [replace(e, score=None if e.score is None else e.score / 10_000) for e in events]
    seconds = None
    if n_frames < 10_000 and draw(st.booleans()):
        seconds = np.round(np.arange(n_frames) / fps, 6)
        seconds[draw(onsets) :] += draw(st.floats(0.002, 5))
    return Spotted(video="v", source="v.mp4", fps=fps, n_frames=n_frames, events=tuple(events), seconds=seconds)


@pytest.mark.parametrize("format", READ)
@settings(max_examples=40, deadline=None)
@given(spotted=results())
def test_any_result_comes_back(tmp_path_factory: pytest.TempPathFactory, format: str, spotted: Spotted) -> None:
    table = there_and_back(tmp_path_factory.mktemp(format), spotted, format)
    assert frames(table.events.get("v", [])) == frames(spotted.events)
    scores = sorted(event.score for event in spotted.events if event.score is not None)
    assert sorted(e.score for e in table.events.get("v", []) if e.score is not None) == scores


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("format", READ)
def test_names_survive(tmp_path: Path, format: str, name: str) -> None:
    table = there_and_back(tmp_path, named(name), format)
    assert list(table.events) == [name]
    assert frames(table.events[name]) == frames(EVENTS)


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_where_nothing_is_read_back(tmp_path: Path, name: str) -> None:
    write_all(tmp_path, named(name), ["vtt", "bids", "megc"])
    with (tmp_path / "megc.csv").open(newline="", encoding="utf-8") as file:
        assert {row["vid"] for row in csv.DictReader(file)} == {name}
    assert json.loads((tmp_path / "events.json").read_text())["Spotlib"]["video"] == name
    note = (tmp_path / "events.vtt").read_text(encoding="utf-8").split("\n\n")[1]
    assert json.loads(note.removeprefix("NOTE "))["video"] == name
    assert len(webvtt.read(tmp_path / "events.vtt").captions) == len(EVENTS)


@pytest.mark.parametrize("name", [name for name in NAMES if "\n" not in name])
def test_files_may_be_called_so_too(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name.replace("/", "_")
    for format in READ:
        path = write_events(folder / f"{name} {FORMATS[format].file}", named(name), format=format)
        assert list(read_events(path).events) == [name]


def test_no_event_at_all(tmp_path: Path) -> None:
    nothing = Spotted(video="calm", source="calm.mp4", fps=25.0, n_frames=100)
    for path in write_all(tmp_path, nothing):
        if path.suffix not in (".vtt", ".tsv") and path.name != "megc.csv":
            assert not len(read_events(path))
    assert read_events(tmp_path / "events.eaf").events == {"calm": []}
    for name in ("events.csv", "events.eaf"):
        with pytest.raises(SpotlibError, match=r"give at least one"):
            read_events(tmp_path / name, allow_empty=False)


@pytest.mark.parametrize("format", ["csv", "boris", "json"])
def test_several_videos_in_one_file(tmp_path: Path, format: str) -> None:
    other = replace(INTERVIEW, video=NASTY, events=EVENTS[:2], regions=(), warnings=(), fps=25.0)
    path = write_events(tmp_path / FORMATS[format].file, [INTERVIEW, other])
    table = read_events(path)
    assert {name: len(events) for name, events in table.events.items()} == {"interview": 6, NASTY: 2}
    assert table.rates[NASTY] == 25.0
    only = read_events(path, video=NASTY)
    assert list(only.events) == [NASTY]
    assert only.lengths == {NASTY: 300}
    with pytest.raises(SpotlibError, match=r"no video 'x' in it; give one of those found: 'interview', ' Интервью"):
        read_events(path, video="x")


def test_a_single_video_takes_the_name_that_is_given(tmp_path: Path) -> None:
    table = read_events(write_events(tmp_path / "a.eaf", INTERVIEW), video="talk 7")
    assert list(table.events) == ["talk 7"]
    assert table.rates == {"talk 7": NTSC}


def test_our_csv_is_a_table_of_events_for_everybody(tmp_path: Path) -> None:
    write_events(tmp_path / "events.csv", INTERVIEW)
    assert frames(read_events_csv(tmp_path / "events.csv").events["interview"]) == frames(EVENTS)
    with (tmp_path / "events.csv").open(newline="", encoding="utf-8") as file:
        first, *_ = csv.DictReader(file)
    assert first["onset_s"] == f"{5 / NTSC:.6f}"
    assert first["offset_s"] == f"{9 / NTSC:.6f}"
    assert first["score"] == ""
    assert first["synthetic"] == "no"
    assert first["weights"] == "twins 3f9a"


def test_megc_counts_from_one(tmp_path: Path) -> None:
    write_events(tmp_path / "m.csv", INTERVIEW, format="megc")
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert lines[:3] == ["vid,pred_onset,pred_offset,type", "interview,6,10,me", "interview,11,20,me"]
    assert lines[3] == "interview,11,61,mae"


@pytest.mark.parametrize(
    ("path", "format", "message"),
    [
        ("events.doc", None, "no format has the suffix '.doc'; use one of .csv, .eaf, .textgrid, .boris, .vtt"),
        ("events.eaf", "elan", "format 'elan' is unknown; choose from csv, eaf"),
    ],
)
def test_unknown_formats(tmp_path: Path, path: str, format: str | None, message: str) -> None:
    with pytest.raises(SpotlibError, match=message):
        write_events(tmp_path / path, INTERVIEW, format=format)
    assert list(tmp_path.iterdir()) == []


def test_formats_for_one_video_say_so(tmp_path: Path) -> None:
    with pytest.raises(SpotlibError, match="eaf holds one video, not 2; write a file for each"):
        write_events(tmp_path / "a.eaf", [INTERVIEW, INTERVIEW])
    with pytest.raises(SpotlibError, match="two videos are called 'interview'"):
        write_events(tmp_path / "a.boris", [INTERVIEW, INTERVIEW])


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(SpotlibError, match="cannot be written"):
        write_events(tmp_path / "taken" / "a.eaf", INTERVIEW)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.doc", b"x", "events are read from .csv, .eaf, .TextGrid, .boris and .json"),
        ("a.eaf", b"", "the file is empty"),
        ("a.TextGrid", b" \n", "the file is empty"),
        ("a.boris", b"[1, 2]", "neither a BORIS project nor spotlib's own"),
        ("a.boris", b'{"a": ', "row 1: not readable as JSON"),
        ("a.boris", b"[" * 200_000, "not readable as JSON"),
        ("a.json", b'{"a": ' + b"9" * 9999 + b"}", "not readable as JSON"),
        ("a.json", b'{"a": "\xff"}', "not UTF-8 text"),
        ("a.json", b'{"videos": 3}', "neither a BORIS project nor spotlib's own"),
        ("a.json", b'{"videos": [{"video": "v"}]}', "video 0 lacks its name, fps or n_frames"),
        ("a.json", b"{}", "no BORIS project"),
    ],
)
def test_broken_files_are_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SpotlibError) as caught:
        read_events(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"onset": "x"}, "is missing or no number"),
        ({"kind": "blink"}, "is missing or no number"),
        ({"offset": 3}, "offset before onset"),
        ({"offset": 300}, "ends beyond the 300 frames"),
        ({"onset": 1e400}, "is missing or no number"),
    ],
)
def test_events_of_our_json_that_do_not_fit(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = write_events(tmp_path / "spotted.json", INTERVIEW)
    content = json.loads(path.read_text())
    content["videos"][0]["events"][1].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(SpotlibError, match=f"video 'interview', event 1: .*{message}"):
        read_events(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SpotlibError, match=r"a.eaf: no such file; check the name"):
        read_events(tmp_path / "a.eaf")
    (tmp_path / "b.boris").mkdir()
    with pytest.raises(SpotlibError, match="cannot be read"):
        read_events(tmp_path / "b.boris")


def test_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_events(tmp_path / "a.eaf", INTERVIEW)
    monkeypatch.setattr("spotlib.exports.files.MAX_BYTES", 2**20)
    assert len(read_events(path)) == 6
    with path.open("ab") as file:
        file.truncate(2**20 + 1)
    with pytest.raises(SpotlibError, match="larger than 1 MiB; this is no file of annotations"):
        read_events(path)


@pytest.mark.parametrize("fps", [0.0, -3.0, float("nan")])
def test_a_rate_that_is_none(tmp_path: Path, fps: float) -> None:
    path = write_events(tmp_path / "a.csv", INTERVIEW)
    with pytest.raises(SpotlibError, match="no rate of a video") as caught:
        read_events(path, fps=fps)
    assert not isinstance(caught.value, UnknownRate)
