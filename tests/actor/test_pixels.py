"""The renderer's compiled inside, against the same sums done plainly."""

from __future__ import annotations

import numpy as np
import pytest

from spotlib.actor.face import Actor, Pose
from spotlib.actor.identity import sample_identity
from spotlib.actor.pixels import fill
from spotlib.actor.placing import place

REST = np.zeros(52)


def plainly(screen: np.ndarray, triangles: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which triangle each sample shows, by asking every sample about every triangle."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    best, owner = np.full(size, -np.inf), np.full(size, -1)
    for number, (a, b, c) in enumerate(screen[triangles]):
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        one = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
        two = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
        depth = one * a[2] + two * b[2] + (1 - one - two) * c[2]
        nearer = (one >= 0) & (two >= 0) & (one + two <= 1) & (depth > best)
        best[nearer], owner[nearer] = depth[nearer], number
    return owner


@pytest.mark.parametrize("wide", [5, 8, 37, 64])
def test_filling_shows_the_nearest_triangle_up_to_the_rim(wide: int) -> None:
    rng = np.random.default_rng(wide)
    screen = rng.uniform((-6, -6, 0), (wide + 6, 30, 9), (60, 3))
    triangles = rng.permuted(np.tile(np.arange(60), (40, 1)), axis=1)[:, :3].astype(np.int32)
    depth, owner = np.full((24, wide), -np.inf, np.float32), np.full((24, wide), -1, np.int32)
    fill(screen, triangles, np.ones(40, bool), np.arange(40), 0, depth, owner)
    expected = plainly(screen, triangles, (24, wide))
    assert (expected >= 0).mean() > 0.8
    np.testing.assert_array_equal(owner, expected)


def test_one_sample_in_a_wide_picture_shows_the_same_face() -> None:
    """All channels of a row are more numbers than look-ups are ever collected."""
    narrow, wide = (
        Actor(sample_identity(4), size=(96, columns), face_width=60.0, supersample=1).render(REST, Pose())
        for columns in (200, 3000)
    )
    np.testing.assert_array_equal(narrow[:, 60:140].astype(int) > 0, wide[:, 1460:1540].astype(int) > 0)
    away = np.abs(narrow[20:70, 80:120].astype(int) - wide[20:70, 1480:1520])
    assert np.median(away) <= 1


def test_placing_all_vertices_gives_what_turning_and_projecting_give() -> None:
    actor, pose = Actor(sample_identity(4)), Pose(yaw=0.1, pitch=-0.05, roll=0.2, tx=0.1, ty=-0.2, scale=1.05)
    turned, screen = actor.place(actor.rest, pose)
    np.testing.assert_array_equal(turned, pose.turn(actor.rest, actor.follow))
    np.testing.assert_array_equal(screen[:, :2], actor.project(turned, pose, samples=2))
    np.testing.assert_array_equal(screen[:, 2], turned[:, 2])
    still, _ = place(actor.rest, np.zeros(len(actor.rest)), pose, near=1.0, middle=(0.0, 0.0), camera=10.0, samples=1)
    np.testing.assert_array_equal(still, actor.rest)
