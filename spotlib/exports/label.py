"""The text of an annotation, and the names of tiers, as people see and edit them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from spotlib.errors import SpotlibError
from spotlib.event_table import SIDES
from spotlib.exports.files import plain
from spotlib.exports.spotted import Row
from spotlib.intervals import KINDS, Kind

ABOUT_TIER = "spotlib"  # of formats without a place for the name and frame rate of the video

# one run of spaces at a place only: with two that touch, a label of many spaces would take hours
_SCORE = re.compile(r"(?:score(?:\s*[:=])?\s*)?(0?[.,]\d+|1[.,]0*)(?=\s|$)", re.IGNORECASE)
_APEX = re.compile(r"apex(?:\s*[:=])?\s*(\d{1,9}(?:[.,]\d{1,9})?)\s*s?", re.IGNORECASE)
_AUS = re.compile(r"AUs?(?:\s*[:=])?\s*([0-9][0-9+ ]*)", re.IGNORECASE)
_TIER = re.compile(r"(macro|micro)(?: ?expressions?)?(?: ?\d+)?")


class Label(NamedTuple):
    """What a label tells; None or empty where it does not."""

    score: float | None = None
    apex: float | None = None  # seconds
    side: str = "both"
    aus: tuple[str, ...] = ()


def write_label(row: Row) -> str:
    """One line: score, apex, side, action units, region and warnings, each if there is one.

    >>> from spotlib.intervals import Event
    >>> event = Event(Kind.MICRO, 3, 5, 9, side="left", score=0.8312)
    >>> write_label(Row(event, 0.1, 0.1667, 0.3, 0.3333, "mouth corner", ()))
    '0.8312; apex 0.167 s; left; region mouth corner'
    """
    event = row.event
    parts = []
    if event.score is not None:
        parts.append(f"{event.score:.4f}")
    if row.apex is not None:
        parts.append(f"apex {row.apex:.3f} s")
    if event.side != "both":
        parts.append(event.side)
    if event.aus:
        parts.append(f"AU {'+'.join(event.aus)}")
    if row.region:
        parts.append(f"region {row.region}")
    parts += [f"warning: {warning}" for warning in row.warnings]
    return "; ".join(plain(part).replace(";", ",") for part in parts)


def read_label(text: str) -> Label:
    """What is left of a label after people edited it. A score needs a decimal point, so that "12" is none.

    >>> read_label("0.8312; apex 0.167 s; left; clearly seen")
    Label(score=0.8312, apex=0.167, side='left', aus=())
    >>> read_label("blink?")
    Label(score=None, apex=None, side='both', aus=())
    """
    score: float | None = None
    apex: float | None = None
    side = "both"
    aus: tuple[str, ...] = ()
    for part in (part.strip() for part in text.split(";")):
        if found := _SCORE.match(part):
            score = _number(found[1]) if score is None else score
        elif found := _APEX.fullmatch(part):
            apex = _number(found[1])
        elif part.lower() in SIDES:
            side = part.lower()
        elif found := _AUS.fullmatch(part):
            aus = tuple(dict.fromkeys(au.strip() for au in found[1].split("+") if au.strip()))
    return Label(score, apex, side, aus)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def kind_of(name: str) -> Kind | None:
    """The kind whose tier is called so, whatever the case and spaces; None if none is.

    >>> kind_of(" Micro_2 "), kind_of("macro-expression"), kind_of("micro (second look)")
    (<Kind.MICRO: 'micro'>, <Kind.MACRO: 'macro'>, None)
    """
    found = _TIER.fullmatch(re.sub(r"[\s_-]+", " ", name).strip().casefold())
    return Kind(found[1]) if found else None


def kinds_of(names: Iterable[str], where: str, *, ours: bool, what: str = "tier") -> dict[str, Kind]:
    """The tiers that hold events, by name.

    Args:
        names: all tiers of the file.
        where: the file, for messages.
        ours: spotlib wrote the file, so that it had a tier of each kind.
        what: what the format calls a tier.

    Raises:
        SpotlibError: naming the tiers found, if events could be lost: a name with "micro" or "macro" in it that is
            not understood, no such tier at all, or one of ours gone while an unknown one is there.
    """
    names = list(names)
    result = {name: kind for name in names if (kind := kind_of(name)) is not None}
    others = [name for name in names if name not in result and name.strip().casefold() != ABOUT_TIER]
    found = ", ".join(repr(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
    for name in others:
        if any(kind in name.casefold() for kind in KINDS):
            raise SpotlibError(
                f"{where}: {what} {name!r} is not understood; call it 'macro', 'micro' or 'micro 2' (found: {found})"
            )
    if not result and not (ours and not others):
        raise SpotlibError(f"{where}: no {what} is called 'macro' or 'micro'; rename them (found: {found or 'none'})")
    for kind in KINDS:
        if ours and others and kind not in result.values():
            raise SpotlibError(f"{where}: {what} '{kind}' is gone; was it renamed? Call it so again (found: {found})")
    return result


def lanes(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Events by the tier that holds them: "macro" and "micro" always, "micro 2" for what overlaps on "micro", ...

    Annotations of one tier cannot overlap in ELAN and Praat.
    """
    result: dict[Kind, list[list[Row]]] = {kind: [[]] for kind in KINDS}
    for row in rows:
        of_kind = result[row.event.kind]
        free = next((lane for lane in of_kind if not lane or lane[-1].event.offset < row.event.onset), None)
        if free is None:
            free = []
            of_kind.append(free)
        free.append(row)
    return {
        f"{kind} {number}" if number > 1 else str(kind): lane
        for kind, of_kind in result.items()
        for number, lane in enumerate(of_kind, start=1)
    }


def unread(kinds: Mapping[str, Kind], names: Sequence[str]) -> str | None:
    """A note about tiers that hold something else, or None."""
    others = [name for name in names if name not in kinds and name.strip().casefold() != ABOUT_TIER]
    if not others:
        return None
    return f"not read: {', '.join(repr(name) for name in others[:8])}{', ...' if len(others) > 8 else ''}"
