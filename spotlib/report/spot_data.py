"""What the scripts of the report page and the widget know about a result: plain JSON, bounded in size."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from spotlib.intervals import KINDS, Event
from spotlib.spot.result import Result
from spotlib.spotting import FrameScores

#: more frames than these (3 h 20 min at 30 frames/s) are sent as the highest and lowest score of every few frames
MAX_SAMPLES = 360_000
CURVES = ("apex", "onset", "offset")


def gaps(valid: np.ndarray) -> list[list[int]]:
    """First and last frame, inclusive, of every run of frames without a face.

    >>> gaps(np.array([True, False, False, True, False]))
    [[1, 2], [4, 4]]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ~np.asarray(valid, bool), [0]]).astype(np.int8)))
    return [[int(first), int(end) - 1] for first, end in edges.reshape(-1, 2)]


def samples_step(n_frames: int) -> int:
    """Frames that one sample of the sent curves stands for."""
    return max(1, -(-n_frames // MAX_SAMPLES))


def envelope(values: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Highest and lowest of every ``step`` values, (ceil(T / step),) each; of the last few, too."""
    starts = np.arange(0, len(values), step)
    return np.maximum.reduceat(values, starts), np.minimum.reduceat(values, starts)


def event_data(event: Event) -> dict[str, Any]:
    """One event as the scripts draw it."""
    return {
        "kind": str(event.kind),
        "onset": event.onset,
        "apex": event.apex,
        "offset": event.offset,
        "score": None if event.score is None else round(event.score, 4),
        "side": event.side,
    }


def timeline_data(result: Result) -> dict[str, Any]:
    """Curves, gaps, clock and events, by onset, of one result.

    Scores are sent as whole numbers 0 to 255 (base64). Of more than MAX_SAMPLES frames each sample stands for
    ``step`` frames, with their highest and lowest score, so that no peak is lost.
    """
    spotted = result.spotted
    step = samples_step(spotted.n_frames)
    scores = FrameScores(np.asarray(result.probabilities), result.valid)
    curves: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        curves[str(kind)] = {}
        for name, values in zip(CURVES, scores.of(kind), strict=True):
            levels = np.rint(255 * np.nan_to_num(values.astype(np.float32)).clip(0, 1)).astype(np.uint8)
            high, low = envelope(levels, step)
            sent = {"high": _base64(high)}
            if step > 1:
                sent["low"] = _base64(low)
            curves[str(kind)][name] = sent
    return {
        "n_frames": spotted.n_frames,
        "fps": spotted.fps,
        "knots": [list(knot) for knot in spotted.clock.knots],
        "step": step,
        "curves": curves,
        "thresholds": {kind: float(rule["threshold"]) for kind, rule in result.rules.items() if "threshold" in rule},
        "gaps": gaps(result.valid),
        "events": [event_data(spotted.events[index]) for index in by_onset(result)],
    }


def by_onset(result: Result) -> list[int]:
    """Places of the events in ``result.spotted.events`` in the order of their onsets, as people count them."""
    events = result.spotted.events
    return sorted(range(len(events)), key=lambda i: (events[i].onset, events[i].offset, i))


def script_json(value: Any) -> str:
    """JSON that can stand in a ``<script>`` element whatever texts are in it.

    >>> script_json({"name": "</script><img onerror=x>"})
    '{"name":"\\\\u003c/script\\\\u003e\\\\u003cimg onerror=x\\\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
