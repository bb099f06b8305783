"""Windows from a stream of frames: what `spotlib.swmro.windows` gives for a whole video, without holding it.

Frames go in as they are completed, windows come out in the order of their middle (or last) frames, each once all
frames it touches are there. The same numbers to the bit, however the stream is cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spotlib.flow import CropSpec
from spotlib.points import LAYOUTS, Layout
from spotlib.swmro import (
    Alignment,
    Border,
    Feature,
    FrameResult,
    HeadMotion,
    collect,
    gather,
    relative_motion,
    window_pairs,
)


class WindowStream:
    """Gathers windows while frames arrive; the parameters are those of :func:`spotlib.swmro.windows`.

    ``crop`` must be that of the extractor. Memory does not grow with the video: as many frames as one window touches.
    """

    def __init__(
        self,
        *,
        layout: Layout = "10",
        head: HeadMotion = "nose",
        K: int = 17,
        alignment: Alignment = "centred",
        border: Border = "clamp",
        keep_zero_row: bool = True,
        feature: Feature = "swmro",
        fixed_gap: int = 8,
        crop: CropSpec | None = None,
        name: str = "video",
    ) -> None:
        self.crop, self.name = crop or CropSpec(), name
        self._motion = {"layout": layout, "head": head}
        self._window = {
            "K": K,
            "alignment": alignment,
            "border": border,
            "keep_zero_row": keep_zero_row,
            "feature": feature,
            "fixed_gap": fixed_gap,
        }
        first, later = window_pairs(1, K=K, alignment=alignment, feature=feature, fixed_gap=fixed_gap)
        self._back, self._ahead = -int(first.min()), int(later.max())  # frames that a window touches about its own
        self._shape = (K if keep_zero_row else K - 1, len(LAYOUTS[layout]), 2)
        self._parts: list[np.ndarray] = []  # relative motion (t, G+1, V, 2) of the frames that are still needed
        self._begin = 0  # the first of them
        self._count = 0  # frames so far
        self._given = 0  # windows so far

    def push(self, results: Sequence[FrameResult]) -> tuple[np.ndarray, np.ndarray]:
        """Take the next frames; return the windows (n, K, V, 2) float32 that are complete, and which are whole (n,).

        Raises SpotlibError if the motion was computed for shorter gaps than the windows need.
        """
        if results:
            motion = collect(results, extractor="stream", fps=0.0, crop=self.crop, name=self.name)
            self._parts.append(relative_motion(motion, **self._motion))  # type: ignore[arg-type]
            self._count += len(results)
        return self._give(self._count - self._ahead)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The windows at the video's end, whose later frames do not exist (see ``border``)."""
        return self._give(self._count)

    def _give(self, until: int) -> tuple[np.ndarray, np.ndarray]:
        """The windows of all frames before ``until`` that were not given yet."""
        if until <= self._given:
            return np.empty((0, *self._shape), np.float32), np.empty(0, bool)
        self._parts = [np.concatenate(self._parts)]
        begin = self._begin
        # before the video's first frame and behind its last there are none here either, so borders come out alike
        rows, whole = gather(self._parts[0], name=self.name, **self._window)  # type: ignore[arg-type]
        given = slice(self._given - begin, until - begin)
        self._given = until
        self._begin = max(begin, until - self._back)
        self._parts = [self._parts[0][self._begin - begin :]]
        return rows[given], whole[given]
