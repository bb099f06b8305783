"""People: reproducible, all different, human in proportion."""

from __future__ import annotations

import numpy as np

from spotlib.actor.face import Actor, Pose
from spotlib.actor.identity import ANCESTRIES, sample_identity

SEEDS = range(24)


def test_a_seed_always_gives_the_same_person() -> None:
    assert sample_identity(5) == sample_identity(5)


def test_no_two_seeds_are_alike() -> None:
    people = [sample_identity(seed) for seed in SEEDS]
    assert len({(p.shape, p.skin, p.iris) for p in people}) == len(people)
    points = np.stack([Actor(p).landmarks(np.zeros(52), Pose()) for p in people])
    apart = np.linalg.norm(points[:, None] - points[None], axis=3).mean(axis=2)
    assert apart[~np.eye(len(people), dtype=bool)].min() > 1.0  # pixels, mean over the landmarks


def test_both_sexes_all_ancestries_and_adult_ages_occur() -> None:
    people = [sample_identity(seed) for seed in SEEDS]
    assert 6 <= sum(p.sex > 0.5 for p in people) <= 18
    assert {ANCESTRIES[int(np.argmax(p.ancestry))] for p in people} == set(ANCESTRIES)
    assert all(18 <= p.age <= 65 for p in people)
    assert all(abs(sum(p.ancestry) - 1) < 1e-9 for p in people)


def test_lips_are_redder_than_the_skin_around_them() -> None:
    for seed in SEEDS:
        red, green, blue = sample_identity(seed).lips
        assert red > 1.3 * green
        assert red > 1.3 * blue


def test_proportions_stay_human() -> None:
    for seed in SEEDS:
        actor = Actor(sample_identity(seed))
        points = actor.landmarks(np.zeros(52), Pose()) / actor.iod
        eyes = points[36:48, 1].mean()
        assert 0.2 < eyes - points[17:27, 1].mean() < 0.45  # brows above the eyes
        assert 1.6 < points[8, 1] - eyes < 2.3  # chin below them
        assert 2.0 < points[16, 0] - points[0, 0] < 2.8  # width of the face
        assert 0.6 < points[54, 0] - points[48, 0] < 1.0  # width of the mouth
