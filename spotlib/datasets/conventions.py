"""Ground-truth conventions: what is done about events whose table leaves a number out, or that papers leave out.

F1s under different conventions are not comparable, so every table made from events names those that matter for its
data set (METHOD section 7). The order is fixed: a convention decides in the table's own numbers, then the frame map
turns them into frames, then they are clamped to the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from spotlib.datasets.records import SAMPLINGS, Finding, FrameMap, Record, Severity
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind

UnknownOnset = Literal["keep", "drop", "first_frame"]
UnknownApex = Literal["midpoint", "drop"]
MissingOffset = Literal["onset_plus_20", "apex", "apex_plus_20", "drop", "keep_zero"]

#: the parameters that matter per data set; the others change nothing there
RELEVANT: dict[str, tuple[str, ...]] = {
    "samm_lv": ("sampling", "unknown_onset", "unknown_apex"),
    "cas_me2": ("missing_offset",),
    "cas_me3": ("part", "max_micro", "max_macro"),
}
ADDED = 20  # frames of `onset_plus_20` and `apex_plus_20`


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """One choice per question; the defaults are SpotFormer's (METHOD section 7).

    ``max_micro`` and ``max_macro`` are the largest offset - onset in the table's frames, as the spotting papers count
    (an event of 121 frames, both ends included, is kept under 120); None keeps all.
    """

    sampling: str = "every_7th_round"  # SAMM-LV: a key of SAMPLINGS
    unknown_onset: UnknownOnset = "keep"  # SAMM-LV; keep: the table's 0, which is before the first picture
    unknown_apex: UnknownApex = "midpoint"  # SAMM-LV; midpoint: the event has no apex, labels take its middle
    missing_offset: MissingOffset = "onset_plus_20"  # CAS(ME)^2
    max_micro: int | None = 15  # CAS(ME)^3
    max_macro: int | None = 120  # CAS(ME)^3

    def __post_init__(self) -> None:
        choices = {
            "sampling": tuple(SAMPLINGS),
            "unknown_onset": get_args(UnknownOnset),
            "unknown_apex": get_args(UnknownApex),
            "missing_offset": get_args(MissingOffset),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise SpotlibError(f"{name} is {getattr(self, name)!r}; choose {', '.join(known[:-1])} or {known[-1]}")
        for name in ("max_micro", "max_macro"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise SpotlibError(f"{name} is {value}; give a number of frames from 0 on, or none to keep all")

    def describe(self, dataset: str) -> str:
        """The choices that matter for a data set, for captions.

        >>> Conventions().describe("cas_me2"), Conventions(max_macro=None).describe("cas_me3")
        ('missing_offset = onset_plus_20', 'max_micro = 15, max_macro = none')
        """
        names = [name for name in RELEVANT.get(dataset, ()) if hasattr(self, name)]
        values = {name: getattr(self, name) for name in names}
        return ", ".join(f"{name} = {'none' if value is None else value}" for name, value in values.items())

    def longest(self, kind: Kind) -> int | None:
        """Largest offset - onset of that kind; None: no limit."""
        return self.max_micro if kind is Kind.MICRO else self.max_macro


def table_map(dataset: str, conventions: Conventions, *, first: int | None = None) -> FrameMap:
    """From a data set's table to frames (METHOD section 2). ``first``: number of the first picture, where it varies.

    >>> table_map("samm_lv", Conventions()).frame(15), table_map("cas_me3", Conventions(), first=5).frame(15)
    (2, 10)
    """
    if dataset == "samm_lv":
        return SAMPLINGS[conventions.sampling]
    return FrameMap(first=first if first is not None else int(dataset == "cas_me2"))


@dataclass(frozen=True)
class _Span:
    """What the conventions make of a record, still in the table's numbers."""

    onset: float
    apex: float | None
    offset: float
    reachable: bool = True


def to_events(
    records: Sequence[Record],
    conventions: Conventions,
    *,
    dataset: str,
    frame_map: FrameMap,
    n_frames: int | None,
) -> tuple[tuple[Event, ...], tuple[Finding, ...]]:
    """Events of one video, and what happened to its records on the way.

    Args:
        records: the records of one video, in the table's numbers.
        conventions: of them only those apply that are RELEVANT for ``dataset``.
        dataset: name of the data set; one without conventions ("own") keeps what is complete.
        frame_map: from the table's numbers to frames.
        n_frames: length of the video in frames; None: not known, nothing is cut at its end.

    Returns:
        Events by onset, and findings. An event that a convention leaves out is a ``note``: that is the ground truth
        which was asked for. It is ``loses`` if the data are to blame: past the last frame, or a number is missing
        for which this data set has no convention. An apex outside of its event becomes the nearest end.
    """
    events, findings = [], []
    for record in records:
        span = _decide(record, conventions, RELEVANT.get(dataset, ()))
        if isinstance(span, Finding):
            findings.append(span)
            continue
        event, found = _placed(record, span, frame_map, n_frames)
        findings.extend(found)
        if event is not None:
            events.append(event)
    return tuple(sorted(events, key=lambda e: (e.onset, e.offset, e.kind))), tuple(findings)


def _decide(record: Record, conventions: Conventions, relevant: Sequence[str]) -> _Span | Finding:
    """Apply the conventions to one record; a finding if it makes no event."""
    onset, apex, offset = record.onset, record.apex, record.offset
    if onset is None:
        if "unknown_onset" not in relevant:
            return _said(record, "loses", "missing-onset", "no onset; the event is not used")
        if conventions.unknown_onset == "drop":
            return _said(record, "note", "dropped", "left out, its onset is unknown (unknown_onset = drop)")
        onset = 0.0 if conventions.unknown_onset == "keep" else 1.0  # pictures count from 1
    if apex is None and "unknown_apex" in relevant and conventions.unknown_apex == "drop":
        return _said(record, "note", "dropped", "left out, its apex is unknown (unknown_apex = drop)")
    if offset is None:
        if "missing_offset" not in relevant:
            return _said(record, "loses", "missing-offset", "no offset; the event is not used")
        filled = _filled(onset, apex, conventions.missing_offset)
        if filled is None and conventions.missing_offset == "drop":
            return _said(record, "note", "dropped", "left out, it has no offset (missing_offset = drop)")
        if filled is None:
            message = f"neither apex nor offset; not used (missing_offset = {conventions.missing_offset})"
            return _said(record, "loses", "missing-offset", message)
        return filled
    if offset < onset:
        return _said(record, "loses", "offset-before-onset", f"offset {offset:g} before onset {onset:g}; not used")
    longest = conventions.longest(record.kind) if f"max_{record.kind}" in relevant else None
    if longest is not None and offset - onset > longest:
        message = f"left out, offset - onset is {offset - onset:g} (max_{record.kind} = {longest})"
        return _said(record, "note", "too-long", message)
    return _Span(onset, apex, offset)


def _filled(onset: float, apex: float | None, choice: MissingOffset) -> _Span | None:
    """An event without offset; None: it cannot be had under this choice, or is not wanted."""
    if choice == "onset_plus_20":
        return _Span(onset, apex, onset + ADDED)
    if choice == "keep_zero":
        # the released code keeps [onset, 0], which nothing can overlap: an event that is always missed
        return _Span(onset, None, onset, reachable=False)
    if choice == "drop" or apex is None:
        return None
    return _Span(onset, apex, max(onset, apex) + (ADDED if choice == "apex_plus_20" else 0))


def _placed(
    record: Record, span: _Span, frame_map: FrameMap, n_frames: int | None
) -> tuple[Event | None, list[Finding]]:
    """Turn numbers into frames, and cut what is outside of the video."""
    first, last = frame_map.frame(span.onset), frame_map.frame(span.offset)
    end = n_frames - 1 if n_frames is not None else max(last, 0)
    if last < 0:
        message = f"its offset {span.offset:g} is before the first picture, {frame_map.first}; the event is not used"
        return None, [_said(record, "loses", "before-start", message)]
    if max(first, 0) > end:
        message = f"{span.onset:g} to {span.offset:g} is past the last picture, {frame_map.number(end)}; not used"
        return None, [_said(record, "loses", "past-end", message)]
    findings = []
    if last > end:
        message = f"offset {span.offset:g} is past the last picture, {frame_map.number(end)}; the event ends with it"
        findings.append(_said(record, "changes", "past-end", message))
    if first < 0 and record.onset is not None:
        message = f"onset {record.onset:g} is before the first picture, {frame_map.first}; the event begins with it"
        findings.append(_said(record, "changes", "before-start", message))
    if record.offset is None and span.apex is not None and span.apex > span.offset:
        message = f"apex {span.apex:g} is past the offset of the convention, {span.offset:g}, and becomes it"
        findings.append(_said(record, "changes", "apex-past-convention", message))
    onset, offset = max(first, 0), min(last, end)
    apex = None if span.apex is None else min(max(frame_map.frame(span.apex), onset), offset)
    event = Event(record.kind, onset, apex, offset, record.aus, record.side, note=record.note, reachable=span.reachable)
    return event, findings


def _said(record: Record, severity: Severity, what: str, message: str) -> Finding:
    return Finding(
        severity=severity, what=what, message=f"{record.video}: {record.kind}: {message}", origin=record.origin
    )
