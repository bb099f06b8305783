"""Claims: who is computing what, so that runs on one folder share the work instead of doing it twice.

A claim is a small file beside the result to be. Its owner changes it every few seconds. On the owner's own machine the
operating system knows whether the owner lives; elsewhere a claim that has not changed for a minute of the *watcher's*
time is stale. Nobody compares clocks, so clocks may be wrong or jump.

Claims save work and nothing else: results are written at once, under a digest of all they depend on and with a
checksum, so that even two owners of one claim could not mix theirs.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spotlib.progress import log

BUSY = "left to another run that is at it"
BEAT = 5.0  # seconds between two signs of life
STALE = 60.0  # seconds without one, after which an owner elsewhere is taken for dead


def claim_path(target: Path) -> Path:
    """The claim of a result."""
    return Path(target).with_suffix(".claim")


@contextlib.contextmanager
def claim(target: Path) -> Iterator[bool]:
    """True if the result ``target`` is this process's to make, for as long as the block lasts; else False.

    The claim of a process of this machine that is no more is taken over at once. Where no claim can be written (a full
    disk, say) the block goes on without: what it wants to write will fail or not by itself. Half-written files that an
    owner who was killed left behind are removed in the end.
    """
    path = claim_path(target)
    content = _read(path)
    if content is not None and _dead(content):
        _break(path, content)
    handle = _create(path)
    if handle is None:
        yield False
        return
    left = _parts(target)
    try:
        yield True
    finally:
        for part, before in left.items():
            # one that has changed since is being written: by an owner elsewhere that was taken for dead
            if _stamp(part) == before:
                with contextlib.suppress(OSError):
                    part.unlink()
        if handle >= 0:
            _heart.drop(handle)
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(handle), os.stat(path)):  # nobody took it over meanwhile
                    os.unlink(path)
            os.close(handle)


def is_claimed(target: Path) -> bool:
    """Whether somebody is at it, as far as can be seen at one glance."""
    content = _read(claim_path(target))
    return content is not None and not _dead(content)


def wait_for(targets: Sequence[Path], *, poll: float = 0.5) -> None:
    """Wait until nobody claims any of ``targets``; claims that turn out to be stale are removed, which is told."""
    waiting = {claim_path(target): ("", time.monotonic()) for target in targets}
    told = time.monotonic()
    while waiting:
        for path, (before, since) in list(waiting.items()):
            content = _read(path)
            if content is None:
                del waiting[path]
            elif _dead(content) or (content == before and time.monotonic() - since >= STALE):
                log.info("%s: its owner is no more; it is done again", path.stem)
                _break(path, content)
                del waiting[path]
            elif content != before:
                waiting[path] = (content, time.monotonic())
        if not waiting:
            return
        if time.monotonic() - told >= 20:
            told = time.monotonic()
            log.info("waiting for another run that is at %s", ", ".join(sorted(path.stem for path in waiting)[:3]))
        time.sleep(poll)


def _parts(target: Path) -> dict[Path, tuple[int, ...] | None]:
    """Half-written files (`spotlib.store.atomic`) of a result and what stands beside it, with what tells a change."""
    parts = target.parent.glob(f".{glob.escape(target.stem)}.*.part")
    return {part: _stamp(part) for part in parts}


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _create(path: Path) -> int | None:
    """The open file of a new claim; None if there is one; -1 if none can be written."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return None
    except OSError:
        return -1
    _heart.add(handle)
    return handle


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _break(path: Path, content: str) -> None:
    """Remove the claim that says ``content``, unless it is another one by now."""
    aside = path.with_suffix(f".{uuid.uuid4().hex[:8]}.stale")
    try:
        os.rename(path, aside)  # only one of several watchers succeeds
        if _read(aside) != content:  # a new owner's, who came in between: put it back
            with contextlib.suppress(OSError):
                os.link(aside, path)
        os.unlink(aside)
    except OSError:
        pass


# -- who lives --


def _machine() -> str:
    """Names the space in which process numbers mean something: a container has its own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str | None:
    """When a process of this machine began, in its own units: another with the same number began at another time.

    None if there is none (one that is dead and only not yet buried is none); empty where that cannot be known.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return ""


def _dead(content: str) -> bool:
    """Whether the owner is known to be dead; False for one of another machine."""
    try:
        said = json.loads(content)
        return said["machine"] == _machine() and _started(int(said["pid"])) != said["started"]
    except (ValueError, KeyError, TypeError):
        return False  # being written just now, or not by us: it has its minute


class _Heart:
    """One thread that gives a sign of life for all claims of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: set[int] = set()
        self._thread: threading.Thread | None = None
        self._beats = 0

    def add(self, handle: int) -> None:
        with self._lock:
            self._handles.add(handle)
            self._sign(handle)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, daemon=True, name="claims")
                self._thread.start()

    def drop(self, handle: int) -> None:
        with self._lock:
            self._handles.discard(handle)

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            with self._lock:
                self._beats += 1
                for handle in self._handles:
                    self._sign(handle)

    def _sign(self, handle: int) -> None:
        # into the open file, so that a claim that was taken away is not written again
        said: dict[str, Any] = {"machine": _machine(), "pid": os.getpid(), "started": _started(os.getpid())}
        text = json.dumps({**said, "beat": f"{self._beats:012d}"})
        with contextlib.suppress(OSError):
            os.pwrite(handle, text.encode(), 0)
            os.fsync(handle)  # so that other machines see it


_heart = _Heart()
