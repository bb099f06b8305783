"""Files that were damaged, and clocks that were set: noticed, told, and made again."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from tests.reliability.world import ROWS, World, until


@pytest.fixture
def finished(undisturbed, tmp_path) -> World:
    """A copy of the run that has ended."""
    world = World(tmp_path / "copy")
    shutil.copytree(undisturbed.results, world.results)
    return world


def flip(path, at=0.5):
    blob = bytearray(path.read_bytes())
    blob[int(len(blob) * at)] ^= 1
    path.write_bytes(blob)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def test_damaged_files_are_told_and_made_again(finished, same):
    rows = finished.rows()
    (peaks_0, peaks_1), (network_0, network_1) = rows[:2], rows[2:]
    features = sorted((finished.demo / "features").glob("*.npz"))
    expected = {path.name: path.read_bytes() for path in features[:2]}
    flip(features[0])  # a bit in a features file
    cut(features[1])  # a file that was cut off
    flip(network_0)  # a bit in a row
    flip(network_1.with_suffix(".npz"))  # a bit in the arrays of a row
    cut(peaks_0)
    peaks_1.with_suffix(".npz").unlink()
    # all of it in the past or in the future: times of files decide nothing
    for number, path in enumerate(finished.results.rglob("*")):
        now = time.time() + (-1) ** number * 10**8
        os.utime(path, (now, now))
    said = finished.run()
    for path in features[:2]:
        assert f"{path.name}: the features file is damaged" in said
        assert path.read_bytes() == expected[path.name]
    assert said.count("computed because its file is damaged") == ROWS
    same(finished)


def test_nothing_damaged_nothing_done(finished, same):
    """The control: without damage, and with every clock set, nothing is computed."""
    for path in finished.results.rglob("*"):
        os.utime(path, (10**9, 10**9))
    assert "computed because" not in finished.run()
    same(finished)


def test_a_damaged_checkpoint_is_told_and_the_fold_begins_anew(world, same):
    process = world.start()
    until(lambda: len(world.checkpoints()) == 2, also=process)
    process.end()
    first, second = world.checkpoints()
    flip(first)
    cut(second)
    for path in (first, second):
        os.utime(path, (4 * 10**9, 4 * 10**9))
    said = world.run()
    assert said.count("its checkpoint is not used, the fold begins anew") == 2
    assert "goes on behind" not in said
    same(world)
