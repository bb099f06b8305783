"""The 68 points: where they sit on the mesh, and that dlib's predictor means the same points."""

from __future__ import annotations

import numpy as np

from spotlib.actor.asset import load_head
from spotlib.actor.landmarks import OPPOSITE, landmark_mix, landmarks_of


def test_every_point_is_a_mix_of_skin_vertices() -> None:
    corners, shares = landmark_mix()
    assert corners.shape == shares.shape == (68, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares >= 0).all()
    assert (load_head().vertex_parts[corners] == 0).all()


def test_left_and_right_are_mirror_images() -> None:
    points = landmarks_of(load_head().vertices)
    assert sorted({*OPPOSITE, *OPPOSITE.values()}) == list(range(68))
    for one, other in OPPOSITE.items():
        np.testing.assert_allclose(points[one] * [-1, 1, 1], points[other], atol=0.006)


def test_the_order_is_ibug_seen_in_the_picture() -> None:
    points = landmarks_of(load_head().vertices)
    x, y = points[:, 0], points[:, 1]
    assert (np.diff(x[0:17]) > -0.02).all()  # jaw from image-left to image-right
    assert x[4] < x[5] < x[8] < x[11] < x[12]
    assert (np.diff(x[17:27]) > 0).all()
    assert (np.diff(y[27:31]) < 0).all()
    assert x[36] < x[39] < x[42] < x[45]
    assert x[48] < x[51] < x[54]
    assert y[51] > y[62] > y[66] > y[57]
    assert y[37] > y[41]
    assert y[44] > y[46]


def test_inner_lip_points_belong_to_their_own_lip() -> None:
    head = load_head()
    jaw = landmarks_of(head.units[head.unit("jawOpen")])[:, 1]
    assert abs(jaw[62]) < 0.03  # decimetres: the upper lip stays
    assert jaw[66] < -0.15  # the lower one drops
