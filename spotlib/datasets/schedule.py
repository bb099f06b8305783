"""When expressions happen: event statistics of the real data sets, and schedules drawn from them.

The statistics are those of METHOD section 7: facts about SAMM-LV, CAS(ME)^2 and CAS(ME)^3, not rows of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
ATTEMPTS = 50
# what one face cannot do at once: lids up and down, lips pressed and parted, mouth corners up and down
OPPOSED = ({"5", "43"}, {"5", "45"}, {"23", "25"}, {"24", "25"}, {"12", "15"})


@dataclass(frozen=True, kw_only=True)
class Tail:
    """Events beyond the usual lengths: their share of all events of a kind, and their lengths at QUANTILES."""

    share: float
    lengths: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class EventStatistics:
    """What is known about the events of one data set. Lengths are inclusive frames at ``fps``."""

    fps: float
    micro_lengths: tuple[float, ...]  # at QUANTILES
    macro_lengths: tuple[float, ...]
    micro_apex: float  # median place of the apex, share of the length
    macro_apex: float
    gap: float  # median frames between neighbours that do not meet, in a video where there is room for it
    overlaps: float  # share of neighbours that overlap or touch
    micro_aus: Mapping[str, float]  # share of the events with that AU; an event may have several
    macro_aus: Mapping[str, float]
    one_sided: float = 0.15  # share of events shown on one side [our choice: METHOD gives none]
    gap_spread: float = 0.8  # standard deviation of the logarithm of the gaps
    micro_tail: Tail | None = None  # None: no event is longer than the quantiles above
    macro_tail: Tail | None = None

    def lengths(self, kind: Kind) -> tuple[float, ...]:
        """Quantiles of the length, the tail left aside."""
        return self.micro_lengths if kind is Kind.MICRO else self.macro_lengths

    def tail(self, kind: Kind) -> Tail | None:
        """The longer ones."""
        return self.micro_tail if kind is Kind.MICRO else self.macro_tail

    def apex(self, kind: Kind) -> float:
        """Median place of the apex."""
        return self.micro_apex if kind is Kind.MICRO else self.macro_apex

    def aus(self, kind: Kind) -> Mapping[str, float]:
        """AU shares."""
        return self.micro_aus if kind is Kind.MICRO else self.macro_aus


# METHOD gives medians and shares. What is not in it (how far gaps spread, how many rows name a side, lengths beyond the
# length rule of CAS(ME)^3, part C) was counted on the data sets' own tables. METHOD's median gap is that over all
# neighbours, in videos where gaps had to fit; the larger number here is what leads to it.
SAMM_LV = EventStatistics(
    fps=200 / 7,
    micro_lengths=(5, 6, 9, 12, 14, 15, 16),
    macro_lengths=(15, 17, 23, 33, 56.5, 232.7, 740),
    micro_apex=0.43,
    macro_apex=0.43,
    gap=115,  # METHOD: 32
    gap_spread=1.0,
    overlaps=0.27,
    micro_aus={"7": 0.29, "12": 0.19, "4": 0.15, "2": 0.11, "14": 0.08, "5": 0.06, "24": 0.06},
    macro_aus={
        "12": 0.29, "7": 0.23, "14": 0.17, "4": 0.16, "24": 0.15, "2": 0.12, "6": 0.10, "25": 0.10,
    },
    one_sided=0.26,
)  # fmt: skip
CAS_ME2 = EventStatistics(
    fps=30.0,
    micro_lengths=(9, 9, 13, 14, 15, 16, 17),
    macro_lengths=(4, 19, 24, 35.5, 52, 75, 118),
    micro_apex=0.43,
    macro_apex=0.37,
    gap=270,  # METHOD: 197
    gap_spread=1.3,
    overlaps=0.06,
    micro_aus={"4": 0.35, "2": 0.23, "1": 0.18, "43": 0.16, "12": 0.14, "5": 0.11},
    macro_aus={"12": 0.41, "4": 0.35, "14": 0.16, "6": 0.15, "7": 0.10, "24": 0.08},
)
# METHOD's lengths are those that the spotting papers keep; 982 of 3346 MaE and 572 of 860 ME are longer.
CAS_ME3 = EventStatistics(
    fps=30.0,
    micro_lengths=(3, 7, 10, 13, 15, 16, 16),
    macro_lengths=(17, 23, 38, 55, 79, 109, 121),
    micro_tail=Tail(share=572 / 860, lengths=(17, 17, 22, 30, 43, 93, 200)),
    macro_tail=Tail(share=982 / 3346, lengths=(122, 127, 157, 209, 362, 1290, 2400)),
    micro_apex=0.29,
    macro_apex=0.35,
    gap=216,  # METHOD: 142
    gap_spread=1.3,
    overlaps=0.09,
    micro_aus={"4": 0.32, "14": 0.22, "1": 0.18, "2": 0.15},
    macro_aus={"14": 0.48, "4": 0.25, "1": 0.12, "2": 0.11, "12": 0.11, "24": 0.10},
    one_sided=0.09,
)
# Micro-expressions of people who hide something, in an interview of minutes; nobody annotated an apex.
CAS_ME3_C = EventStatistics(
    fps=30.0,
    micro_lengths=(4, 6, 9, 12, 14, 17, 35),
    macro_lengths=CAS_ME3.macro_lengths,  # there are none
    micro_apex=CAS_ME3.micro_apex,
    macro_apex=CAS_ME3.macro_apex,
    gap=785,
    gap_spread=1.5,
    overlaps=0.01,
    micro_aus={
        "4": 0.45, "2": 0.24, "24": 0.16, "14": 0.15, "25": 0.11, "10": 0.09, "5": 0.07, "12": 0.07, "7": 0.06,
        "43": 0.05,
    },
    macro_aus=CAS_ME3.macro_aus,
    one_sided=0.34,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an event goes, before anybody knows what it shows."""

    kind: Kind
    onset: int
    apex: int
    offset: int

    def meets(self, other: Slot) -> bool:
        """True if the two share a frame."""
        return self.onset <= other.offset and other.onset <= self.offset


def draw_length(rng: np.random.Generator, quantiles: Sequence[float]) -> float:
    """One length from the quantiles at QUANTILES: the inverse distribution function, interpolated."""
    return float(np.interp(rng.random(), QUANTILES, quantiles))


def sample_events(
    rng: np.random.Generator,
    statistics: EventStatistics,
    n_frames: int,
    *,
    fps: float,
    n_micro: int,
    n_macro: int,
    min_gap: float = 0.4,
    max_length: float = 0.3,
) -> tuple[Slot, ...]:
    """Draw a schedule, in order of onset.

    Lengths and gaps are converted from the statistics' frame rate to ``fps``. Neighbours overlap or touch
    with the share of the statistics; all others are at least ``min_gap`` seconds apart, and so are the ends
    of the video. No event is longer than ``max_length``, a share of the video; lengths beyond that are drawn
    again. If the gaps that were drawn do not fit they all shrink alike, so a crowded video has the order and
    lengths of a sparse one. Raises SpotlibError if the events do not fit.
    """
    if n_micro + n_macro == 0:
        return ()  # also where the video is shorter than its two ends
    rate = fps / statistics.fps
    edge = max(1, round(min_gap * fps))
    for _ in range(ATTEMPTS):
        unordered = [Kind.MICRO] * n_micro + [Kind.MACRO] * n_macro
        kinds = [unordered[k] for k in rng.permutation(len(unordered))]
        lengths = [_length(rng, statistics, kind, rate, max_length * n_frames) for kind in kinds]
        steps = _steps(rng, statistics, lengths, rate, edge, n_frames)
        if steps is not None:
            return _placed(rng, statistics, kinds, lengths, steps, n_frames, edge)
    raise SpotlibError(
        f"{n_micro} micro- and {n_macro} macro-expressions do not fit into {n_frames} frames;"
        " make the videos longer or the events fewer"
    )


def _length(rng: np.random.Generator, statistics: EventStatistics, kind: Kind, rate: float, longest: float) -> int:
    tail = statistics.tail(kind)
    for _ in range(ATTEMPTS):
        # without a tail nothing is drawn for it: schedules of sets that have none stay as they were
        beyond = tail is not None and rng.random() < tail.share
        quantiles = tail.lengths if tail is not None and beyond else statistics.lengths(kind)
        length = round(draw_length(rng, quantiles) * rate)
        if length <= longest:
            return max(3, length)
    return max(3, int(longest))


def _steps(
    rng: np.random.Generator,
    statistics: EventStatistics,
    lengths: Sequence[int],
    rate: float,
    edge: int,
    n_frames: int,
) -> list[int] | None:
    """Frames between neighbours: 0 they touch, below 0 they overlap. None: the events do not fit."""
    if not lengths:
        return []
    met = rng.random(len(lengths) - 1) < statistics.overlaps
    shares = rng.uniform(0.0, 0.6, len(met))
    # gaps of the real sets are skewed: many short ones, a few very long ones
    gaps = statistics.gap * rate * rng.lognormal(0.0, statistics.gap_spread, len(met))
    overlaps = [int(share * min(pair)) for share, pair in zip(shares, itertools.pairwise(lengths), strict=True)]
    room = n_frames - 2 * edge - sum(lengths) + sum(o for o, m in zip(overlaps, met, strict=True) if m)
    extra = np.where(met, 0.0, np.maximum(gaps - edge, 0.0))
    room -= edge * int((~met).sum())
    if room < 0:
        return None
    if extra.sum() > 0:
        extra *= min(1.0, 0.85 * room / extra.sum())  # the rest goes to the ends of the video
    return [-o if m else edge + int(e) for o, m, e in zip(overlaps, met, extra, strict=True)]


def _placed(
    rng: np.random.Generator,
    statistics: EventStatistics,
    kinds: Sequence[Kind],
    lengths: Sequence[int],
    steps: Sequence[int],
    n_frames: int,
    edge: int,
) -> tuple[Slot, ...]:
    used = sum(lengths) + sum(steps)
    onset = edge + int(rng.integers(0, n_frames - 2 * edge - used + 1))
    slots = []
    for kind, length, step in zip(kinds, lengths, [*steps, 0][: len(kinds)], strict=True):
        share = float(np.clip(rng.normal(statistics.apex(kind), 0.1), 0.15, 0.8))
        apex = onset + int(np.clip(round(share * (length - 1)), 1, length - 2))
        slots.append(Slot(kind, onset, apex, onset + length - 1))
        onset += length + step
    return tuple(sorted(slots, key=lambda slot: (slot.onset, slot.offset)))


def draw_aus(rng: np.random.Generator, shares: Mapping[str, float], *, avoid: Sequence[str] = ()) -> tuple[str, ...]:
    """AUs of one event: one drawn by its share, a second one as often as the shares exceed 1 together.

    AUs in ``avoid`` (those of an event going on at the same time) are left out unless nothing else remains,
    and no two AUs are OPPOSED.
    """
    names = [au for au in shares if au not in avoid] or list(shares)
    left = np.array([shares[au] for au in names])
    first = int(rng.choice(len(names), p=left / left.sum()))
    second = rng.random() < sum(shares.values()) - 1.0
    if not second or len(names) == 1:
        return (names[first],)
    left[first] = 0.0
    left[[{names[first], name} in OPPOSED for name in names]] = 0.0
    if not left.any():
        return (names[first],)
    other = int(rng.choice(len(names), p=left / left.sum()))
    return tuple(sorted((names[first], names[other]), key=int))
