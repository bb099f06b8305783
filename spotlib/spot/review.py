"""Looking through spotted events: accept, reject, adjust or add, kept in a table that `spotlib import` reads.

The table has the columns of `spotlib.event_table`, so that the import, the evaluation and the user's own data set
(`spotlib.datasets.own`) take it as it is, and besides: ``decision``, what the model had found (``was_kind`` to
``was_score``) and ``coder``, if one is named. Who and when is not recorded otherwise. A rejected event has no kind and
no frames of its own, which is how a table says that nothing is there; an open one stands as the model found it, with
its score and the note OPEN. Events that a person decided have no score: they are annotated now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from spotlib.errors import SpotlibError
from spotlib.event_table import MAX_FRAME, csv_rows
from spotlib.exports.events_csv import csv_text
from spotlib.exports.files import write_text
from spotlib.intervals import KINDS, Event, Kind
from spotlib.spot.doubt import Doubt, doubts
from spotlib.spot.result import Result

OPEN = "not reviewed"  # the note of events that nobody has looked at
COLUMNS = (
    "video", "kind", "onset", "apex", "offset", "score", "aus", "side", "note", "n_frames", "fps", "decision",
    "was_kind", "was_onset", "was_apex", "was_offset", "was_score", "coder",
)  # fmt: skip


NO_DOUBT = Doubt(0.0)


class Decision(StrEnum):
    """What a person made of an event."""

    OPEN = "open"
    ACCEPT = "accept"
    REJECT = "reject"
    ADJUST = "adjust"
    ADD = "add"


@dataclass(frozen=True)
class Item:
    """One event of the review: ``was`` as the model found it (None: added), ``now`` as it stands (None: rejected)."""

    was: Event | None
    now: Event | None
    decision: Decision = Decision.OPEN
    doubt: Doubt = NO_DOUBT


class Review:
    """The decisions on one result, and the file that keeps them.

    Args:
        result: what was spotted.
        path: the table of corrections. If it is there already, its decisions are taken up again. None: nothing is kept.
        coder: a name to write beside each decision; "" for none.

    Raises:
        SpotlibError: one line, if the file is there but of another video, another result, or no table of corrections.
    """

    def __init__(self, result: Result, path: str | Path | None = None, *, coder: str = "") -> None:
        self.result = result
        self.path = None if path is None else Path(path)
        self.coder = coder
        found = zip(result.spotted.events, doubts(result), strict=True)
        self.items: list[Item] = [Item(event, event, Decision.OPEN, doubt) for event, doubt in found]
        self._coders: dict[int, str] = {}
        if self.path is not None and self.path.exists():
            self._resume(self.path)

    # -- looking

    @property
    def queue(self) -> list[int]:
        """Places in ``items`` of the open events, the most doubtful first (`spotlib.spot.doubt`), then by onset."""
        still = [i for i, item in enumerate(self.items) if item.decision is Decision.OPEN]
        return sorted(still, key=lambda i: (-self.items[i].doubt.value, self.items[i].was.onset))  # type: ignore[union-attr]

    @property
    def events(self) -> list[Event]:
        """The events as they stand, by onset, without the rejected ones."""
        return sorted((item.now for item in self.items if item.now is not None), key=lambda e: (e.onset, e.offset))

    @property
    def counts(self) -> dict[str, int]:
        """How many events each decision was taken for."""
        return {str(one): sum(item.decision is one for item in self.items) for one in Decision}

    # -- deciding; every decision is on disk before the call returns

    def accept(self, index: int) -> None:
        """The event stands as the model found it."""
        was = self._item(index).was
        if was is None:
            raise SpotlibError(f"event {index} was added by hand and needs no acceptance; adjust or reject it")
        self._set(index, replace(was, score=None), Decision.ACCEPT)

    def reject(self, index: int) -> None:
        """Nothing is there; an event that was added by hand is gone altogether."""
        if self._item(index).was is None:
            del self.items[index]
            self._coders = {i - (i > index): name for i, name in self._coders.items() if i != index}
            self.save()
        else:
            self._set(index, None, Decision.REJECT)

    def adjust(
        self, index: int, *, onset: int, apex: int | None, offset: int, kind: str | None = None, note: str | None = None
    ) -> None:
        """The event is there, but elsewhere or of the other kind.

        Raises:
            SpotlibError: for frames that no event of this video can have.
        """
        item = self._item(index)
        base = item.now or item.was
        assert base is not None
        event = self._event(kind or base.kind, onset, apex, offset, base.note if note is None else note)
        event = replace(event, aus=base.aus, side=base.side)
        self._set(index, event, Decision.ADD if item.was is None else Decision.ADJUST)

    def add(self, kind: str, onset: int, apex: int | None, offset: int, *, note: str = "") -> int:
        """An event that the model missed; returns its place in ``items``."""
        event = self._event(kind, onset, apex, offset, note)
        self.items.append(Item(None, event, Decision.ADD))
        self._coders[len(self.items) - 1] = self.coder
        self.save()
        return len(self.items) - 1

    def reopen(self, index: int) -> None:
        """Take a decision back."""
        item = self._item(index)
        if item.was is None:
            raise SpotlibError(f"event {index} was added by hand and cannot be reopened; adjust or reject it")
        self._coders.pop(index, None)
        self.items[index] = replace(item, now=item.was, decision=Decision.OPEN)
        self.save()

    def save(self, path: str | Path | None = None) -> Path | None:
        """Write the table whole or not at all, to ``path`` or the file given at the start; returns where."""
        target = self.path if path is None else Path(path)
        if target is not None:
            write_text(target, csv_text(COLUMNS, self._rows()))
        return target

    def _repr_html_(self) -> str:
        from spotlib.tables import escape

        said = ", ".join(f"{number} {name}" for name, number in self.counts.items() if number)
        where = "not kept" if self.path is None else escape.html(self.path.name)
        return f"<p>Review of {escape.html(self.result.spotted.video)}: {said or 'no event'}; {where}.</p>"

    # -- within

    def _item(self, index: int) -> Item:
        if not 0 <= index < len(self.items):
            raise SpotlibError(f"no event {index}; the review has events 0 to {len(self.items) - 1}")
        return self.items[index]

    def _set(self, index: int, now: Event | None, decision: Decision) -> None:
        before = self.items[index], self._coders.get(index)
        self.items[index] = replace(self.items[index], now=now, decision=decision)
        self._coders[index] = self.coder
        try:
            self.save()
        except SpotlibError:  # what is not on disk is not decided
            self.items[index] = before[0]
            if before[1] is None:
                del self._coders[index]
            raise

    def _event(self, kind: str, onset: int, apex: int | None, offset: int, note: str) -> Event:
        if kind not in tuple(KINDS):
            raise SpotlibError(f"kind {kind!r} is unknown; choose macro or micro")
        if offset >= self.result.spotted.n_frames:
            last = self.result.spotted.n_frames - 1
            raise SpotlibError(f"offset {offset} is past the last frame, {last}; choose an earlier one")
        return Event(Kind(kind), onset, apex, offset, note=note)

    def _rows(self) -> Iterator[tuple[object, ...]]:
        spotted = self.result.spotted
        for index, item in enumerate(self.items):
            now, was = item.now, item.was
            shown = ("",) * 8
            if now is not None:
                note = OPEN if item.decision is Decision.OPEN else now.note
                score = "" if now.score is None else repr(now.score)
                shown = (*_frames(now), score, "+".join(now.aus), now.side, note)  # type: ignore[assignment]
            found = ("",) * 5 if was is None else (*_frames(was), "" if was.score is None else repr(was.score))
            coder = self._coders.get(index, "")
            yield (spotted.video, *shown, spotted.n_frames, repr(spotted.fps), item.decision, *found, coder)

    def _resume(self, path: Path) -> None:
        """Take up the decisions of a file; every event that it tells of must be one of this result."""
        places = {_frames(item.was): i for i, item in enumerate(self.items) if item.was is not None}
        optional = ("coder", "aus", "side", "note", "score")
        rows = csv_rows(path, ("video", "kind", "onset", "apex", "offset", "decision", *_WAS), optional)
        for number, row in rows:
            where = f"{path}, row {number}"
            if row["video"].strip() != self.result.spotted.video.strip():  # cells lose their outer spaces
                raise SpotlibError(f"{where}: video {row['video']!r} is another one; name another file of corrections")
            if row["decision"] not in tuple(Decision):
                raise SpotlibError(f"{where}: decision {row['decision']!r} is unknown; use {', '.join(Decision)}")
            decision = Decision(row["decision"])
            now = self._read(row, where) if row["kind"] else None
            if (now is None) != (decision is Decision.REJECT):
                what = "needs" if now is None else "has no"
                raise SpotlibError(f"{where}: decision {decision} {what} kind and frames; correct it")
            if decision is Decision.ADD:
                assert now is not None
                self.items.append(Item(None, now, decision))
                self._coders[len(self.items) - 1] = row.get("coder", "")
                continue
            was = tuple(row[name] for name in _WAS[:4])
            place = next((i for frames, i in places.items() if tuple(map(str, frames)) == was), None)
            if place is None:
                raise SpotlibError(
                    f"{where}: the {was[0]} event [{was[1]}, {was[3]}] is not among the spotted ones; the video was"
                    " spotted again, so name another file of corrections"
                )
            if decision is not Decision.OPEN:
                self.items[place] = replace(self.items[place], now=now, decision=decision)
                self._coders[place] = row.get("coder", "")

    def _read(self, row: Mapping[str, str], where: str) -> Event:
        try:
            onset, offset = int(row["onset"]), int(row["offset"])
            apex = int(row["apex"]) if row["apex"] else None
            event = self._event(row["kind"], onset, apex, min(offset, MAX_FRAME), row.get("note", ""))
        except ValueError:
            raise SpotlibError(f"{where}: onset, apex and offset must be whole frame numbers; correct them") from None
        except SpotlibError as error:
            raise SpotlibError(f"{where}: {error}") from None
        aus = tuple(au for au in row.get("aus", "").split("+") if au)
        return replace(event, aus=aus, side=row.get("side") or "both")


_WAS = ("was_kind", "was_onset", "was_apex", "was_offset", "was_score")


def corrections_path(result: Result, folder: str | Path = ".") -> Path:
    """Where corrections are kept unless a file is named: ``<video>.corrections.csv`` in ``folder``."""
    return Path(folder) / f"{plain_name(result.spotted.video)}.corrections.csv"


def plain_name(name: str) -> str:
    """``name`` without what a file name cannot hold, at most 120 characters; letters of every script stay.

    >>> plain_name('a/b: "c"')
    'a-b- -c-'
    """
    return re.sub(r'[/\\:*?"<>|\x00-\x1f\x7f]', "-", name).strip(" .")[:120] or "video"


def _frames(event: Event) -> tuple[str, int, int | str, int]:
    return str(event.kind), event.onset, "" if event.apex is None else event.apex, event.offset
