"""A disk that is full: one line, nothing half-written, and the same command goes on once there is room."""

from __future__ import annotations

import os
import shutil

from spotlib.store import read_row
from tests.reliability.world import World, small_disk

MEGABYTE = 2**20
# where no file system of our own can be had: no file may grow beyond 8 KiB, and no row is that small
_LIMITED = ("prlimit", "--fsize=8192")


def test_a_full_disk(features, tmp_path, same):
    size = sum(path.stat().st_size for path in features.rglob("*"))
    world = World(tmp_path)
    with small_disk(world.results, size + MEGABYTE) as mounted:
        shutil.copytree(features, world.demo / "features")
        ballast = world.results / "ballast"
        if mounted:
            room = os.statvfs(world.results)
            ballast.write_bytes(bytes(room.f_bavail * room.f_frsize - 8192))
        process = world.start(before=() if mounted else _LIMITED)
        assert process.wait(400) == 1
        said = process.said.splitlines()
        assert ("no space left on device" if mounted else "file too large") in said[-1]
        assert said[-1].startswith("spotlib: ")
        assert said[-1].endswith("free some space or choose another folder")
        assert "Traceback" not in process.said
        assert all(read_row(path) is not None for path in world.rows())  # whole ones, if any
        assert not list(world.results.rglob("*.part"))
        ballast.unlink(missing_ok=True)
        world.run()
        same(world)
