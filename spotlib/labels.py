"""What each frame should be called: targets for training (METHOD section 4).

A video's targets are seven arrays over its frames, so that a batch of segments is one gather by index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind

SEGMENT = 16  # frames of a training segment
BOUNDARY_ONSET, BOUNDARY_OFFSET, BOUNDARY_NEITHER = 0, 1, 2
NEUTRAL, MACRO, MICRO = 0, 1, 2  # contrastive classes
#: frames by which onset, offset and apex are widened to both sides
WIDENING = {Kind.MICRO: 1, Kind.MACRO: 3}
#: columns of `frame_labels`: onset, apex, offset, expression of ME, then of MaE
COLUMNS = {Kind.MICRO: 0, Kind.MACRO: 4}
_ONSET, _APEX, _OFFSET, _EXPRESSION = range(4)

Protocol = Literal["clean", "author"]


@dataclass(frozen=True)
class FrameTargets:
    """Targets of T frames: arrays, or tensors after `to_torch`. Indexing picks frames from all of them."""

    apex_micro: Any  # (T,) float32 in 0..1
    apex_macro: Any  # (T,) float32 in 0..1
    expression_micro: Any  # (T,) float32, 0 or 1
    expression_macro: Any  # (T,) float32, 0 or 1
    boundary_micro: Any  # (T,) int64: 0 onset, 1 offset, 2 neither
    boundary_macro: Any  # (T,) int64: 0 onset, 1 offset, 2 neither
    contrastive: Any  # (T,) int64: 0 neutral, 1 MaE, 2 ME

    def __len__(self) -> int:
        return len(self.contrastive)

    def __getitem__(self, index: Any) -> FrameTargets:
        return FrameTargets(*(getattr(self, f.name)[index] for f in fields(self)))

    def to_torch(self, device: Any = "cpu") -> FrameTargets:
        """The same targets as tensors on ``device``."""
        import torch

        return FrameTargets(*(torch.as_tensor(getattr(self, f.name), device=device) for f in fields(self)))

    @classmethod
    def concatenate(cls, parts: Sequence[FrameTargets]) -> FrameTargets:
        """The targets of several videos behind each other (numpy arrays)."""
        if not parts:
            raise SpotlibError("no targets to join; give at least one video")
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


def frame_labels(
    events: Iterable[Event], n_frames: int, *, missing_apex: Literal["midpoint", "none"] = "midpoint"
) -> np.ndarray:
    """Mark onset, apex, offset and duration of every event.

    Args:
        events: of both kinds, in any order.
        n_frames: T, frames of the video.
        missing_apex: an event without annotated apex gets its middle frame as apex, or none.

    Returns:
        (T, 8) int64 of 0 and 1: ME onset, apex, offset, expression, then MaE the same.

    Raises:
        SpotlibError: if an event ends past the last frame.
    """
    labels = np.zeros((n_frames, 8), dtype=np.int64)
    for event in events:
        if not event.reachable:  # in the ground truth, but nobody knows which frames it covers
            continue
        if event.offset >= n_frames:
            raise SpotlibError(
                f"{event.kind} event [{event.onset}, {event.offset}] ends past the last frame {n_frames - 1};"
                " correct the annotation or the frame rate"
            )
        column = COLUMNS[event.kind]
        apex = event.apex
        if apex is None and missing_apex == "midpoint":
            apex = (event.onset + event.offset) // 2
        labels[event.onset, column + _ONSET] = 1
        labels[event.offset, column + _OFFSET] = 1
        labels[event.onset : event.offset + 1, column + _EXPRESSION] = 1
        if apex is not None:
            labels[apex, column + _APEX] = 1
    return labels


def targets(labels: np.ndarray, *, author_quirks: bool = False) -> FrameTargets:
    """Widen frame labels into targets, along the last axis but one.

    Args:
        labels: (..., L, 8) as `frame_labels` gives them; nothing is widened past the ends of L.
        author_quirks: never spread an apex onto frame 0 of L, as the release does. (Its other quirk, clipping
            at segment borders, follows from cutting before widening.)

    Returns:
        `FrameTargets` of (..., L) arrays. Where apexes of one kind meet, the higher score stands.
    """
    columns: dict[str, np.ndarray] = {}
    for kind, width in WIDENING.items():
        first = COLUMNS[kind]
        onset, apex, offset, expression = (labels[..., first + i].astype(bool) for i in range(4))
        boundary = np.full(onset.shape, BOUNDARY_NEITHER, dtype=np.int64)
        boundary[_widened(onset, width)] = BOUNDARY_ONSET
        boundary[_widened(offset, width)] = BOUNDARY_OFFSET  # an offset overwrites an onset
        score = np.zeros(onset.shape, dtype=np.float32)
        for j in range(-width, width + 1):
            near = _shifted(apex, j)
            if author_quirks and j != 0:
                near[..., 0] = False
            np.maximum(score, near * np.float32(np.exp(-(j**2) / 32)), out=score)
        columns |= {f"apex_{kind}": score, f"expression_{kind}": expression.astype(np.float32)}
        columns |= {f"boundary_{kind}": boundary}
    micro, macro = columns["expression_micro"] > 0, columns["expression_macro"] > 0
    contrastive = np.where(macro, MACRO, np.where(micro, MICRO, NEUTRAL)).astype(np.int64)
    return FrameTargets(**columns, contrastive=contrastive)


def frame_targets(events: Iterable[Event], n_frames: int, *, protocol: Protocol = "clean") -> FrameTargets:
    """Targets (T,) of one video.

    ``clean`` widens on the whole video; ``author`` cuts the video into 16-frame segments first and so clips
    what would be widened across their borders, and never spreads an apex onto a segment's first frame (METHOD
    section 4).
    """
    labels = frame_labels(events, n_frames)
    if protocol == "clean":
        return targets(labels)
    if protocol != "author":
        raise SpotlibError(f"protocol {protocol!r} is unknown; choose clean or author")
    count = -(-n_frames // SEGMENT)
    padded = np.zeros((count * SEGMENT, labels.shape[1]), dtype=labels.dtype)
    padded[:n_frames] = labels
    cut = targets(padded.reshape(count, SEGMENT, -1), author_quirks=True)  # (S, 16) each
    return FrameTargets(*(getattr(cut, f.name).reshape(-1)[:n_frames] for f in fields(cut)))


def segments(of: FrameTargets, *, length: int = SEGMENT, neutral: bool = False) -> np.ndarray:
    """First frames of the non-overlapping training segments of a video.

    Args:
        of: the video's targets (T,); the T % length frames at its end belong to no segment.
        length: frames of a segment.
        neutral: also segments without any expression frame, which the release never trains on.

    Returns:
        (S,) int64, ascending.
    """
    count = len(of) // length
    starts = np.arange(count, dtype=np.int64) * length
    if neutral:
        return starts
    return starts[(np.asarray(of.contrastive[: count * length]).reshape(count, length) != NEUTRAL).any(axis=1)]


def _shifted(marks: np.ndarray, by: int) -> np.ndarray:
    """Marks moved by ``by`` frames along the last axis; what leaves is lost, what enters is False."""
    out = np.zeros_like(marks)
    length = marks.shape[-1]
    if abs(by) < length:
        out[..., max(0, by) : length + min(0, by)] = marks[..., max(0, -by) : length - max(0, by)]
    return out


def _widened(marks: np.ndarray, width: int) -> np.ndarray:
    return np.logical_or.reduce([_shifted(marks, j) for j in range(-width, width + 1)])
