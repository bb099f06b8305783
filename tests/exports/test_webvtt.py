from __future__ import annotations

from dataclasses import replace
from html import unescape
from pathlib import Path

import webvtt

from spotlib.exports import Spotted, write_events
from spotlib.intervals import Event, Kind
from tests.exports.examples import INTERVIEW, NTSC


def test_webvtt_py_reads_it(tmp_path: Path) -> None:
    captions = webvtt.read(write_events(tmp_path / "a.vtt", INTERVIEW)).captions
    assert [caption.text.split(";")[0] for caption in captions] == [
        "micro apex 0.234 s", "micro 0.3300", "macro 0.9125", "macro 0.5000", "macro 0.2500", "micro 1.0000",
    ]  # fmt: skip
    for caption, row in zip(captions, INTERVIEW.rows, strict=True):
        assert abs(caption.start_in_seconds - row.onset) <= 1
        hours, minutes, seconds = caption.start.split(":")
        assert abs(3600 * int(hours) + 60 * int(minutes) + float(seconds) - row.event.onset / NTSC) <= 0.0005


def test_texts_and_long_times(tmp_path: Path) -> None:
    event = Event(Kind.MICRO, 25 * 3600 * 101, None, 25 * 3600 * 101 + 4)
    region = "a --> b & <i>c</i>\n\nWEBVTT"
    long = Spotted(video="--> day", source="x", fps=25, n_frames=25 * 3600 * 102, events=(event,), regions=(region,))
    path = write_events(tmp_path / "a.vtt", long)
    (caption,) = webvtt.read(path).captions
    assert (caption.start, caption.end) == ("101:00:00.000", "101:00:00.200")
    assert unescape(caption.text) == "micro region a --> b & <i>c</i> WEBVTT"
    assert path.read_text(encoding="utf-8").count("-->") == 1, "an arrow anywhere else would be a time"


def test_nothing_spotted(tmp_path: Path) -> None:
    empty = replace(INTERVIEW, events=(), regions=(), warnings=())
    assert webvtt.read(write_events(tmp_path / "a.vtt", empty)).captions == []
