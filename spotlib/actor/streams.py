"""One random stream per purpose, so that turning one knob leaves everything else as it was.

The stream of the blinks of video 1 of subject 4 follows from (seed, "blinks", 4, 1) alone: more subjects,
less talking or another camera do not change when and how somebody blinks.
"""

from __future__ import annotations

import hashlib

import numpy as np


def _number(name: str) -> int:
    # hash() of text differs from process to process, sha256 does not
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")


def _words(path: tuple[int | str, ...]) -> tuple[int, ...]:
    return tuple(part if isinstance(part, int) else _number(part) for part in path)


def stream(seed: int, *path: int | str) -> np.random.Generator:
    """The generator that belongs to ``path`` (numbers >= 0 and names) under ``seed``.

    >>> stream(1, "blinks", 4).random() == stream(1, "blinks", 4).random() != stream(1, "gaze", 4).random()
    True
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=_words(path)))


def frame_stream(key: int, frame: int) -> np.random.Generator:
    """A counter-based generator for one frame: random access, about 20 microseconds to make."""
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, frame]))
