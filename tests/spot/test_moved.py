"""Regions of proposals: what goes in comes out, and it stays small."""

from __future__ import annotations

import pytest

from spotlib.intervals import Kind
from spotlib.spot.moved import Moved


@pytest.fixture
def moved() -> Moved:
    made = Moved()
    made.note(Kind.MICRO, 1, 4, 8, ("brow", "left"))
    made.note(Kind.MACRO, 0, 4, 30, ("lips", "both"))
    made.note(Kind.MICRO, 3, 5, 9, ("brow", "left"))
    made.note(Kind.MICRO, 2, 7, 9, ("mouth corner", "right"))
    return made


def test_it_is_a_mapping(moved: Moved) -> None:
    assert dict(moved) == {
        (Kind.MICRO, 1, 4, 8): ("brow", "left"),
        (Kind.MACRO, 0, 4, 30): ("lips", "both"),
        (Kind.MICRO, 3, 5, 9): ("brow", "left"),
        (Kind.MICRO, 2, 7, 9): ("mouth corner", "right"),
    }
    assert len(moved) == 4
    assert moved == dict(moved)


@pytest.mark.parametrize(
    "key", [(Kind.MICRO, 1, 4, 9), (Kind.MACRO, 1, 4, 8), (Kind.MICRO, 0, 6, 9), (Kind.MICRO, 2, 99, 100)]
)
def test_what_was_not_noted(moved: Moved, key: tuple[Kind, int, int, int]) -> None:
    assert moved.get(key, ("", "both")) == ("", "both")
    with pytest.raises(KeyError):
        moved[key]


def test_only_in_order(moved: Moved) -> None:
    with pytest.raises(ValueError, match="apex 7 comes after 7"):
        moved.note(Kind.MICRO, 1, 7, 8, ("brow", "left"))
    moved.clear()
    assert not moved
    moved.note(Kind.MICRO, 1, 2, 8, ("brow", "left"))
    assert moved.nbytes == 16
