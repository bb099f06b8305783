"""What `spotlib spot` knows about one video when it is done; the report, the widget and the exports are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.exports.spotted import Spotted


@dataclass(frozen=True)
class Moment:
    """One event to look at: pictures of the face and the motion from onset to apex.

    Args:
        strip: JPEG pictures of the upright face (``side`` x ``side`` px) at onset, apex and offset.
        loop: JPEG pictures of the same crop from onset to offset (at most 24, evenly spaced), motion magnified.
        side: width and height of the pictures, px.
        arrows: (V, 4) float32: x, y of each node at the onset in the crop (px), and its motion dx, dy from onset to
            apex (px of the crop, head motion removed, not magnified); NaN where a node was lost.
    """

    strip: tuple[bytes, bytes, bytes]
    loop: tuple[bytes, ...]
    side: int
    arrows: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result for one video.

    Args:
        spotted: events with scores, times, regions and warnings (`spotlib.exports.spotted.Spotted`).
        probabilities: (T, 10) float16 of the network, as `spotlib.spotting.FrameScores` holds them.
        valid: (T,) bool, frames with a face.
        rules: per kind ("micro", "macro") the rule that made the intervals: k_min, k_max, min_score.
        moments: one per event of ``spotted.events``, in that order; () if pictures were not asked for, None for an
            event whose frames could not be read again.
        path: the video that was read; None for a camera.
        settings: what the result depends on besides the video: weights, kinds, thresholds, versions.
    """

    spotted: Spotted
    probabilities: np.ndarray = field(repr=False, compare=False)
    valid: np.ndarray = field(repr=False, compare=False)
    rules: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    moments: tuple[Moment | None, ...] = field(default=(), repr=False, compare=False)
    path: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        from spotlib.report.spot_html import result_html

        return result_html(self)

    def _repr_png_(self) -> bytes:
        from spotlib.figures.spotted import spotted_figure

        return spotted_figure(self)._repr_png_()
