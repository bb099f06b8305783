from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.world import ROWS, World


@pytest.fixture(scope="session")
def features(tiny_results) -> Path:
    """Features of the small run, made once."""
    return tiny_results / "demo" / "features"


@pytest.fixture(scope="session")
def undisturbed(features, tmp_path_factory) -> World:
    """The run that nothing happens to."""
    world = World(tmp_path_factory.mktemp("undisturbed"), features)
    world.run()
    assert len(world.rows()) == ROWS
    assert {name[:3] for name in world.tables()} >= {"T1.", "T3.", "T11"}
    assert world.leftovers() == []
    return world


@pytest.fixture
def world(features, tmp_path) -> Iterator[World]:
    made = World(tmp_path, features)
    yield made
    made.end()


@pytest.fixture
def same(undisturbed):
    """Asserts that a world came to the same end: every row, every table to the byte, nothing left behind."""

    expected = undisturbed.tables()

    def check(world: World) -> None:
        assert [path.name for path in world.rows()] == [path.name for path in undisturbed.rows()]
        assert world.contents() == undisturbed.contents()
        assert world.tables() == expected
        assert world.leftovers() == []

    return check
