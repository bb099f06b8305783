"""What else happens in a video while something is spotted or missed, and how often that is so by chance.

Meeting is not causing: an interval of two seconds meets a gaze shift nearly always. So everything here is set against
`Happenings.chance`, the share of all places in the same video where an interval of the same length would meet it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

#: seconds within which a true event or a gap counts as near
NEAR = 0.5
#: known of every data set, from its truth and from tracking
NEARBY = ("same_kind", "other_kind", "gap")
#: known of twins only, by their kind in the twin's log
LOGGED = ("talking", "turn", "swallow", "blink", "gaze")
#: everything, in the order in which texts name it
CAUSES = (*LOGGED[:3], *NEARBY, *LOGGED[3:])
#: meets nothing of what is known
NOTHING = "nothing"
WORDS = {
    "talking": "talking", "turn": "head turn", "swallow": "swallowing", "blink": "blink", "gaze": "gaze shift",
    "same_kind": f"within {NEAR:g} s of a true event of its kind",
    "other_kind": f"within {NEAR:g} s of a true event of the other kind",
    "gap": f"within {NEAR:g} s of frames without a face",
    NOTHING: "none of these",
}  # fmt: skip


class Span(NamedTuple):
    """Frames ``onset`` to ``offset``, both inclusive, during which something called ``what`` happens."""

    what: str
    onset: int
    offset: int

    def distance(self, onset: int, offset: int) -> int:
        """Frames between this and another span; 0 if they touch or overlap."""
        return max(0, onset - self.offset, self.onset - offset)


@dataclass(frozen=True)
class Happenings:
    """All that is known to happen in one video besides what a system spots.

    truth: the true events, called "macro" and "micro", in the row's order; gaps: frames without a trusted face;
    log: the twin's distractors, or None if nobody logged them, as in real recordings.
    """

    n_frames: int
    fps: float
    truth: tuple[Span, ...]
    gaps: tuple[Span, ...] = ()
    log: tuple[Span, ...] | None = None

    @classmethod
    def of(cls, video: Mapping[str, Any], log: Sequence[Any] | None = None) -> Happenings:
        """Of one video of a fold row; ``log``: entries with kind, onset and offset, None if there is no log."""
        return cls(
            int(video["n_frames"]),
            float(video["fps"]),
            tuple(Span(str(e["kind"]), e["onset"], e["offset"]) for e in video["truth"]),
            tuple(Span("gap", first, last) for first, last in video["gaps"]),
            None if log is None else tuple(Span(entry.kind, entry.onset, entry.offset) for entry in log),
        )

    @property
    def known(self) -> tuple[str, ...]:
        """Those of `CAUSES` that this video tells about."""
        return tuple(cause for cause in CAUSES if cause in NEARBY or self.log is not None)

    @property
    def margin(self) -> int:
        """`NEAR` in frames."""
        return round(NEAR * self.fps)

    def spans(self, cause: str, kind: str, *, but: int | None = None) -> list[Span]:
        """When ``cause`` lasts, for an event of ``kind``; ``but``: position in `truth` of the event itself."""
        if cause == "gap":
            return list(self.gaps)
        if cause in ("same_kind", "other_kind"):
            same = cause == "same_kind"
            return [span for i, span in enumerate(self.truth) if i != but and (span.what == kind) is same]
        return [span for span in self.log or () if span.what == cause]

    def meets(self, kind: str, onset: int, offset: int, *, but: int | None = None) -> dict[str, bool | None]:
        """For each of `CAUSES`, whether [onset, offset] meets it; None where nobody knows.

        Logged ones must share a frame with it, the others may be `NEAR` seconds away.
        """
        found: dict[str, bool | None] = dict.fromkeys(CAUSES)
        for cause in self.known:
            near = self.margin if cause in NEARBY else 0
            spans = self.spans(cause, kind, but=but)
            touching = [s for s in spans if s.onset <= offset + near and s.offset >= onset - near]
            found[cause] = bool(touching)
        return found

    def lasts(self, cause: str, kind: str) -> float:
        """Share of the video's frames during which ``cause`` (or `NOTHING`) lasts, for an event of ``kind``."""
        return float(self._mask(cause, kind).mean())

    def chance(self, cause: str, kind: str, length: int) -> float:
        """Share of all places in the video where an interval of ``length`` frames meets ``cause`` (or `NOTHING`)."""
        at = (cause, kind, min(max(length, 1), self.n_frames))
        if at not in self._chances:
            mask = self._mask(NOTHING, kind) if cause == NOTHING else ~self._mask(cause, kind)
            free = np.concatenate([[0], np.cumsum(mask)])  # frames without it before each frame
            wholly = free[at[2] :] - free[: -at[2]] == at[2]
            self._chances[at] = float(wholly.mean() if cause == NOTHING else 1 - wholly.mean())
        return self._chances[at]

    @cached_property
    def _chances(self) -> dict[tuple[str, str, int], float]:
        return {}

    @cached_property
    def _masks(self) -> dict[tuple[str, str], np.ndarray]:
        return {}

    def _mask(self, cause: str, kind: str) -> np.ndarray:
        """(T,) bool: frames that meet ``cause``."""
        if (cause, kind) not in self._masks:
            mask = np.zeros(self.n_frames, dtype=bool)
            if cause == NOTHING:
                mask = ~np.logical_or.reduce([self._mask(other, kind) for other in self.known])
            else:
                near = self.margin if cause in NEARBY else 0
                for span in self.spans(cause, kind):
                    mask[max(0, span.onset - near) : max(0, span.offset + near + 1)] = True
            self._masks[cause, kind] = mask
        return self._masks[cause, kind]


def in_words(met: Mapping[str, bool | None]) -> str:
    """Names of what was met, joined; "none of these" if nothing, and "" if that cannot be said of real recordings.

    >>> in_words({"talking": True, "gap": False, "blink": True})
    'talking, blink'
    """
    names = [WORDS[cause] for cause, there in met.items() if there]
    if names:
        return ", ".join(names)
    return "" if any(there is None for there in met.values()) else WORDS[NOTHING]
