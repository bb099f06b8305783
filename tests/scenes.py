"""Short rendered scenes with exact truth, for the tests of faces and flow."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spotlib.actor.asset import load_head
from spotlib.actor.face import Actor, Pose
from spotlib.actor.identity import sample_identity


@dataclass
class Scene:
    """Grey frames (T, H, W) uint8 and the exact landmarks (T, 68, 2) in them; reads like a data set's video."""

    pictures: np.ndarray
    truth: np.ndarray
    fps: float = 30.0
    name: str = "scene"
    extra: dict[str, Path] = field(default_factory=dict)

    @property
    def n_frames(self) -> int:
        return len(self.pictures)

    def frames(self, start: int = 0) -> Iterator[np.ndarray]:
        yield from self.pictures[start:]


@functools.cache
def actor(seed: int = 3) -> Actor:
    return Actor(sample_identity(seed))


def scene(weights: np.ndarray, poses: list[Pose], *, noise: float = 1.5, seed: int = 3) -> Scene:
    """Render weights (T, 52) and poses, with sensor noise of ``noise`` grey levels."""
    rng = np.random.default_rng(seed)
    pictures, truth = [], []
    for row, pose in zip(weights, poses, strict=True):
        picture = actor(seed).render(row, pose).astype(np.float32).mean(2)
        picture += rng.normal(0, noise, picture.shape) if noise else 0
        pictures.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
        truth.append(actor(seed).landmarks(row, pose))
    return Scene(np.stack(pictures), np.stack(truth))


def weights_of(curves: dict[str, np.ndarray]) -> np.ndarray:
    """(T, 52) from curves (T,) of named face units."""
    names = load_head().unit_names
    rows = np.zeros((len(next(iter(curves.values()))), len(names)))
    for name, curve in curves.items():
        rows[:, names.index(name)] = curve
    return rows


@functools.cache
def brow_scene() -> Scene:
    """28 frames: the brows rise and fall by about 3 px; the head keeps still."""
    rise = 0.5 * (1 - np.cos(np.linspace(0, 2 * np.pi, 28)))
    units = weights_of({"browInnerUp": 0.5 * rise, "browOuterUpLeft": 0.4 * rise, "browOuterUpRight": 0.4 * rise})
    return scene(units, [Pose()] * 28)


@functools.cache
def moving_scene() -> Scene:
    """40 frames: head drifts and turns a little, a smile of several px, then a small brow movement."""
    t = np.linspace(0, 1, 40)
    smile = 0.25 * np.clip(np.sin(2 * np.pi * t), 0, None) ** 2
    brow = 0.12 * np.clip(-np.sin(2 * np.pi * t), 0, None) ** 2
    units = weights_of({"mouthSmileLeft": smile, "mouthSmileRight": smile, "browDownLeft": brow, "browDownRight": brow})
    poses = [
        Pose(yaw=0.02 * np.sin(4 * a), pitch=0.01 * np.cos(5 * a), tx=0.03 * a, ty=0.02 * np.sin(3 * a)) for a in t
    ]
    return scene(units, poses)
