"""How many subjects, videos and events the data sets are reported to have, and counts of a table to hold against them.

Numbers of METHOD section 7, with who reports them. Counts under other conventions are other ground truths.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import get_args

from spotlib.datasets.conventions import Conventions, MissingOffset, UnknownApex, UnknownOnset, table_map, to_events
from spotlib.datasets.records import Annotations, Record
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind


@dataclass(frozen=True, kw_only=True)
class Published:
    """One report of a data set's size. None: not reported. ``convention``: what was left out, "" for nothing."""

    dataset: str
    part: str = ""
    version: str = ""
    convention: str = ""
    subjects: int | None = None
    videos: int | None = None  # folders of pictures
    videos_with_events: int | None = None
    frames: int | None = None
    macro: int
    micro: int
    source: str


PUBLISHED: tuple[Published, ...] = (
    Published(
        dataset="samm_lv",
        subjects=30,
        videos=147,
        frames=483_797,
        macro=343,
        micro=159,
        source="data set",
    ),
    Published(
        dataset="cas_me2",
        subjects=22,
        videos=97,
        videos_with_events=95,
        frames=251_822,
        macro=300,
        micro=57,
        source="data set",
    ),
    Published(
        dataset="cas_me2",
        convention="missing_offset = drop",
        subjects=22,
        macro=256,
        micro=57,
        source="data set, without the 44 MaE that have no offset",
    ),
    Published(
        dataset="cas_me3",
        part="A",
        version="v2",
        subjects=98,
        videos_with_events=956,
        macro=3346,
        micro=860,
        source="data set, part A v2",
    ),
    Published(
        dataset="cas_me3",
        part="A",
        version="v2",
        convention="max_micro = 15, max_macro = 120",
        macro=2364,
        micro=288,
        source="the length rule alone",
    ),
    Published(
        dataset="cas_me3",
        part="A",
        version="v2",
        convention="max_micro = 15, max_macro = 120, and more",
        macro=2231,
        micro=285,
        source="GIM",
    ),
    Published(
        dataset="cas_me3",
        part="A",
        version="v2",
        convention="max_micro = 15, max_macro = 120, and more",
        macro=2071,
        micro=277,
        source="LGSNet",
    ),
    Published(
        dataset="cas_me3",
        part="C",
        subjects=30,
        macro=0,
        micro=165,
        source="data set, part C",
    ),
)


def published(dataset: str, *, part: str = "") -> Published:
    """What is reported of a data set's whole table; ``part`` is that of cas_me3."""
    return reports(dataset, part=part)[0]


def reports(dataset: str, *, part: str = "") -> tuple[Published, ...]:
    """All reports of a data set, the one of its whole table first."""
    found = tuple(p for p in PUBLISHED if p.dataset == dataset and p.part == part)
    if not found:
        raise SpotlibError(f"nothing is published of data set {dataset!r}{f' part {part}' if part else ''}")
    return found


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Sizes of a table, or of the events made of it. ``videos`` are those with at least one event."""

    subjects: int
    videos: int
    macro: int
    micro: int
    unknown_onset: int = 0
    unknown_apex: int = 0
    missing_offset: int = 0
    unreachable: int = 0  # events that stay in the ground truth though nothing can hit them


def counts(annotations: Annotations, conventions: Conventions | None = None) -> Counts:
    """Count a table's records as they are, or, with ``conventions``, the events that they become.

    Lengths of the videos are not asked: nothing is lost past an end.
    """
    if conventions is None:
        return Counts(
            subjects=len({record.subject for record in annotations.records}),
            videos=len({record.video for record in annotations.records}),
            macro=sum(record.kind is Kind.MACRO for record in annotations.records),
            micro=sum(record.kind is Kind.MICRO for record in annotations.records),
            unknown_onset=sum(record.onset is None for record in annotations.records),
            unknown_apex=sum(record.apex is None for record in annotations.records),
            missing_offset=sum(record.offset is None for record in annotations.records),
        )
    by_video: dict[tuple[str, str], list[Record]] = {}
    for record in annotations.records:
        by_video.setdefault((record.subject, record.video), []).append(record)
    frame_map = table_map(annotations.dataset, conventions)
    events = {}
    for place, records in by_video.items():
        made, _ = to_events(records, conventions, dataset=annotations.dataset, frame_map=frame_map, n_frames=None)
        if made:
            events[place] = made
    flat = [event for made in events.values() for event in made]
    return Counts(
        subjects=len({subject for subject, _ in events}),
        videos=len(events),
        macro=sum(event.kind is Kind.MACRO for event in flat),
        micro=sum(event.kind is Kind.MICRO for event in flat),
        unknown_apex=sum(event.apex is None and event.reachable for event in flat),
        unreachable=sum(not event.reachable for event in flat),
    )


def alternatives(dataset: str) -> tuple[Conventions, ...]:
    """The conventions of a data set that are worth counting side by side, the default first."""
    default = Conventions()
    changes: list[dict[str, object]] = []
    if dataset == "samm_lv":
        changes += [{"unknown_onset": choice} for choice in get_args(UnknownOnset)]
        changes += [{"unknown_apex": choice} for choice in get_args(UnknownApex)]
    elif dataset == "cas_me2":
        changes += [{"missing_offset": choice} for choice in get_args(MissingOffset)]
    elif dataset == "cas_me3":
        changes += [{"max_micro": None, "max_macro": None}]
    made = [default, *(dataclasses.replace(default, **change) for change in changes)]  # type: ignore[arg-type]
    return tuple(dict.fromkeys(made))
