"""The picture names of one folder, by number: which file is picture 1234, and what else lies there.

A long video has tens of thousands of pictures, and videos travel to worker processes. So names are kept as what makes
them (``006_1_`` + number in four digits + ``.jpg``) and a list of numbers.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spotlib.intervals import Interval

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
MAX_GAP = 20_000  # numbers in a row that may be missing: eleven minutes of a film, 100 s of SAMM-LV
# a few pictures at either end, behind a gap longer than the video itself, are of another one. Real gaps of CAS(ME)^3
# are a tenth of the numbers, a few seconds, at worst half a minute (900 numbers): a gap below 1000 is never such
STRAY_GAP = 1000
FEW = 20  # at most every 20th picture of a folder
_NAME = re.compile(r"(?s)(.*?)([0-9]{1,9})(\.[^.]+)")


def is_picture(name: str) -> bool:
    """True for a name that ends like a picture's and is not hidden (``._x.jpg`` are leavings of another system)."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


@dataclass(frozen=True)
class _Series:
    prefix: str
    digits: int  # the number is filled up with zeros to so many
    suffix: str

    def name(self, number: int) -> str:
        return f"{self.prefix}{number:0{self.digits}d}{self.suffix}"


class FrameNames:
    """Numbers (sorted, each once) and the name of each.

    >>> names, stray = FrameNames.of(["img2.jpg", "img10.jpg", "Thumbs.db", "img1.jpg"])
    >>> names.numbers.tolist(), names.name(10), stray
    ([1, 2, 10], 'img10.jpg', ['Thumbs.db'])
    """

    def __init__(self, series: tuple[_Series, ...], numbers: np.ndarray, which: np.ndarray) -> None:
        self.series = series
        self.numbers = numbers  # (n,) int32, rising
        self.which = which  # (n,) uint8, the series of each

    @classmethod
    def of(cls, names: Iterable[str]) -> tuple[FrameNames, list[str]]:
        """Sort out the names of a folder: the numbered pictures, and all other names (stray files).

        Pictures of one folder begin with the same letters (capitals do not matter); those that begin otherwise than
        most are stray, and so are a few numbers far away from all others. Of two names with one number the one that
        is like most others counts.
        """
        stray: list[str] = []
        families: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for name in names:
            match = _NAME.fullmatch(name) if is_picture(name) else None
            if match is None:
                stray.append(name)
            else:
                families[match[1].casefold()].append((match[1], match[2], match[3]))
        wanted = max(families, key=lambda family: (len(families[family]), family), default="")
        taken: dict[int, int] = {}
        series: list[_Series] = []
        for family, members in families.items():
            if family != wanted:
                stray += ["".join(member) for member in members]
                continue
            for one, numbers in _series(members):
                fresh = [number for number in numbers if number not in taken]
                stray += [one.name(number) for number in numbers if number in taken]
                taken.update(dict.fromkeys(fresh, len(series)))
                series.append(one)
        order = _main_block(sorted(taken))
        stray += [series[taken[number]].name(number) for number in taken.keys() - set(order)]
        which = np.array([taken[number] for number in order], np.uint8)
        return cls(tuple(series), np.array(order, np.int32), which), sorted(stray)

    @property
    def prefix(self) -> str:
        """What (most of) the names begin with."""
        return self.series[0].prefix if self.series else ""

    def name(self, number: int) -> str:
        """The file name of picture ``number``; KeyError if there is none."""
        at = int(np.searchsorted(self.numbers, number))
        if at >= len(self.numbers) or self.numbers[at] != number:
            raise KeyError(number)
        return self.series[self.which[at]].name(number)

    def without(self, numbers: Collection[int]) -> FrameNames:
        """All but some pictures."""
        keep = ~np.isin(self.numbers, np.array(sorted(numbers), np.int64))
        return FrameNames(self.series, self.numbers[keep], self.which[keep])

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, number: int) -> bool:
        at = int(np.searchsorted(self.numbers, number))
        return at < len(self.numbers) and int(self.numbers[at]) == number

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrameNames):
            return NotImplemented
        same = self.series == other.series and np.array_equal(self.numbers, other.numbers)
        return same and np.array_equal(self.which, other.which)

    def __hash__(self) -> int:
        return hash((self.series, self.numbers.tobytes(), self.which.tobytes()))

    def __repr__(self) -> str:
        if not len(self):
            return "<no pictures>"
        first, last = int(self.numbers[0]), int(self.numbers[-1])
        return f"<{len(self)} pictures {self.name(first)} .. {self.name(last)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # numbers mostly rise by one: their differences pack to a few hundred bytes
        packed = zlib.compress(np.diff(self.numbers, prepend=np.int32(0)).astype("<i4").tobytes())
        return _unpack, (self.series, packed, zlib.compress(self.which.tobytes()))


def _unpack(series: tuple[_Series, ...], packed: bytes, which: bytes) -> FrameNames:
    numbers = np.cumsum(np.frombuffer(zlib.decompress(packed), "<i4"), dtype=np.int32)
    return FrameNames(series, numbers, np.frombuffer(zlib.decompress(which), np.uint8))


def _main_block(numbers: list[int]) -> list[int]:
    """The numbers without those far away from most, so that one odd name does not make a video of weeks.

    Nor one of ten minutes of which nearly all is held: a shorter gap than MAX_GAP counts where it is longer than the
    video, and only few pictures lie behind it. Where they are more, nobody can tell which ones are strange.
    """
    numbers = _largest(numbers, MAX_GAP)
    most = _largest(numbers, max(len(numbers), STRAY_GAP))
    return most if (len(numbers) - len(most)) * FEW <= len(numbers) else numbers


def _largest(numbers: list[int], gap: int) -> list[int]:
    """The largest of the pieces into which steps of more than ``gap`` cut the numbers."""
    edges = [i for i in range(1, len(numbers)) if numbers[i] - numbers[i - 1] > gap]
    return max((numbers[a:b] for a, b in zip([0, *edges], [*edges, None], strict=True)), key=len)


def _series(members: list[tuple[str, str, str]]) -> list[tuple[_Series, list[int]]]:
    """Split names of one family by spelling and zero-filling, the most frequent spelling first."""
    spellings: dict[tuple[str, str], list[str]] = defaultdict(list)
    for prefix, digits, suffix in members:
        spellings[prefix, suffix].append(digits)
    found: list[tuple[_Series, list[int]]] = []
    for (prefix, suffix), rest in spellings.items():
        while rest:
            filled = Counter(len(digits) for digits in rest if digits[0] == "0" and len(digits) > 1)
            series = _Series(prefix, filled.most_common(1)[0][0] if filled else 0, suffix)
            fits = [digits for digits in rest if series.name(int(digits)) == f"{prefix}{digits}{suffix}"]
            found.append((series, sorted({int(digits) for digits in fits})))
            rest = [digits for digits in rest if digits not in set(fits)] if len(fits) < len(rest) else []
    return sorted(found, key=lambda one: -len(one[1]))[:255]  # `which` holds that many; more is no data set


def runs(missing: np.ndarray) -> tuple[Interval, ...]:
    """Where a (T,) bool array is True, as intervals.

    >>> runs(np.array([True, True, False, True]))
    (Interval(onset=0, offset=1), Interval(onset=3, offset=3))
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], missing, [False])).astype(np.int8)))
    return tuple(Interval(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2))
