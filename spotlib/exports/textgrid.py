"""Praat TextGrid files: an interval tier per kind, times in seconds, and a tier that says which video it is.

Reading follows Praat's own rule, under which the long and the short form are one: numbers, texts in quotes and
<flags> that stand free count, everything else is decoration.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spotlib.errors import SpotlibError
from spotlib.exports.files import one_line_json, read_bytes, write_text
from spotlib.exports.imported import Imported, clock_for, read_about, to_event, video_name
from spotlib.exports.label import ABOUT_TIER, kinds_of, lanes, read_label, unread, write_label
from spotlib.exports.spotted import Spotted


class _Interval(NamedTuple):
    begin: float
    end: float
    text: str


class _Tier(NamedTuple):
    name: str
    points: bool
    intervals: list[_Interval]


def write_textgrid(path: Path, spotted: Spotted) -> None:
    """Write one video's events as a TextGrid (long text form, UTF-8)."""
    end = spotted.duration
    tiers = [
        _Tier(name, False, [_Interval(row.onset, row.end, write_label(row) or str(row.event.kind)) for row in rows])
        for name, rows in lanes(spotted.rows).items()
    ]
    tiers.append(_Tier(ABOUT_TIER, False, [_Interval(0.0, end, one_line_json(spotted.about))]))
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end!r}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, tier in enumerate(tiers, start=1):
        filled = list(_filled(tier.intervals, end))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(tier.name)}"]
        lines += ["        xmin = 0", f"        xmax = {end!r}", f"        intervals: size = {len(filled)}"]
        for place, interval in enumerate(filled, start=1):
            lines += [f"        intervals [{place}]:", f"            xmin = {interval.begin!r}"]
            lines += [f"            xmax = {interval.end!r}", f"            text = {_quoted(interval.text)}"]
    write_text(path, "\n".join(lines) + "\n")


def read_textgrid(path: Path, *, fps: float | None = None) -> Imported:
    """Read the macro and micro tiers of a TextGrid in long or short text form; blank intervals are no events.

    Raises:
        UnknownRate: without ``fps``, for a file that spotlib did not write or whose tier "spotlib" is gone.
        SpotlibError: for a broken file, tiers that are not understood (see `kinds_of`), impossible times.
    """
    tiers = _parse(path)
    ours = (i.text for tier in tiers if tier.name.strip().casefold() == ABOUT_TIER for i in tier.intervals)
    about = next((found for text in ours if (found := read_about(text))), None)
    clock = clock_for(about, fps, str(path))
    name, named = video_name(about, "", path)
    table = Imported(named=named)
    table.add_video(name, clock)
    kinds = kinds_of((tier.name for tier in tiers), str(path), ours=about is not None)
    for tier in tiers:
        if tier.name not in kinds:
            continue
        if tier.points:
            raise SpotlibError(f"{path}, tier {tier.name!r}: holds points; make it an interval tier in Praat")
        for number, interval in enumerate(tier.intervals, start=1):
            if interval.text.strip():
                where = f"{path}, tier {tier.name!r}, interval {number}"
                label = read_label(interval.text)
                event = to_event(kinds[tier.name], interval.begin, interval.end, label, clock, where)
                table.events[name].append(event)
    table.events[name].sort(key=lambda event: (event.onset, event.offset))
    if note := unread(kinds, [tier.name for tier in tiers]):
        table.notes.append(note)
    return table


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _filled(intervals: list[_Interval], end: float) -> Iterator[_Interval]:
    """The intervals with blank ones between them: a tier covers all of the time."""
    at = 0.0
    for interval in intervals:
        if interval.begin > at:
            yield _Interval(at, interval.begin, "")
        if interval.end > interval.begin:
            yield interval
        at = interval.end
    if at < end:
        yield _Interval(at, end, "")


# ---- reading


def _text(path: Path) -> str:
    data = read_bytes(path)
    if data.startswith(b"ooBinaryFile"):
        raise SpotlibError(f"{path}: a binary file of Praat; save it as a text file (Save > Save as text file...)")
    if data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        encodings = ["utf-16"]  # Praat's choice for texts beyond ISO Latin-1, under some preferences
    else:
        encodings = ["utf-8-sig", "latin-1"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SpotlibError(f"{path}: not readable as text; save it again in Praat as UTF-8")


# a text (quotes in it are doubled), a comment, or a word; "+": what was read is never read again in another way, which
# for millions of quotes would need as many places to go back to
_TOKEN = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"|(?<!\S)!.*|[^\s"]+')


class _Tokens:
    """Texts, numbers and flags of a Praat text file in order."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._matches = _TOKEN.finditer(text)
        self._row = (0, 1)

    def _fail(self, at: int, what: str) -> SpotlibError:
        row = self._text.count("\n", 0, at) + 1
        return SpotlibError(f"{self._path}, row {row}: {what}; is it a TextGrid in text form? Save it again in Praat")

    def next(self, what: str) -> float | str:
        """The next number (float), text (str, with a leading quote) or flag (str, with its brackets)."""
        for match in self._matches:
            word = match[0]
            if word.startswith('"'):
                return '"' + (match[1] or "").replace('""', '"')
            if word.startswith("<"):
                return word
            if word[0] in "+-.0123456789":
                try:
                    return float(word)
                except ValueError:
                    continue  # "1:" and the like are decoration
        raise self._fail(len(self._text), f"the file ends where {what} should be")

    def string(self, what: str) -> str:
        value = self.next(what)
        if not isinstance(value, str) or not value.startswith('"'):
            raise self._fail(self._at(), f"{what} should be a text in quotes")
        return value[1:]

    def number(self, what: str) -> float:
        value = self.next(what)
        if isinstance(value, str) or not math.isfinite(value):
            raise self._fail(self._at(), f"{what} should be a number")
        return value

    def count(self, what: str) -> int:
        value = self.number(what)
        if value != int(value) or not 0 <= value <= len(self._text):
            raise self._fail(self._at(), f"{what} cannot be {value:g}")
        return int(value)

    def _at(self) -> int:
        following = next(self._matches, None)
        return len(self._text) if following is None else following.start()


def _parse(path: Path) -> list[_Tier]:
    tokens = _Tokens(path, _text(path))
    try:
        head = [tokens.string("the type of the file"), tokens.string("the type of its content")]
    except SpotlibError:
        head = []
    if head != ["ooTextFile", "TextGrid"]:
        raise SpotlibError(f"{path}: no TextGrid; save it in Praat with Save > Save as text file...")
    tokens.number("xmin")
    tokens.number("xmax")
    if tokens.next("<exists>") != "<exists>":
        return []
    return [_tier(path, tokens) for _ in range(tokens.count("the number of tiers"))]


def _tier(path: Path, tokens: _Tokens) -> _Tier:
    kind = tokens.string("the class of a tier")
    if kind not in ("IntervalTier", "TextTier"):
        raise SpotlibError(f"{path}: a tier of class {kind[:40]!r}; TextGrids hold IntervalTier and TextTier only")
    name = tokens.string("the name of a tier")
    tokens.number("xmin of a tier")
    tokens.number("xmax of a tier")
    points = kind == "TextTier"
    intervals = []
    for _ in range(tokens.count("the number of intervals")):
        begin = tokens.number("a time")
        end = begin if points else tokens.number("a time")
        intervals.append(_Interval(begin, end, tokens.string("a label")))
    return _Tier(name, points, intervals)
