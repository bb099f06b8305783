"""The motion between two frames is the same from windows as from pair motions, and its place in the face is named."""

from __future__ import annotations

import numpy as np
import pytest

from spotlib.points import LAYOUTS
from spotlib.spot.regions import WindowMemory, moved_most
from spotlib.swmro import gather

T, V = 60, 10


def paths(seed: int = 0) -> np.ndarray:
    """(T, V, 2): where each node is."""
    return np.cumsum(np.random.default_rng(seed).normal(size=(T, V, 2)), axis=0)


def pair_motions(places: np.ndarray, gap: int = 16) -> np.ndarray:
    """(T, gap + 1, V, 2); NaN past the end."""
    out = np.full((T, gap + 1, V, 2), np.nan, np.float32)
    for g in range(gap + 1):
        out[: T - g, g] = places[g:] - places[: T - g]
    return out


OPTIONS = [
    {}, {"window_alignment": "causal"}, {"keep_zero_row": False}, {"window": 7}, {"motion": "adjacent"},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("size", [1, 7, 60])
def test_motion_from_windows(options: dict, size: int) -> None:
    window = {"window": 17, "window_alignment": "centred", "keep_zero_row": True, "motion": "swmro", **options}
    places = paths()
    rows, whole = gather(
        pair_motions(places), K=window["window"], alignment=window["window_alignment"],
        keep_zero_row=window["keep_zero_row"], feature=window["motion"],
    )  # fmt: skip
    memory = WindowMemory(window, reach=T)
    for at in range(0, T, size):
        memory.push(rows[at : at + size], np.ones(len(whole[at : at + size]), bool))
    for first, later in [(0, 5), (3, 40), (20, 36), (10, 59), (52, 58), (44, 59)]:
        got = memory.motion(first, later)
        np.testing.assert_allclose(got, places[later] - places[first], atol=1e-4)
    assert memory.motion(5, 5) is None


def test_forgets_and_knows_about_gaps() -> None:
    window = {"window": 17, "window_alignment": "centred", "keep_zero_row": True, "motion": "swmro"}
    rows, whole = gather(pair_motions(paths()))
    memory = WindowMemory(window, reach=10)
    broken = whole.copy()
    broken[50] = False
    memory.push(rows, broken)
    assert memory.motion(3, 8) is None
    assert memory.motion(42, 45) is None
    assert memory.motion(35, 38) is not None


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ({"20": 1, "19": 1, "18": 1, "23": 1, "24": 1, "25": 1}, ("brow", "both")),
        ({"20": 1, "19": 1, "18": 1}, ("brow", "right")),
        ({"48": 2, "54": 1.5}, ("mouth corner", "both")),
        ({"48": 0.2, "54": 1.5}, ("mouth corner", "left")),
        ({"51": 2, "57": 2, "48": 1, "54": 1}, ("lips", "both")),
        ({"31": 2, "35": 0}, ("nose wing", "right")),
        ({"46+47": 2}, ("lower eyelid", "left")),
    ],
)
def test_region(moved: dict[str, float], expected: tuple[str, str]) -> None:
    names = LAYOUTS["all"]
    motion = np.zeros((len(names), 2))
    for name, length in moved.items():
        motion[names.index(name)] = (0.6 * length, -0.8 * length)
    assert moved_most(motion, "all") == expected
