"""A real cluster: scheduler and workers as processes of their own on the loopback address."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from spotlib.provenance import CHECKOUT
from tests.reliability.world import ROWS, Process, World, alive, descendants, owner, until


class Cluster:
    """``dask scheduler`` and ``dask worker``, as docs/cluster.md starts them."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.file = folder / "scheduler.json"
        self.processes: list[Process] = []
        self.scheduler = self._dask(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            str(self.file),
            *more,
        )
        until(self.file.exists, also=self.scheduler)

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return str(json.loads(self.file.read_text())["address"])

    def _dask(self, *arguments: str, cwd: Path = CHECKOUT) -> Process:
        said = self.folder / f"said{len(self.processes)}"
        command = [sys.executable, "-m", "dask", *arguments]
        self.processes.append(Process(command, said, cwd))
        return self.processes[-1]

    def worker(self, *more: str, cwd: Path = CHECKOUT) -> Process:
        """A worker process, registered."""
        process = self._dask(
            "worker", "--scheduler-file", str(self.file), "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard",
            "--local-directory", str(self.folder / "local"), *more, cwd=cwd,
        )  # fmt: skip
        until(lambda: "Registered to" in process.said, also=process)
        return process

    def end(self) -> None:
        for process in self.processes:
            started = descendants(process.pid)
            process.end()
            for pid in filter(alive, started):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path / "cluster")
    yield made
    made.end()


def on(cluster: Cluster) -> tuple[str, str]:
    return ("--scheduler-file", str(cluster.file))


def test_two_workers_one_of_them_killed(cluster, undisturbed, features, tmp_path, same):
    """The rows of a cluster are those of the process pool, and so are those of one that loses a worker."""
    workers = [cluster.worker(), cluster.worker()]
    whole = World(tmp_path / "whole", features)
    said = whole.run(*on(cluster))
    assert "2 workers" in said
    same(whole)

    torn = World(tmp_path / "torn", features)
    process = torn.start(*on(cluster))
    checkpoint = until(torn.checkpoints, also=process)[0]
    of_job = owner(checkpoint)
    victim = next(worker for worker in workers if of_job in descendants(worker.pid))
    assert len(torn.rows()) < ROWS
    victim.end()  # with what would start it again
    assert process.wait(400) == 0, process.said
    same(torn)
    taken_over = "".join(one.said for one in workers if one is not victim)
    assert "goes on behind epoch" in taken_over


def test_the_scheduler_dies_and_comes_back(cluster, world, same, tmp_path):
    worker = cluster.worker()
    process = world.start(*on(cluster))
    until(world.checkpoints, also=process)
    cluster.scheduler.end()
    assert process.wait(200) == 1
    last = process.said.splitlines()[-1]
    assert "the scheduler is gone; start it again: the same command goes on where it stopped" in last
    assert len(process.said.splitlines()[-1]) < 300
    assert "Traceback" not in process.said
    assert len(world.rows()) < ROWS
    worker.end()
    # a file of a scheduler that is no more
    process = world.start(*on(cluster))
    assert process.wait(200) == 1
    assert "no Dask scheduler answers there" in process.said.splitlines()[-1]
    again = Cluster(tmp_path / "again")
    try:
        again.worker()
        world.run(*on(again))
    finally:
        again.end()
    same(world)


def test_a_worker_of_another_version_is_refused_by_name(cluster, world, tmp_path):
    """Before anything is done: no row, no claim, no features."""
    other = tmp_path / "other"
    shutil.copytree(CHECKOUT / "spotlib", other / "spotlib", ignore=shutil.ignore_patterns("__pycache__", "assets"))
    with open(other / "spotlib" / "splits.py", "a") as file:
        file.write("\nOTHER = 1\n")
    cluster.worker()
    cluster.worker(cwd=other)  # which is where it finds spotlib
    process = world.start(*on(cluster))
    assert process.wait(200) == 1
    last = process.said.splitlines()[-1]
    assert last.startswith("spotlib: worker tcp://127.0.0.1:")
    assert last.count("worker tcp://") == 1  # the other one fits
    assert "has other code: refused; start it from the same installation" in last
    assert world.rows() == world.claims() == []


@pytest.mark.parametrize("late", [False, True], ids=["before-the-run", "in-the-middle"])
def test_a_worker_with_several_threads_is_refused(late, cluster, world):
    if late:
        cluster.worker()
    else:
        cluster.worker("--nthreads", "2")
    process = world.start(*on(cluster))
    if late:
        until(world.checkpoints, also=process)
        cluster.worker("--nthreads", "2")
    assert process.wait(200) == 1
    assert "has 2 threads (start it with --nthreads 1): refused" in process.said.splitlines()[-1]
    assert "Traceback" not in process.said
    assert len(world.rows()) < ROWS
    assert late or world.rows() == world.claims() == []
