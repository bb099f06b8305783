"""Results to export: an ordinary one, and one whose every text is as hostile as a file system allows."""

from __future__ import annotations

from dataclasses import replace

from spotlib.exports import Spotted
from spotlib.intervals import Event, Kind

NTSC = 30000 / 1001
EVENTS = (
    Event(Kind.MACRO, 10, 20, 60, side="left", score=0.9125, aus=("4", "12")),
    Event(Kind.MACRO, 40, 50, 90, score=0.5),  # overlaps with the one before
    Event(Kind.MACRO, 61, None, 80, score=0.25),  # begins where the first ends
    Event(Kind.MICRO, 5, 7, 9),  # without score
    Event(Kind.MICRO, 10, 12, 19, side="right", score=0.33),
    Event(Kind.MICRO, 290, 299, 299, score=1.0),  # to the last frame
)
INTERVIEW = Spotted(
    video="interview",
    source="interview.mp4",
    fps=NTSC,
    n_frames=300,
    events=EVENTS,
    regions=("mouth corner", None, "brow", None, "left eyelid", "chin"),
    warnings=((), ("poor light", "head turned"), (), (), (), ()),
    weights="twins 3f9a",
)
#: spaces at the ends, quotes, mark-up, commas, line ends, tabs, what XML cannot hold, what ends a line for Unicode,
#: the arrow and the end of a section of WebVTT and XML, Cyrillic, Chinese, Arabic, a picture beyond 16 bits
NASTY = " Интервью №1 “面试” 'it\"s' <&amp;> , ; --> ]]> a\nb\r\nc\td\x01\x0b\x85\u2028 مقابلة 🎬 \\n \\u0041 "
NAMES = [
    "two words", 'say "cheese"', "it's", "<&>", "a,b;c", "one\ntwo", "Интервью", "面试 3", "é e\u0301", "#1 100%",
    NASTY,
]  # fmt: skip


def named(video: str) -> Spotted:
    """`INTERVIEW` under another name."""
    return replace(INTERVIEW, video=video, source=video.replace("/", "_") + ".mp4")


def frames(events: list[Event] | tuple[Event, ...]) -> list[tuple[Kind, int, int | None, int]]:
    """What must come back exactly from every format, in one order."""
    found = [(event.kind, event.onset, event.apex, event.offset) for event in events]
    return sorted(found, key=lambda item: (item[0], item[1], item[3]))
