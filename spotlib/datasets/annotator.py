"""A twin's events as an annotator would have written them down: in the real table's numbers, with its gaps and slips.

The truth of a twin is exact. The tables of the real data sets are not: onsets, apexes and offsets are missing, numbers
are fractional, sides are not told. What is done about that is a convention (`conventions`), and a pipeline that was
only tried on exact events has not been tried. Shares of each slip: METHOD section 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spotlib.actor.streams import stream
from spotlib.datasets.au_text import format_aus, parse_aus
from spotlib.datasets.records import SAMPLINGS, Origin, Record
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.twin_files import first_number, subject_code, video_code
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind


@dataclass(frozen=True, kw_only=True)
class Slips:
    """How often an annotator leaves something out, each as a share of those it can happen to."""

    unknown_onset: float = 0.0  # of the videos whose first event is a MaE near their beginning
    unknown_apex: float = 0.0  # of all events
    missing_offset: float = 0.0  # of the MaE
    apex_outside: float = 0.0  # of all events
    fractional: float = 0.0  # of the MaE
    intensities: float = 0.0  # of all events: "12C" instead of "12"
    doubtful: float = 0.0  # of all events: "31?"


SLIPS = {
    # 11 of 343 MaE; so many videos begin that way. 6 of 502 apexes; 178 of the 343 MaE have fractions, no ME has
    "samm_lv": Slips(
        unknown_onset=0.3, unknown_apex=6 / 502, fractional=178 / 343, intensities=0.55, doubtful=10 / 502
    ),
    "cas_me2": Slips(unknown_apex=1 / 357, missing_offset=44 / 300, apex_outside=3 / 357),
    "cas_me3": Slips(),
}
NEAR = 1.5  # s from the beginning within which an event counts as one that began before the video


@dataclass(frozen=True)
class Row:
    """One row of a table: what a reader makes of it, and the AU text that stands there."""

    record: Record
    aus: str


def rows(video: TwinVideo, dataset: str, part: str = "A") -> tuple[Row, ...]:
    """The rows of one video in the order of the table; the same whenever they are asked for.

    A video with a script has the rows that it was made from. Raises SpotlibError for a data set without table.
    """
    if dataset not in SLIPS:
        raise SpotlibError(f"{dataset}: nobody annotates this twin; choose {', '.join(SLIPS)}")
    if video.script is not None:
        return tuple(Row(record, _text_again(record)) for record in video.script.records)
    rng = stream(video.seed, "annotator", video.person, video.number)
    slips = SLIPS[dataset]
    events = list(video.events)
    unknown = _unknown_onset(rng, slips, video)
    order = rng.permutation(len(events)) if dataset == "samm_lv" else np.arange(len(events))
    found = []
    for row, k in enumerate(order.tolist()):
        own = stream(video.seed, "annotator", video.person, video.number, k)
        onset, apex, offset = _numbers(own, slips, events[k], video, dataset, part)
        if k == 0 and unknown:
            onset = None
        text = _au_text(own, slips, events[k], dataset, part)
        said = parse_aus(text)
        record = Record(
            subject=subject_code(video, dataset, part),
            video=video_code(video, dataset, part),
            kind=events[k].kind,
            onset=onset,
            apex=apex,
            offset=offset,
            aus=said.aus,
            side=said.side,
            note=f"AUs as written: {text}" if said.doubtful else "",
            origin=Origin(file=f"twin of {dataset}", sheet=video_code(video, dataset, part), row=row + 1),
        )
        found.append(Row(record, text))
    return tuple(found)


def records(video: TwinVideo, dataset: str, part: str = "A") -> tuple[Record, ...]:
    """What a reader of the real table would make of the `rows` of a video, in the table's own frame numbers."""
    return tuple(row.record for row in rows(video, dataset, part))


def _unknown_onset(rng: np.random.Generator, slips: Slips, video: TwinVideo) -> bool:
    """Whether the first event was already going on, as far as the annotator can tell, when the video began."""
    drawn = rng.random() < slips.unknown_onset
    first = video.events[0] if video.events else None
    return bool(drawn and first is not None and first.kind is Kind.MACRO and first.onset < NEAR * video.fps)


def _numbers(
    rng: np.random.Generator, slips: Slips, event: Event, video: TwinVideo, dataset: str, part: str
) -> tuple[float | None, float | None, float | None]:
    """Onset, apex, offset of one event in the table's numbers; None: not told."""
    first = first_number(video, dataset)
    assert event.apex is not None  # a twin knows its apexes
    onset, apex, offset = (float(frame + first) for frame in (event.onset, event.apex, event.offset))
    macro = event.kind is Kind.MACRO
    draws = rng.random(4)
    if macro and draws[0] < slips.fractional:
        onset, apex, offset = (_fraction(rng, number) for number in (onset, apex, offset))
    if part == "C" or draws[1] < slips.unknown_apex:
        return onset, None, offset
    if macro and draws[2] < slips.missing_offset:
        return onset, apex, None
    if draws[3] < slips.apex_outside:
        apex = offset + float(rng.integers(1, 7))
    return onset, apex, offset


def _fraction(rng: np.random.Generator, number: float) -> float:
    """A number near a whole one that both samplings of SAMM-LV take for the same frame."""
    near = [number + step for step in (-0.4, -0.2, 0.2, 0.4)]
    same = [x for x in near if all(s.frame(x) == s.frame(number) for s in SAMPLINGS.values())]
    return same[int(rng.integers(len(same)))] if same else number


def _au_text(rng: np.random.Generator, slips: Slips, event: Event, dataset: str, part: str) -> str:
    """AUs in the manner of the table; a reader finds the event's own AUs and, where the table has sides, its side."""
    draws = rng.random(3)
    side = "both" if dataset == "cas_me2" else event.side
    parts = format_aus(event.aus, side).split("+")
    if draws[0] < slips.intensities:
        letters = ("A", "B", "C", "D", "(A/B)", "(B/C)")
        parts = [text + letters[int(rng.integers(len(letters)))] for text in parts]
    if side == "both" and draws[0] < slips.intensities and draws[1] < 0.15:
        parts[0] = "A" + parts[0]  # asymmetric
    text = ("," if part == "C" else "+").join(parts)
    return text + " ?" if draws[2] < slips.doubtful else text


def _text_again(record: Record) -> str:
    """The AU text of a record that was read from a table: word by word where it was kept."""
    _, kept, written = record.note.partition("AUs as written: ")
    return written if kept else format_aus(record.aus, record.side)
