"""Two runs on one folder: they share the work, do nothing twice, and end with the same rows."""

from __future__ import annotations

import re
import signal

from tests.reliability.world import ROWS, until

DONE = re.compile(r"fold \d of \w+: done in")


def test_two_at_once(world, same):
    first = world.start()
    until(world.claims, also=first)
    second = world.start()
    assert first.wait(120) == 0, first.said
    assert second.wait(120) == 0, second.said
    # both write into one file; what each says of its own folds is counted together
    said = (world.folder / "said").read_text()
    assert len(DONE.findall(said)) == ROWS
    same(world)


def test_one_of_two_is_killed(world, same):
    """The other one takes over what the dead one had begun, and goes on behind its last epoch."""
    first = world.start()
    until(lambda: len(world.checkpoints()) == 2, also=first)  # both networks are its own
    second = world.start()
    until(lambda: "left to another run that is at it" in second.said, also=second)
    first.kill(signal.SIGSTOP)  # so that it has finished nothing more when it dies
    first.end()
    assert second.wait(120) == 0, second.said
    assert "goes on behind epoch" in second.said
    same(world)
