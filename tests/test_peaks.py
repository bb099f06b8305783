from __future__ import annotations

import numpy as np

from spotlib.intervals import Event, Kind
from spotlib.matching import match
from spotlib.peaks import PeakOptions, detect, fit, signals


def _windows(n_frames: int, onset: int, apex: int, offset: int, size: float, rng: np.random.Generator) -> np.ndarray:
    """Windows of one brow node that moves up and back, plus noise."""
    position = np.interp(np.arange(n_frames), [onset, apex, offset], [0, size, 0])
    frames = np.clip(np.arange(n_frames)[:, None] + np.arange(-8, 9), 0, n_frames - 1)
    windows = rng.normal(0, 0.02, (n_frames, 17, 10, 2))
    windows[:, :, :3, 1] += (position[frames] - position[frames[:, :1]])[:, :, None]
    return windows.astype(np.float32)


def test_signal_peaks_where_the_motion_is():
    rng = np.random.default_rng(0)
    out = signals(_windows(300, 100, 106, 113, 2.0, rng), np.ones(300, bool))
    assert out.shape == (300, 2)
    assert abs(int(out[:, 0].argmax()) - 106) <= 8
    assert out[:80].max() < 0.3 * out.max()


def test_frames_without_a_face_are_silent():
    rng = np.random.default_rng(0)
    valid = np.ones(300, bool)
    valid[90:125] = False
    assert signals(_windows(300, 100, 106, 113, 2.0, rng), valid)[90:125].max() == 0


def test_fit_finds_a_movement_it_was_shown():
    videos = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        start = 60 + 25 * seed
        windows = _windows(300, start, start + 6, start + 13, 1.5, rng)
        truth = [Event(Kind.MICRO, start, start + 6, start + 13)]
        videos.append((signals(windows, np.ones(300, bool))[:, 0], truth))
    options, f1 = fit(Kind.MICRO, videos, lambda truth, found: len(match(truth, found)))
    assert options.length == 14
    assert f1 >= 0.75


def test_events_stay_inside_the_video():
    signal = np.zeros(50, np.float32)
    signal[[1, 2, 3]] = [0.5, 1, 0.5]
    signal[48] = 1
    found = detect(signal, PeakOptions(Kind.MICRO, 0.3, 13, 3, 20.0))
    assert found
    assert all(0 <= e.onset <= e.apex <= e.offset < 50 for e in found)
    assert detect(np.zeros(50), PeakOptions(Kind.MICRO, 0.3, 13, 0, 20.0)) == []
