"""Processes killed in the middle of their work; the same command again goes on, and comes to the same end.

A run suffers several of them, one after the other: every attempt finds what the one before it left.
"""

from __future__ import annotations

import os
import signal
import time

from tests.reliability.world import ROWS, Process, World, alive, descendants, owner, until


class _Noted:
    """Waits until a fold under way has noted an epoch that it had not noted when this was made."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.before = self._now()

    def _now(self) -> dict[str, int]:
        found = {}
        for path in self.world.checkpoints():
            try:
                found[path.name] = path.stat().st_ino  # each is a new file
            except OSError:  # replaced just now
                continue
        return found

    def __call__(self, process: Process) -> None:
        until(lambda: any(self.before.get(name) != inode for name, inode in self._now().items()), also=process)


def _attempt(world: World, attempts: list[str]) -> Process:
    assert len(world.rows()) < ROWS
    noted = _Noted(world)
    process = world.start()
    noted(process)
    if attempts:  # what the attempt before had noted is not done again; another fold may be the first to note something
        until(lambda: "goes on behind epoch" in process.said, also=process)
    attempts.append(process.said)
    return process


def test_a_worker_or_all_of_it_is_killed_and_the_same_command_goes_on(world, same):
    attempts: list[str] = []

    # a worker in mid-fold
    process = _attempt(world, attempts)
    os.kill(owner(world.checkpoints()[0]), signal.SIGKILL)
    assert process.wait() == 1
    last = process.said.splitlines()[-1]
    assert "a worker process was killed (out of memory?); run the same command again to go on" in last

    # the main process: its workers do not go on unseen
    process = _attempt(world, attempts)
    workers = descendants(process.pid)
    assert workers
    process.kill(signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(alive, workers)), 30)

    assert "goes on behind epoch" in world.run()
    same(world)


def test_it_is_told_to_stop_or_cut_off_and_the_same_command_goes_on(world, same):
    attempts: list[str] = []

    # told to stop: within ten seconds, in one line, with nobody left
    process = _attempt(world, attempts)
    workers = descendants(process.pid)
    begin = time.monotonic()
    process.kill(signal.SIGTERM)
    assert process.wait(60) == 143
    assert time.monotonic() - begin < 30  # ten seconds on a machine with nothing else to do
    assert process.said.splitlines()[-1] == "spotlib: told to stop; the same command goes on where it stopped"
    assert "Traceback" not in process.said
    until(lambda: not any(map(alive, workers)), 60)

    # Ctrl-C, which a terminal sends to the whole group
    process = _attempt(world, attempts)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert "Traceback" not in process.said

    # everything at one moment, as in a power cut: claims and checkpoints stay behind
    process = _attempt(world, attempts)
    process.end()
    assert world.claims()
    assert len(world.rows()) < ROWS

    assert "goes on behind epoch" in world.run()
    same(world)
