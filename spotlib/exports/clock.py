"""When a frame begins and ends, and which frame an instant belongs to."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spotlib.errors import SpotlibError

#: a frame may begin this share of its duration beside the regular beat before the beat is set anew
TOLERANCE = 0.25


@dataclass(frozen=True)
class Clock:
    """A regular beat of ``fps`` frames per second that is set anew at each knot (frame, seconds).

    A video with a regular beat has one knot, (0, 0.0). Where frames were dropped, or the beat drifts, further knots
    keep the times of all frames true, and a corrected file can be read without the video. ``n_frames`` is None if
    the length is unknown.

    >>> clock = Clock(25.0, 100)
    >>> clock.start(10), clock.frame(0.41), clock.interval(0.4, 0.8)
    (0.4, 10, (10, 19))
    """

    fps: float
    n_frames: int | None = None
    knots: tuple[tuple[int, float], ...] = ((0, 0.0),)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and 0.01 <= self.fps <= 100_000):
            raise SpotlibError(f"frame rate {self.fps:g} is no rate of a video; give frames per second")
        frames = [frame for frame, _ in self.knots]
        seconds = [second for _, second in self.knots]
        rising = all(a < b for a, b in pairwise(frames)) and seconds == sorted(seconds)
        if not self.knots or frames[0] != 0 or not rising or not all(map(math.isfinite, seconds)):
            raise SpotlibError("the times of the frames are not in order; export the events again")

    @classmethod
    def of(cls, fps: float, n_frames: int, seconds: np.ndarray | None) -> Clock:
        """The clock of frames that begin at ``seconds``, (n_frames,), not decreasing; None: at frame / fps."""
        if seconds is None:
            return cls(fps, n_frames)
        gaps = np.diff(seconds, append=seconds[-1] + 1 / fps)
        allowed = (TOLERANCE * np.minimum(gaps, np.concatenate([gaps[:1], gaps[:-1]]))).tolist()
        knots = [(0, float(seconds[0]))]
        for frame, second in enumerate(seconds.tolist()):
            base, at = knots[-1]
            if abs(at + (frame - base) / fps - second) > allowed[frame]:
                knots.append((frame, second))
        return cls(fps, n_frames, tuple(knots))

    def start(self, frame: int) -> float:
        """Seconds at which ``frame`` begins (and the one before it ends)."""
        index = bisect_right(self.knots, (frame, math.inf)) - 1
        base, at = self.knots[max(index, 0)]
        return at + (frame - base) / self.fps

    def frame(self, seconds: float) -> int:
        """The frame whose beginning is nearest to ``seconds``, within the video."""
        last = None if self.n_frames is None else self.n_frames - 1
        return self._nearest(seconds, last)

    def interval(self, begin: float, end: float) -> tuple[int, int]:
        """First and last frame of the span from ``begin`` to ``end`` seconds, at least one frame.

        Borders go to the nearest border between frames, so that a span written by spotlib and rounded to
        milliseconds comes back as the same frames, at any rate up to 400 frames per second.
        """
        onset = self.frame(begin)
        return onset, max(onset, self._nearest(end, self.n_frames) - 1)

    def _nearest(self, seconds: float, last: int | None) -> int:
        index = max(bisect_right([at for _, at in self.knots], seconds) - 1, 0)
        base, at = self.knots[index]
        near = base + round((seconds - at) * self.fps)
        following = self.knots[index + 1][0] if index + 1 < len(self.knots) else None
        if following is not None:
            near = min(near, following - 1)
        # around a knot the next beat, or the one before, may be nearer
        candidates = {base - 1, near - 1, near, near + 1, *([] if following is None else [following])}
        fitting = [frame for frame in sorted(candidates) if frame >= 0 and (last is None or frame <= last)]
        if not fitting:
            return 0 if near < 0 else last or 0
        return min(fitting, key=lambda frame: abs(self.start(frame) - seconds))
