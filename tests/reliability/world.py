"""The smallest whole run there is, as a user gives it: one command that trains, makes tables, and can be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from spotlib.provenance import CHECKOUT
from spotlib.store import read_row
from spotlib.tables.registry import build_all, tag
from tests.conftest import TINY

#: four people with a video each, two folds, one seed; epochs enough to be killed among them, dropout on
PARAMS = {**TINY, "epochs": 60, "evaluate_every": 12, "steps_per_epoch": 2, "dropout": 0.2, "bootstrap": 100}
STUDY = {"dataset": "demo", "variants": ["spotformer", "peaks"], "tables": ["T11"], "seeds": [1]}
ROWS = 4
TABLES = "T1,T3,T6,T10,T11,T12"
#: what two runs may differ in: times, of which the table of costs (T9) is made, and which commit was checked out; a
#: row's checksum is over these too
TIMES = ("train_seconds", "windows_per_second", "commit", "checksum")


class World:
    """A folder with results, and commands that work in it."""

    def __init__(self, folder: Path, features: Path | None = None, *, params: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.started: list[Process] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.results = folder / "results"
        self.study = folder / "small.yaml"
        self.study.write_text(yaml.safe_dump({**STUDY, "overrides": params or PARAMS}), encoding="utf-8")
        if features is not None:
            shutil.copytree(features, self.demo / "features")

    @property
    def demo(self) -> Path:
        return self.results / "demo"

    def command(self, *more: str) -> list[str]:
        return [
            sys.executable, "-m", "spotlib.cli", "study", str(self.study), "--results", str(self.results),
            "--workers", "2", "--device", "cpu", *more,
        ]  # fmt: skip

    def start(self, *more: str, before: Sequence[str] = (), **environment: str) -> Process:
        """The command under way; ``before``: what starts it."""
        self.started.append(Process([*before, *self.command(*more)], self.folder / "said", **environment))
        return self.started[-1]

    def end(self) -> None:
        """Nothing that a failed test has started may disturb the next one."""
        for process in self.started:
            if process.process.poll() is None:
                process.end()

    def run(self, *more: str, **environment: str) -> str:
        """The command to its good end; what it said."""
        process = self.start(*more, **environment)
        assert process.wait(400) == 0, process.said
        return process.said

    def rows(self) -> list[Path]:
        return sorted((self.demo / "rows").glob("*/*.json"))

    def checkpoints(self) -> list[Path]:
        return sorted((self.demo / "rows").glob("*/*.checkpoint"))

    def claims(self) -> list[Path]:
        return sorted(self.results.rglob("*.claim"))

    def contents(self) -> dict[str, dict[str, Any]]:
        """What rows say, without times; their arrays stand there as a checksum."""
        found = {path.name: json.loads(path.read_text()) for path in self.rows()}
        return {name: {k: v for k, v in row.items() if k not in TIMES} for name, row in found.items()}

    def tables(self) -> dict[str, bytes]:
        """Every table that can be made of the rows, byte by byte; all but the costs (T9)."""
        rows = [row for row in map(read_row, self.rows()) if row is not None]
        made, _ = build_all(tag(rows, overrides={}, profile=""), TABLES, draws=100)
        for table in made:
            table.save(self.folder / "tables")
        return {path.name: path.read_bytes() for path in sorted((self.folder / "tables").iterdir())}

    def leftovers(self) -> list[str]:
        """What a run that has ended may not leave behind."""
        patterns = ("*.claim", "*.checkpoint", "*.part", "*.stale", "*.part*.ipynb")
        return sorted(str(path.relative_to(self.results)) for p in patterns for path in self.results.rglob(p))


class Process:
    """A command in a process group of its own; everything it started dies with it at the latest in `end`."""

    def __init__(self, command: list[str], said: Path, cwd: Path = CHECKOUT, **environment: str) -> None:
        self._said = said
        # one checkpoint an epoch, or nothing here would last long enough for one
        env = {**os.environ, "SPOTLIB_CHECKPOINT_SECONDS": "0", "SPOTLIB_BATCH": "1", **environment}
        with open(said, "ab") as file:
            self._begin = file.tell()
            self.process = subprocess.Popen(
                command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=env, cwd=cwd,
                start_new_session=True, preexec_fn=_heed_ctrl_c,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return self._said.read_bytes()[self._begin :].decode()

    def kill(self, which: int = signal.SIGKILL) -> None:
        os.kill(self.pid, which)

    def wait(self, seconds: float = 200) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(f"still running after {seconds} s:\n{self.said}") from None

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


def _heed_ctrl_c() -> None:
    """Whoever runs the tests in the background of a shell ignores it, and so would all that is started."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def until(ready: Callable[[], Any], seconds: float = 200, *, also: Process | None = None) -> Any:
    """Wait for ``ready``; fail if it takes too long or the process ends before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        assert also is None or also.process.poll() is None, f"ended too early:\n{also.said}"
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s" + (f":\n{also.said}" if also else ""))


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        if state not in "ZX":
            parents.setdefault(int(parent), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def owner(checkpoint: Path) -> int:
    """The process that computes what a checkpoint belongs to, by its claim."""
    return int(json.loads(checkpoint.with_suffix(".claim").read_text())["pid"])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[bool]:
    """A file system of ``size`` bytes at ``folder``; False where this machine does not let us have one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
