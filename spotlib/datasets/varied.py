"""Rendered people as different as real videos are, whose micro- and macro-expressions differ in time above all.

`spotlib.spot.restless` trains on them. In the twins the kinds also differ in size and action units, as annotated
data sets do, and a network takes these for the difference. Here both kinds show the same action units, sizes overlap
widely, and every video has its own camera, head motion and share of talking.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from spotlib.datasets.base import Dataset
from spotlib.datasets.specs import DEMO, TwinSpec
from spotlib.datasets.twin import TwinVideo

#: action units of both kinds, all equally likely
AUS = ("1", "2", "4", "5", "6", "7", "9", "10", "12", "14", "15", "17", "20", "24")
#: height and width of the picture, px; the face has half the height
SIZES = ((480, 640), (480, 640), (360, 480), (360, 480), (288, 384), (240, 320))
#: share of videos with hardly any expression
CALM = 0.2
#: videos of a person
VIDEOS = 2

_SHARES = dict.fromkeys(AUS, 0.1)
#: lengths as METHOD section 7 has them of all sets together, without those that could be of either kind
STATISTICS = dataclasses.replace(
    DEMO.statistics,
    micro_lengths=(6, 8, 11, 13, 15, 16, 17),
    macro_lengths=(18, 20, 26, 38, 55, 80, 118),
    micro_aus=_SHARES,
    macro_aus=_SHARES,
    overlaps=0.25,
    gap=60,
    one_sided=0.3,
)


def varied_spec(seed: int, person: int, number: int) -> TwinSpec:
    """What video ``number`` of a person is like: a spec of its own, drawn from the seed."""
    rng = np.random.default_rng([seed, 77, person, number])
    calm = rng.random() < CALM
    size = SIZES[int(rng.integers(len(SIZES)))]
    return dataclasses.replace(
        DEMO,
        name="varied",
        statistics=STATISTICS,
        seconds=20.0,
        size=size,
        micro_per_video=(0, 1) if calm else (4, 7),
        macro_per_video=(0, 1) if calm else (2, 4),
        micro_size=(0.004, 0.04),
        macro_size=(0.005, 0.12),
        min_visible=0.003,
        min_visible_macro=0.003,
        invisible=0.02,
        head_rotation=float(rng.uniform(1.0, 6.0)),
        head_shift=float(rng.uniform(0.02, 0.12)),
        turn_gap=(4.0, 15.0),
        talking=float(rng.uniform(0.0, 0.6)),
        swallow_gap=(8.0, 30.0),
        noise=float(rng.uniform(1.5, 4.0)),
        jpeg_quality=int(rng.integers(60, 96)),
        light_drift=float(rng.uniform(0.005, 0.05)),
    )


def varied_people(seed: int, people: Iterable[int]) -> Dataset:
    """`VIDEOS` videos of each of these people (numbers from 0 on); nothing is rendered yet.

    >>> varied_people(5000, range(3)).subjects
    ('s01', 's02', 's03')
    """
    videos = [TwinVideo(varied_spec(seed, p, v), seed, p, v) for p in people for v in range(VIDEOS)]
    return Dataset("varied", True, tuple(videos))
