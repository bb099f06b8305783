"""Spotting while it happens: a camera, or a file played as one.

The path is that of files (`spotlib.spot.engine`), with every score as soon as it can be had and every event as soon as
it is final (`spotlib.spot.online`). No frame is lost silently: a file waits for us; a camera does not, and what it had
to drop is counted.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.faces import FaceChoice
from spotlib.intervals import Event
from spotlib.points import LAYOUTS
from spotlib.spot.engine import Analyser, Rules
from spotlib.spot.online import OnlineSpotter
from spotlib.spot.result import Result
from spotlib.spot.source import USUAL, Footage, Rate, Timed, taken
from spotlib.spot.spotting import known_limits, settings, to_result
from spotlib.spot.weights import Weights

#: frames of a camera that may wait for us (a second)
WAITING = 30
#: look-ahead of tracking beside ``detect_every``: the smoothing of landmarks (spotlib.swmro.MotionStream)
SMOOTHING = 4


@dataclass
class Told:
    """What is known at the end of a live run.

    Args:
        frames: frames scored.
        dropped: frames of the camera that came while its queue was full.
        late: frames of a file in real time that were asked for more than a frame after their time.
        left_out: events that the limit per minute kept back.
        latency: seconds from a frame's arrival to its score, one per frame (the last 100,000).
        look_ahead: frames that a score waits for at most, of those `latency` consists of mostly.
        events: all events given.
        result: the whole, if it was asked for.
    """

    frames: int = 0
    dropped: int = 0
    late: int = 0
    left_out: int = 0
    latency: list[float] = field(default_factory=list)
    look_ahead: int = 0
    events: list[Event] = field(default_factory=list)
    result: Result | None = None

    def __str__(self) -> str:
        """
        >>> print(Told(frames=90, latency=[0.5, 0.6, 0.9], look_ahead=20))
        90 frames, 0 dropped; a score came 0.60 s after its frame (most: 0.90 s; up to 20 frames of look-ahead)
        """
        late = f", {self.late} late" if self.late else ""
        more = f"; {self.left_out} events left out (limit per minute)" if self.left_out else ""
        timed = ""
        if self.latency:
            middle, most = float(np.median(self.latency)), max(self.latency)
            timed = (
                f"; a score came {middle:.2f} s after its frame (most: {most:.2f} s;"
                f" up to {self.look_ahead} frames of look-ahead)"
            )
        return f"{self.frames} frames, {self.dropped} dropped{late}{timed}{more}"


class FileFeed:
    """A file as a feed; with ``realtime`` its frames come at their times, not earlier."""

    def __init__(self, path: Path | str, *, fps: float | None = None, realtime: bool = False) -> None:
        self.footage = Footage(path, fps=fps)
        self.path: Path | None = self.footage.path
        self.synthetic = self.footage.synthetic
        self.name = str(self.footage.path)
        self.rate = self.footage.rate
        self.notes = self.footage.notes
        self.realtime, self.stopped = realtime, False
        self.dropped = self.late = 0

    def frames(self) -> Iterator[Timed[np.ndarray]]:
        """Frames as `Footage.frames` gives them; reading waits for whoever takes them."""
        begin = time.monotonic()
        for number, seconds, picture in self.footage.frames():
            if self.stopped:
                return
            if self.realtime:
                ahead = begin + seconds - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
                elif ahead < -1 / self.rate.used:
                    self.late += 1
            yield number, seconds, picture

    def stop(self) -> None:
        """End at the next frame."""
        self.stopped = True


class CameraFeed:
    """A camera of this computer, brought to 30 frames per second by the nearest times.

    Args:
        number: 0 is the first camera.
        open_: what opens it, for tests: an object with ``read() -> (bool, BGR picture)`` and ``release()``.

    Raises:
        SpotlibError: no such camera, no permission, or it gives no picture.
    """

    path: Path | None = None
    synthetic = False

    def __init__(self, number: int, *, open_: Callable[[int], Any] | None = None) -> None:
        self.name = f"camera {number}"
        self.rate = Rate(USUAL, USUAL, 0)
        self.notes: list[str] = []
        self.dropped = self.late = 0
        self._camera = (open_ or open_camera)(number)
        self._queue: queue.Queue[Timed[np.ndarray]] = queue.Queue(WAITING)
        self._stop = threading.Event()
        self._error: SpotlibError | None = None
        done, self._first = self._camera.read()
        if not done:
            self._camera.release()
            raise SpotlibError(f"{self.name}: it gives no picture; is another program using it?")

    def frames(self) -> Iterator[Timed[np.ndarray]]:
        """Frames at 30 per second, until `stop`; the camera is read by a thread of its own."""
        thread = threading.Thread(target=self._read, name="spotlib-camera", daemon=True)
        thread.start()
        try:
            yield from taken(self._arrived(thread), self.rate)
        finally:
            self._stop.set()
            thread.join(timeout=5)
            self._camera.release()

    def stop(self) -> None:
        """End after what has arrived."""
        self._stop.set()

    def _read(self) -> None:
        import cv2

        begin = time.monotonic()
        number = 0
        picture: np.ndarray | None = self._first
        while not self._stop.is_set():
            if picture is not None:
                grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if picture.ndim == 3 else picture
                try:
                    self._queue.put_nowait((number, time.monotonic() - begin, grey))
                except queue.Full:
                    self.dropped += 1
                number += 1
            done, picture = self._camera.read()
            if not done:
                self._error = SpotlibError(f"{self.name}: it stopped giving pictures after {number}; is it plugged in?")
                return

    def _arrived(self, thread: threading.Thread) -> Iterator[Timed[np.ndarray]]:
        while True:
            try:
                yield self._queue.get(timeout=0.1)
            except queue.Empty:
                if self._stop.is_set() or not thread.is_alive():
                    break
        if self._error is not None and not self._stop.is_set():
            raise self._error


def open_camera(number: int) -> Any:
    """The camera as OpenCV opens it; SpotlibError, one line, if there is none or it may not be used."""
    import cv2

    device = Path(f"/dev/video{number}")
    if sys.platform.startswith("linux"):
        if not device.exists():
            raise SpotlibError(f"camera {number}: not found (there is no {device}); plug it in or give another number")
        if not os.access(device, os.R_OK | os.W_OK):
            raise SpotlibError(f"camera {number}: no permission to use {device}; join the group that owns it")
    with contextlib.suppress(AttributeError):  # it would print lines of its own
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        raise SpotlibError(f"camera {number}: cannot be opened; is it there, allowed, and not in use elsewhere?")
    return camera


def watch(
    feed: FileFeed | CameraFeed,
    weights: Weights,
    rules: Rules,
    *,
    face: FaceChoice = "largest",
    keep: bool = False,
    stop_after: float | None = None,
    threads: int = 2,
    on_event: Callable[[Event, float, float, tuple[str, str]], None] = lambda event, begin, end, moved: None,
) -> Told:
    """Spot in a feed until it ends.

    Args:
        feed: where frames come from.
        weights: what scores.
        rules: per kind, how intervals are made.
        face: see `spotlib.spot.spot`.
        keep: make a `Result` at the end (without pictures).
        stop_after: seconds of the feed.
        threads: 1 or 2.
        on_event: told of each final event, its seconds, and its region and side.
    """
    told = Told(look_ahead=_look_ahead(weights))
    warm_up(weights)
    name = feed.name
    analyser = Analyser(weights, rules=rules, face=face, name=name, batch=None, keep=keep, threads=threads)
    spotter = OnlineSpotter(rules, fps=feed.rate.used)
    arrived: dict[int, float] = {}

    def frames() -> Iterator[Timed[np.ndarray]]:
        for count, item in enumerate(feed.frames()):
            if stop_after is not None and item[1] >= stop_after:
                feed.stop()
                return
            arrived[count] = time.monotonic()
            yield item

    def give(events: list[Event]) -> None:
        for event in events:
            told.events.append(event)
            key = (event.kind, event.onset, event.apex or 0, event.offset)
            seconds = analyser.seconds
            on_event(event, seconds[event.onset], seconds[event.offset], analyser.moved.get(key, ("", "both")))
        if not keep:  # of proposals that came to nothing, too
            analyser.moved.clear() if len(analyser.moved) > 10_000 else None

    for scores in analyser.run(frames()):
        now = time.monotonic()
        for frame in range(told.frames, told.frames + len(scores)):
            told.latency.append(now - arrived.pop(frame))
        del told.latency[:-100_000]
        told.frames += len(scores)
        give(spotter.push(scores))
    give(spotter.finish())
    told.dropped, told.late, told.left_out = feed.dropped, feed.late, spotter.left_out
    if keep:
        wanted = settings(weights, rules, fps=None, face=face, pictures=False)
        events = sorted(told.events, key=lambda e: (e.kind, -(e.score or 0)))
        notes = [*feed.notes, *known_limits(weights), f"live: {told}"]
        told.result = to_result(
            analyser.analysis(), weights, rules, feed.path, rate=feed.rate.used, name=name, events=events,
            synthetic=feed.synthetic, settings={**wanted, "live": True, "notes": notes},
        )  # fmt: skip
    return told


def warm_up(weights: Weights) -> None:
    """Load and compile what the first frames would otherwise wait for."""
    from spotlib.faces import FaceFrame, detect_whole, predict
    from spotlib.swmro import MotionFollower

    noise = np.random.default_rng(0).integers(0, 255, (480, 640), np.uint8)
    detect_whole(noise)
    landmarks = predict(noise, (320.0, 240.0, 160.0))
    options = weights.tracking()
    follower = MotionFollower(extractor=options["extractor"], max_gap=options["max_gap"], crop=options["crop"])
    for index in range(3):
        follower.push(noise, [FaceFrame(index, landmarks, True)])
    follower.finish([])
    rows = int(weights.model["frames"])
    weights.scorer()(np.zeros((2, rows, len(LAYOUTS[weights.window["nodes"]]), 2), np.float32))


def _look_ahead(weights: Weights) -> int:
    window = weights.window
    ahead = int(window["window"]) // 2 if window["window_alignment"] == "centred" else 0
    return ahead + SMOOTHING + int(window["detect_every"])


@contextlib.contextmanager
def stopped_by_interrupt(feed: FileFeed | CameraFeed) -> Iterator[None]:
    """The first Ctrl-C ends the feed, so that what was seen is still told; the second one ends everything."""

    def handler(*_: object) -> None:
        feed.stop()
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
