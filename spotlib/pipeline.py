"""From a video to the scores of its frames in one pass, on two cores and in constant memory.

One thread decodes and tracks the face, the other follows the points and runs the network. Both spend their time in
code that lets the other run (decoder, numba, OpenCV, torch). What comes out is what one thread alone would give.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import numpy as np

from spotlib.columns import Column
from spotlib.faces import FaceChoice, FaceFrame, FaceTracker, to_grey
from spotlib.flow import CropSpec
from spotlib.spotting import FrameScores
from spotlib.swmro import ExtractorName, FrameResult, MotionFollower
from spotlib.window_stream import WindowStream

#: a frame with the faces settled by it; None in place of a frame: the rest
Tracked = tuple[np.ndarray | None, list[FaceFrame]]
#: frames that the tracking thread may be ahead, so that a slow frame (a detection) does not make the other wait
AHEAD = 16
#: windows that go through the network together
BATCH = 64


def frame_results(
    frames: Iterable[np.ndarray],
    *,
    extractor: ExtractorName = "lk",
    max_gap: int = 16,
    crop: CropSpec | None = None,
    detect_every: int = 8,
    face: FaceChoice = "only",
    name: str = "video",
    threads: int = 2,
) -> Iterator[list[FrameResult]]:
    """What :class:`spotlib.swmro.MotionStream` gives for ``frames``, a few at a time; ``threads``: 1 or 2.

    Raises what reading the frames raises, and SpotlibError without a face or with two.
    """
    tracker = FaceTracker(detect_every=detect_every, face=face, name=name)
    follower = MotionFollower(extractor=extractor, max_gap=max_gap, crop=crop)
    tracked = _tracked(frames, tracker)
    with contextlib.closing(tracked if threads < 2 else _in_thread(tracked)) as steps:
        for grey, settled in steps:
            yield follower.finish(settled) if grey is None else follower.push(grey, settled)


def _tracked(frames: Iterable[np.ndarray], tracker: FaceTracker) -> Generator[Tracked, None, None]:
    """Every frame with the faces settled by it; at the end None with the rest."""
    for frame in frames:
        grey = to_grey(frame)
        yield grey, tracker.push(grey)
    yield None, tracker.finish()


def _in_thread(items: Iterator[Tracked]) -> Generator[Tracked, None, None]:
    """``items``, made by another thread; an exception there is raised here. Closing this ends the thread."""
    made: queue.Queue[tuple[str, Any]] = queue.Queue(AHEAD)
    stop = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                made.put((kind, value), timeout=0.2)
                return

    def work() -> None:
        try:
            for item in items:
                put("item", item)
                if stop.is_set():
                    return
            put("end", None)
        except BaseException as error:  # it is raised again where the items are wanted
            put("error", error)

    thread = threading.Thread(target=work, name="spotlib-track", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = made.get()
            if kind == "item":
                yield value
            elif kind == "error":
                raise value
            else:
                return
    finally:
        stop.set()
        thread.join()


def frame_scores(
    frames: Iterable[np.ndarray],
    network: Callable[[np.ndarray], np.ndarray],
    *,
    windows: WindowStream | None = None,
    **options: Any,
) -> FrameScores:
    """Scores of all frames of a video, from which `spotlib.spotting.spot` makes intervals.

    ``network``: windows (n, K, V, 2) float32 to logits (n, 10). ``windows``: what kind (default:
    ``WindowStream()``). ``options``: those of :func:`frame_results`. Only the logits grow with the video.
    """
    windows = windows or WindowStream()
    logits, whole = Column(np.float32, 10), Column(bool)
    waiting: list[np.ndarray] = []

    def run(given: tuple[np.ndarray, np.ndarray], *, last: bool = False) -> None:
        waiting.append(given[0])
        whole.extend(given[1])
        if last or sum(map(len, waiting)) >= BATCH:
            rows = np.concatenate(waiting)
            # full batches but for the last: then it does not matter in which pieces the frames came
            done = len(rows) if last else len(rows) // BATCH * BATCH
            for begin in range(0, done, BATCH):
                logits.extend(network(rows[begin : min(begin + BATCH, done)]))
            waiting[:] = [rows[done:]]

    for results in frame_results(frames, crop=windows.crop, **options):
        run(windows.push(results))
    run(windows.finish(), last=True)
    return FrameScores.from_logits(logits.array, whole.array)
