"""From frames to scores with everything that `spotlib spot` has to know of them, in one pass.

Frames go through the pipeline of `spotlib.pipeline` (tracking in one thread, motion and network in the other); what
grows with the video is a few numbers per frame: time, scores, and where the face is (`Analyser.kept_bytes`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spotlib.columns import Column
from spotlib.errors import SpotlibError
from spotlib.faces import FaceChoice, face_box
from spotlib.intervals import Event, Kind
from spotlib.pipeline import BATCH, frame_results
from spotlib.spot.moved import Moved
from spotlib.spot.online import Candidates
from spotlib.spot.regions import WindowMemory, moved_most
from spotlib.spot.source import Timed
from spotlib.spot.weights import Weights
from spotlib.spotting import FrameScores, Proposals, SpotRule
from spotlib.swmro import SHORTEST, FrameResult

#: columns of `Analysis.faces`
FACE_COLUMNS = ("x", "y", "side", "eyes_x", "eyes_y", "d", "roll")
Rules = Mapping[Kind, SpotRule]


@dataclass(frozen=True)
class Analysis:
    """What one pass over a video gives; the arrays are not to be written to.

    Args:
        seconds: (T,) float64, the true time of each frame.
        numbers: (T,) int64, its number in the source.
        probabilities: (T, 10) float32 of the network.
        valid: (T,) bool, every frame of its window has a face.
        faces: (T, 7) float32, NaN without a face: middle and side of the face's box, middle of the inner eye corners,
            half their distance (px of the frame), and the head's roll (radians).
        quality: (T,) float16, share of the points that could be followed, 0 to 1.
        moved: per proposal (kind, onset, apex, offset) the region and side that moved most, where that is known.
    """

    seconds: np.ndarray
    numbers: np.ndarray
    probabilities: np.ndarray
    valid: np.ndarray
    faces: np.ndarray
    quality: np.ndarray
    moved: Mapping[tuple[Kind, int, int, int], tuple[str, str]]

    @property
    def scores(self) -> FrameScores:
        """The scores as `spotlib.spotting` takes them."""
        return FrameScores(self.probabilities, self.valid)

    def moved_in(self, event: Event) -> tuple[str, str]:
        """Region and side of an event, ("", "both") if unknown."""
        return self.moved.get((event.kind, event.onset, event.apex or 0, event.offset), ("", "both"))


class Analyser:
    """Scores frames as they come; `run` (or `push`, `finish`) gives what is new, `analysis` is all of it.

    Args:
        weights: what scores.
        rules: whose proposals are looked at for the region that moved most; none: it is not looked for.
        batch: windows that go through the network together. Full batches only, but for the last: so nothing depends on
            how the frames come. None: what is there at once, for scores as soon as they can be had.
        keep: whether `analysis` is wanted; without it memory hardly grows.
        threads: 1 or 2.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        rules: Rules,
        face: FaceChoice = "only",
        name: str = "video",
        batch: int | None = BATCH,
        keep: bool = True,
        threads: int = 2,
    ) -> None:
        self.weights, self.face, self.name, self.batch, self.threads = weights, face, name, batch, threads
        self.keep = keep
        self.seconds, self.numbers = Column(np.float64), Column(np.int64)
        self._windows = weights.window_stream(name)
        self._network = weights.scorer()
        self._faces, self._quality = Column(np.float32, len(FACE_COLUMNS)), Column(np.float16)
        self._probabilities, self._valid = Column(np.float32, 10), Column(bool)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._candidates = {kind: Candidates(rule) for kind, rule in rules.items()}
        longest = max((rule.k_max for rule in rules.values()), default=0)
        self._memory = WindowMemory(weights.window, reach=2 * longest + 2 * (batch or BATCH))
        self.moved = Moved()

    def run(self, frames: Iterable[Timed[np.ndarray]]) -> Iterator[FrameScores]:
        """Score ``frames`` (number, seconds, picture); yield the scores of the next frames whenever some are there.

        Raises SpotlibError for fewer frames than one window has, without a face, with two; and what reading raises.
        """
        results = frame_results(
            self._pictures(frames), face=self.face, name=self.name, threads=self.threads, **self.weights.tracking()
        )
        with one_torch_thread(), contextlib.closing(results):  # type: ignore[type-var]
            for some in results:
                yield from self.push(some)
            if len(self.seconds) < SHORTEST:
                raise SpotlibError(
                    f"{self.name}: {len(self.seconds)} frames, but one window needs {SHORTEST}; give a longer video"
                )
            yield from self.finish()

    def push(self, results: Sequence[FrameResult]) -> list[FrameScores]:
        """Take the next frames as they were tracked; return the scores that are there now."""
        if not results:
            return []
        self._note(results)
        self._take(self._windows.push(results))
        return self._score(last=False)

    def finish(self) -> list[FrameScores]:
        """The scores of the rest."""
        self._take(self._windows.finish())
        scores = self._score(last=True)
        for kind, of_kind in self._candidates.items():
            self._look(kind, of_kind.finish())
        return scores

    def analysis(self) -> Analysis:
        """Everything so far."""
        quality = self._quality.array.copy()
        if len(quality) > 1:  # nothing follows the last frame, so nothing can be followed to there
            quality[-1] = quality[-2]
        return Analysis(
            self.seconds.array, self.numbers.array, self._probabilities.array, self._valid.array, self._faces.array,
            quality, self.moved,
        )  # fmt: skip

    @property
    def kept_bytes(self) -> int:
        """Bytes that grow with the video: 87 a frame (16 without ``keep``) and 16 a proposal."""
        columns = (self.seconds, self.numbers, self._probabilities, self._valid, self._faces, self._quality)
        return sum(column.nbytes for column in columns) + self.moved.nbytes

    def _pictures(self, frames: Iterable[Timed[np.ndarray]]) -> Iterator[np.ndarray]:
        for number, seconds, picture in frames:
            self.seconds.append(seconds)
            self.numbers.append(number)
            yield picture

    def _note(self, results: Sequence[FrameResult]) -> None:
        if not self.keep:
            return
        self._faces.extend(np.stack([_face(result.landmarks) for result in results]))
        # motion over one frame: what is lost there is lost in all longer ones
        self._quality.extend([result.motion.quality[1:2].mean() for result in results])

    def _take(self, given: tuple[np.ndarray, np.ndarray]) -> None:
        if len(given[0]):
            self._waiting.append(given)

    def _score(self, *, last: bool) -> list[FrameScores]:
        given: list[FrameScores] = []
        count = sum(len(windows) for windows, _ in self._waiting)
        batch = self.batch or BATCH
        at_once = last or self.batch is None
        if not count or (count < batch and not at_once):
            return given
        windows = np.concatenate([windows for windows, _ in self._waiting])
        whole = np.concatenate([whole for _, whole in self._waiting])
        done = count if at_once else count // batch * batch
        self._waiting = [(windows[done:], whole[done:])] if done < count else []
        for begin in range(0, done, batch):
            part = slice(begin, min(begin + batch, done))
            scores = FrameScores.from_logits(self._network(windows[part]), whole[part])
            if self.keep:
                self._probabilities.extend(scores.probabilities)
                self._valid.extend(whole[part])
            self._memory.push(windows[part], whole[part])
            for kind, of_kind in self._candidates.items():
                self._look(kind, of_kind.push(*scores.of(kind)))
            given.append(scores)
        return given

    def _look(self, kind: Kind, found: Proposals) -> None:
        for onset, apex, offset in sorted(found.frames.tolist(), key=lambda frames: frames[1]):
            motion = self._memory.motion(onset, apex)
            if motion is not None:
                self.moved.note(kind, onset, apex, offset, moved_most(motion, self.weights.window["nodes"]))


def analyse(
    frames: Iterable[Timed[np.ndarray]],
    weights: Weights,
    *,
    rules: Rules | None = None,
    face: FaceChoice = "only",
    name: str = "video",
    threads: int = 2,
    on_frames: Callable[[int], None] = lambda done: None,
) -> Analysis:
    """One pass over a whole video; ``on_frames`` is told how many frames have scores."""
    analyser = Analyser(weights, rules=weights.rules if rules is None else rules, face=face, name=name, threads=threads)
    done = 0
    for scores in analyser.run(frames):
        done += len(scores)
        on_frames(done)
    return analyser.analysis()


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """The network on one core, since tracking has the other; the process's number is put back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _face(landmarks: np.ndarray | None) -> np.ndarray:
    if landmarks is None:
        return np.full(len(FACE_COLUMNS), np.nan, np.float32)
    eyes = landmarks[[39, 42]].mean(0)
    half = 0.5 * float(np.linalg.norm(landmarks[42] - landmarks[39]))
    across = landmarks[45] - landmarks[36]
    roll = float(np.arctan2(across[1], across[0]))
    return np.array([*face_box(landmarks), *eyes, half, roll], np.float32)
