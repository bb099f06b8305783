"""Speed and accuracy of the motion features: extractors, face tracking, rendering; how their cost grows."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spotlib.bench.common import against_floor, in_turns, limits, ratios, spread
from spotlib.bench.patch_farneback import PatchFarneback
from spotlib.faces import FaceTracker, LandmarkSmoother, detect_whole, face_box, predict, to_grey
from spotlib.flow import CropSpec, Extractor, FarnebackExtractor, FrameMotion
from spotlib.intervals import Kind
from spotlib.patch_tracker import FLAT
from spotlib.points import LAYOUTS, NODES, POINT_NAMES, point_positions
from spotlib.sparse_flow import NOSE_GRID, SparseExtractor, patch_count
from spotlib.swmro import MotionStream

if TYPE_CHECKING:
    from spotlib.datasets.twin import TwinVideo

#: px of true motion in the crop that count as the size of an ME, of something between, and of an MaE (METHOD section 2)
SIZES = {"micro (0.3 px)": (0.15, 0.6), "medium (1.5 px)": (1.0, 2.2), "macro (4 px)": (3.0, 5.5)}
GAPS = range(1, 17)


@dataclass(frozen=True)
class BenchClip:
    """Frames (T, H, W) uint8 of a twin around a macro-expression, and their exact landmarks (T, 68, 2) in px."""

    pictures: np.ndarray
    truth: np.ndarray
    video: TwinVideo

    @classmethod
    def of(cls, seed: int, frames: int) -> BenchClip:
        """The first person of the demo twin of ``seed``, from shortly before the first macro-expression on."""
        from spotlib.datasets.twin import make_twin

        video: Any = make_twin("demo", seed=seed).videos[0]
        onset = next((event.onset for event in video.events if event.kind is Kind.MACRO), 0)
        start = int(np.clip(onset - frames // 4, 0, max(0, video.n_frames - frames)))
        shown = range(start, min(start + frames, video.n_frames))
        pictures = np.stack([to_grey(video.frame(i)) for i in shown])
        return cls(pictures, np.stack([video.landmarks(i) for i in shown]), video)

    def __len__(self) -> int:
        return len(self.pictures)


def extractors() -> dict[str, Callable[[], Extractor]]:
    """The two references and the fast extractor, by name."""
    return {"farneback": FarnebackExtractor, "farneback on regions": PatchFarneback, "lk": SparseExtractor}


def accuracy(clips: Sequence[BenchClip]) -> dict[str, Any]:
    """End-point error (px of the crop) of each extractor at the ten nodes, by size of the true motion and by gap.

    Points are placed by the exact landmarks, so that only the flow is tested.
    """
    found: dict[str, Any] = {}
    for name, make in extractors().items():
        error, size = (np.concatenate(parts) for parts in zip(*(_errors(make(), clip) for clip in clips), strict=True))
        by_size = {label: error[(size >= low) & (size < high)] for label, (low, high) in SIZES.items()}
        found[name] = {
            "by size": {label: _of(values) for label, values in by_size.items()},
            "by gap": {str(gap): _of(error[:, gap][np.isfinite(error[:, gap])]) for gap in GAPS},
        }
    return found


def _of(errors: np.ndarray) -> dict[str, float]:
    if errors.size == 0:
        return {"n": 0}
    low, high = np.median(errors), np.quantile(errors, 0.95)
    return {"mean": float(errors.mean()), "median": float(low), "p95": float(high), "n": int(errors.size)}


def _errors(extractor: Extractor, clip: BenchClip) -> tuple[np.ndarray, np.ndarray]:
    """Error and length of the true motion, (T, G+1, 10) px of the crop; NaN where there is none."""
    out: list[FrameMotion] = []
    for picture, marks in zip(clip.pictures, clip.truth, strict=True):
        out += extractor.push(picture, marks.astype(np.float32))
    out += extractor.finish()
    nodes = point_positions(clip.truth)[:, : len(NODES)]
    error = np.full((len(out), GAPS.stop, len(NODES)), np.nan)
    size = error.copy()
    for r, motion in enumerate(out):
        box = CropSpec().box(clip.truth[r])
        for gap in range(1, min(GAPS.stop, len(out) - r)):
            true = (nodes[r + gap] - nodes[r]) * CropSpec().size / (box[2] - box[0])
            error[r, gap] = np.linalg.norm(motion.flow[gap, : len(NODES)] - true, axis=1)
            size[r, gap] = np.linalg.norm(true, axis=1)
    return error, size


class _Running:
    """An extractor in full swing: frames of a clip, there and back, without end."""

    def __init__(self, extractor: Extractor, clip: BenchClip, *, warm: int) -> None:
        order = [*range(len(clip)), *range(len(clip) - 2, 0, -1)]
        self._frames = itertools.cycle([(clip.pictures[i], clip.truth[i].astype(np.float32)) for i in order])
        self._extractor = extractor
        self(warm)

    def __call__(self, frames: int) -> None:
        for picture, marks in itertools.islice(self._frames, frames):
            self._extractor.push(picture, marks)


def speed(clip: BenchClip, *, repeats: int) -> dict[str, Any]:
    """Seconds a frame of each extractor, in turns, and how many times the fast one is faster."""
    at_once = {"farneback": 1, "farneback on regions": 1, "lk": 24}
    running = {name: _Running(make(), clip, warm=17) for name, make in extractors().items()}
    seconds = in_turns(
        {name: lambda name=name: running[name](at_once[name]) for name in running},  # type: ignore[misc]
        repeats=repeats,
        units=at_once,
    )
    return {
        "ms a frame": {name: spread([1e3 * s for s in values]) for name, values in seconds.items()},
        "frames a second": {name: spread([1 / s for s in values]) for name, values in seconds.items()},
        "times as fast as farneback": ratios(seconds, "farneback", "lk"),
        "times as fast as farneback on regions": ratios(seconds, "farneback on regions", "lk"),
    }


def tracking(clip: BenchClip, *, repeats: int, still: int = 24) -> dict[str, Any]:
    """Tracking beside full detection of every frame: time, and landmark error beside the jitter of full detection.

    Errors are rms px of the frame over all landmarks; against the truth, each landmark's constant offset is left out.
    """
    from spotlib.actor.streams import frame_stream

    # the same picture again and again, only the sensor's noise differs
    shown = clip.video.render(0)
    noisy = [to_grey(clip.video.camera.shoot(shown, frame_stream(1, i))) for i in range(still)]
    jitter_full, jitter_tracked = (_jitter(of(noisy)) for of in (_detected, _tracked))
    full, tracked = _detected(clip.pictures), _tracked(clip.pictures)
    smoother = LandmarkSmoother()
    smooth = np.stack([m for marks in tracked for m in smoother.push(marks)] + list(smoother.finish()))  # type: ignore[arg-type]
    few = clip.pictures[:8]
    seconds = in_turns(
        {"tracking": lambda: _tracked(clip.pictures), "full detection": lambda: _detected(few)},
        repeats=repeats,
        units={"tracking": len(clip), "full detection": len(few)},
    )
    return {
        "ms a frame": {name: spread([1e3 * s for s in values]) for name, values in seconds.items()},
        "times as fast": ratios(seconds, "full detection", "tracking"),
        "jitter on a still face": {"full detection": jitter_full, "tracking": jitter_tracked},
        "difference of tracking and full detection": _rms(tracked - full),
        "difference of smoothed tracking and full detection": _rms(smooth - full),
        "what two full detections of a still face differ by": 2**0.5 * jitter_full,
        "error": {
            name: _rms((marks - clip.truth) - (marks - clip.truth).mean(0))
            for name, marks in (("full detection", full), ("tracking", tracked), ("tracking, smoothed", smooth))
        },
    }


def _detected(pictures: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Landmarks (T, 68, 2) of every frame by itself, as the tracker's own search finds them."""
    found = []
    for picture in pictures:
        box = detect_whole(picture)[0]
        found.append(predict(picture, face_box(predict(picture, box[:3]))))
    return np.stack(found)


def _tracked(pictures: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    tracker = FaceTracker()
    settled = [face for picture in pictures for face in tracker.push(picture)] + tracker.finish()
    return np.stack([np.full((68, 2), np.nan) if face.landmarks is None else face.landmarks for face in settled])


def _rms(away: np.ndarray) -> float:
    """Root mean square length of vectors (..., 2)."""
    return float(np.sqrt((away**2).sum(-1).mean()))


def _jitter(landmarks: np.ndarray) -> float:
    return _rms(landmarks - landmarks.mean(0))


def growth(clip: BenchClip, *, repeats: int, lengths: Sequence[int] = (50, 100, 200, 400)) -> dict[str, Any]:
    """Milliseconds a frame by number of points followed, by longest gap K - 1, and by length of the video."""
    layouts = {**LAYOUTS, "all, and those for head motion": POINT_NAMES}
    names = {f"{len(points)} ({name})": points for name, points in layouts.items()}
    by_nodes = {label: SparseExtractor(names=points) for label, points in names.items()}
    by_gap = {str(gap): SparseExtractor(max_gap=gap) for gap in (4, 8, 16, 30)}
    return {
        "nodes": _grown(by_nodes, clip, repeats),
        "longest gap": _grown(by_gap, clip, repeats),
        "frames in the video": _per_frame(
            {str(n): lambda n=n: _stream(clip, n) for n in lengths},  # type: ignore[misc]
            {str(n): float(n) for n in lengths},
            max(1, repeats // 2),
        ),
    }


def _grown(made: dict[str, SparseExtractor], clip: BenchClip, repeats: int) -> dict[str, Any]:
    running = {label: _Running(extractor, clip, warm=31) for label, extractor in made.items()}
    work = {label: lambda run=run: run(24) for label, run in running.items()}  # type: ignore[misc]
    return _per_frame(work, dict.fromkeys(work, 24.0), repeats)


def _per_frame(work: Mapping[str, Callable[[], object]], units: dict[str, float], repeats: int) -> dict[str, Any]:
    seconds = in_turns(work, repeats=repeats, units=units)
    return {label: spread([1e3 * s for s in values]) for label, values in seconds.items()}


def _stream(clip: BenchClip, frames: int) -> None:
    order = itertools.cycle([*range(len(clip)), *range(len(clip) - 2, 0, -1)])
    stream = MotionStream()
    for i in itertools.islice(order, frames):
        stream.push(clip.pictures[i])
    stream.finish()


def rendering(clip: BenchClip, *, repeats: int) -> dict[str, Any]:
    """Milliseconds a twin's frame takes on one core: rendered, and with camera noise and JPEG."""
    video = clip.video
    seconds = in_turns(
        {
            "rendered": lambda: [video.render(i) for i in range(8)],
            "with noise and JPEG": lambda: [video.frame(i) for i in range(8)],
        },
        repeats=repeats,
        units={"rendered": 8, "with noise and JPEG": 8},
    )
    return {name: spread([1e3 * s for s in values]) for name, values in seconds.items()}


def floor(ms_a_frame: float, limit: Mapping[str, float], *, max_gap: int = 16) -> dict[str, float]:
    """The fast extractor beside what its searches could take at least: operations and bytes of one frame.

    ``limit``: see `spotlib.bench.common.limits`.

    A search compares a patch with four places (20 operations a pixel), and once more for its correlation (16); a
    patch is 4 bytes a pixel. Measured: 1.06 to 1.15 searches a patch, every patch of ``max_gap`` open frames.
    """
    patches = (patch_count(POINT_NAMES) + NOSE_GRID[0] * NOSE_GRID[1]) * max_gap * 1.1
    return against_floor(ms_a_frame / 1e3, limit, operations=patches * FLAT * 36, moved=patches * FLAT * 4, cached=True)


def parts(*, quick: bool) -> dict[str, Callable[[], Any]]:
    """The measurements, by name; none is taken yet. Three people for the accuracy, the first also gives the times."""
    import cv2

    frames, repeats = (36, 3) if quick else (48, 7)
    seeds = (7,) if quick else (7, 42, 99)

    @functools.cache
    def clip(seed: int) -> BenchClip:
        cv2.setNumThreads(1)  # everything here is of one core
        return BenchClip.of(seed, frames)

    def of_extractors() -> dict[str, Any]:
        times, limit = speed(clip(seeds[0]), repeats=repeats), limits()
        lk = times["ms a frame"]["lk"]["median"]
        return {"frames": frames, **times, "limits of one core": limit, "floor": floor(lk, limit)}

    return {
        "extractors": of_extractors,
        "end-point error, px": lambda: {"seeds": list(seeds), **accuracy([clip(seed) for seed in seeds])},
        "tracking": lambda: tracking(clip(seeds[0]), repeats=repeats),
        "growth, ms a frame": lambda: growth(clip(seeds[0]), repeats=repeats),
        "rendering, ms a frame": lambda: rendering(clip(seeds[0]), repeats=repeats),
    }
