"""The hand-crafted comparison system: an optical-flow peak detector (METHOD section 8, the idea of OF-FD).

Published idea: follow the face's regions from a window's first frame, remove head motion, keep the band in which
expressions live, call peaks expressions. What differs here: the same SW-MRO windows as the networks see are its input,
and its few numbers (peak height, width border, shift) are chosen on the fold's training subjects, never on the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, percentile_filter
from scipy.signal import find_peaks, peak_widths

from spotlib.intervals import Event, Kind

# gaps at which the two kinds show: about half an ME, and the longest a default window holds
MICRO_GAP, MACRO_GAP = 7, 16


@dataclass(frozen=True)
class PeakOptions:
    """What the detector needs to know about one kind; frames."""

    kind: Kind
    height: float
    length: int
    shift: int
    max_width: float


def signals(windows: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Motion strength per frame, band-limited.

    windows: (T, K, V, 2) px, row k = motion from the window's first frame to its k-th; valid: (T,) bool.
    Returns (T, 2) float32 in px: column 0 micro, column 1 macro; 0 where not valid.
    """
    n_frames, length = windows.shape[:2]
    columns = []
    for gap, smooth, background in ((MICRO_GAP, 1.0, 91), (MACRO_GAP, 3.0, 301)):
        k = min(gap, length - 1)
        strength = np.linalg.norm(windows[:, k], axis=-1)  # (T, V)
        # an expression moves a region, not all ten nodes: mean of the three that move most
        series = np.sort(strength, axis=1)[:, -3:].mean(axis=1)  # (T,)
        # window i starts half a window early; put the motion at the middle of the pair of frames it belongs to
        lead = (length - 1) // 2 - k // 2
        series = np.interp(np.arange(n_frames), np.arange(n_frames) - lead, series)
        series = gaussian_filter1d(series, smooth)
        floor = percentile_filter(series, 20, size=min(background, 2 * n_frames - 1))
        columns.append(np.where(valid, np.clip(series - floor, 0, None), 0.0))
    return np.stack(columns, axis=1).astype(np.float32)


def detect(signal: np.ndarray, options: PeakOptions) -> list[Event]:
    """Peaks of one kind's signal (T,) as events; the score is the peak's share of the video's highest."""
    top = float(signal.max(initial=0.0))
    if top <= 0:
        return []
    mean = float(signal.mean())
    peaks, _ = find_peaks(signal, height=mean + options.height * (top - mean), distance=max(1, options.length // 2))
    if not len(peaks):
        return []
    widths = peak_widths(signal, peaks, rel_height=0.5)[0]
    found = []
    for peak, width in zip(peaks, widths, strict=True):
        if (options.kind is Kind.MICRO) != (width <= options.max_width):
            continue
        onset = int(np.clip(peak - options.length // 2 + options.shift, 0, len(signal) - 1))
        offset = min(onset + options.length - 1, len(signal) - 1)
        apex = int(np.clip(peak, onset, offset))
        found.append(Event(options.kind, onset, apex, offset, score=min(1.0, float(signal[peak]) / top)))
    return found


def fit(kind: Kind, videos: Sequence[tuple[np.ndarray, Sequence[Event]]], hits_of: object) -> tuple[PeakOptions, float]:
    """Choose the options for ``kind`` that give the best pooled F1 on ``videos``.

    videos: (signal of this kind (T,), true events of this kind) per video. ``hits_of(truth, predicted)`` counts the
    hits of one video under the protocol in force. Returns the options and their F1.
    """
    lengths = sorted(event.length for _, truth in videos for event in truth)
    median = lengths[len(lengths) // 2] if lengths else (13 if kind is Kind.MICRO else 40)
    best, best_f1 = PeakOptions(kind, 0.5, median, 0, 16.0), -1.0
    n_true = sum(len(truth) for _, truth in videos)
    for max_width in (10.0, 14.0, 18.0, 24.0):
        for shift in (-median // 4, 0, median // 4):
            for height in np.arange(0.05, 0.96, 0.1):
                options = PeakOptions(kind, round(float(height), 2), median, shift, max_width)
                n_found = n_hits = 0
                for signal, truth in videos:
                    found = detect(signal, options)
                    n_found += len(found)
                    n_hits += hits_of(truth, found) if found and truth else 0  # type: ignore[operator]
                f1 = 2 * n_hits / (n_found + n_true) if n_found + n_true else 0.0
                if f1 > best_f1:
                    best, best_f1 = options, f1
    return best, best_f1
