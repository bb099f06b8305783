"""Two runs on one folder: they share the work, do nothing twice, and end with the same rows."""

from __future__ import annotations

import os
import re
import signal

from tests.reliability.world import ROWS, Process, World, until

DONE = re.compile(r"fold \d of \w+: done in")


def _meeting(world: World) -> tuple[Process, Process]:
    """Two runs under way; the first, halted, has begun both networks, and the second has seen that."""
    first = world.start()
    until(lambda: len(world.checkpoints()) == 2, also=first)
    os.killpg(first.pid, signal.SIGSTOP)
    second = world.start()
    until(lambda: second.said.count("left to another run that is at it") >= 2, also=second)
    assert len(world.rows()) < ROWS
    return first, second


def test_two_at_once(world, same):
    first, second = _meeting(world)
    os.killpg(first.pid, signal.SIGCONT)
    assert first.wait(400) == 0, first.said
    assert second.wait(400) == 0, second.said
    # both write into one file, so what each says of its own folds is counted together
    assert len(DONE.findall((world.folder / "said").read_text())) == ROWS
    same(world)


def test_one_of_two_is_killed(world, same):
    """The other one takes over what the dead one had begun, and goes on behind its last epoch."""
    first, second = _meeting(world)
    first.end()
    assert second.wait(400) == 0, second.said
    assert second.said.count("its owner is no more; it is done again") == 2
    assert second.said.count("goes on behind epoch") == 2
    same(world)
