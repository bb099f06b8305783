"""The workbook's kernels: killed in mid-notebook, stopped from outside, and nothing of them left."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from spotlib.provenance import CHECKOUT
from tests.reliability.world import PARAMS, World, alive, descendants, until


class Workbook(World):
    """The same rows by way of a notebook in a kernel."""

    def command(self, *more: str) -> list[str]:
        parameters = [text for name, value in {**PARAMS, "seed": 1}.items() for text in ("-p", f"{name}={value}")]
        return [
            sys.executable, "-m", "spotlib.cli", "run", "demo", "--notebook", "02_train", *parameters,
            "--results", str(self.results), "--workers", "2", "--device", "cpu", *more,
        ]  # fmt: skip


@pytest.fixture
def workbook(features, tmp_path):
    made = Workbook(tmp_path, features)
    yield made
    made.end()


def _kernel(pid: int) -> int:
    """The kernel that a command has started."""
    for child in descendants(pid):
        with open(f"/proc/{child}/cmdline", "rb") as file:
            if b"ipykernel_launcher" in file.read():
                return child
    raise AssertionError("no kernel")


def test_a_kernel_in_mid_notebook_and_a_command_told_to_stop(workbook, same):
    process = workbook.start()
    until(workbook.checkpoints, also=process)
    started = descendants(process.pid)
    os.kill(_kernel(process.pid), signal.SIGKILL)
    assert process.wait() == 1
    assert (
        "02_train: its kernel was killed (out of memory?); run the same command again" in process.said.splitlines()[-1]
    )
    assert "Traceback" not in process.said
    until(lambda: not any(map(alive, started)), 30)

    process = workbook.start()
    until(lambda: "goes on behind epoch" in process.said, also=process)
    started = descendants(process.pid)
    begin = time.monotonic()
    process.kill(signal.SIGTERM)
    assert process.wait(10) == 143
    assert time.monotonic() - begin < 10
    assert process.said.splitlines()[-1] == "spotlib: told to stop; the same command goes on where it stopped"
    assert "Traceback" not in process.said
    until(lambda: not any(map(alive, started)), 10)

    # the command itself: its kernel, and the kernel's workers, notice
    process = workbook.start()
    until(lambda: "goes on behind epoch" in process.said, also=process)
    started = descendants(process.pid)
    process.kill(signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(alive, started)), 30)

    workbook.run()
    same(workbook)
    assert not list(CHECKOUT.glob("kernel-ipc*"))
