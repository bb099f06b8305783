"""Jobs on the workers of a Dask cluster instead of on processes of this machine (docs/cluster.md).

Everybody sees one folder of results: jobs take names and write rows, and no array passes the scheduler. A worker that
is lost in the middle of a job loses that job to another one; a worker whose code differs is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from spotlib.devices import find_devices
from spotlib.errors import SpotlibError
from spotlib.progress import log, setup_logging

CONNECT = 10.0  # seconds to reach a scheduler
GONE = 15.0  # seconds without a scheduler, after which it does not come back
FILE = "file:"  # before the path of a scheduler file, where others give an address
_AGAIN = "the same command goes on where it stopped"


def scheduler_of(address: str | None, file: str | Path | None) -> str | None:
    """What names a scheduler in one text: its address, or its file; None if neither is given.

    >>> scheduler_of("tcp://127.0.0.1:8786", None)
    'tcp://127.0.0.1:8786'
    """
    if address and file:
        raise SpotlibError("--scheduler and --scheduler-file: give one of them")
    if file:
        return f"{FILE}{Path(file).absolute()}"
    return address or None


@functools.cache
def cluster(scheduler: str) -> ClusterExecutor:
    """The executor of this process for a scheduler (see `scheduler_of`)."""
    return ClusterExecutor(scheduler)


class ClusterExecutor(Executor):
    """Submits to a Dask scheduler; connects when it is first used.

    Every error is a SpotlibError in one line: no scheduler there, a worker of another version, a scheduler that is
    gone, a job that took one worker after the other with it.
    """

    def __init__(self, scheduler: str) -> None:
        self.scheduler = scheduler
        self._client: Any = None
        self._lost: float | None = None  # since when the scheduler does not answer
        self._told = time.monotonic()
        if not scheduler.startswith(FILE):
            _check_address(scheduler)

    @property
    def _named(self) -> str:
        return self.scheduler.removeprefix(FILE)

    def _address(self) -> str:
        """Where the scheduler listens, by its own file if that was named."""
        if not self.scheduler.startswith(FILE):
            return self.scheduler
        try:
            address = json.loads(Path(self._named).read_text(encoding="utf-8"))["address"]
        except FileNotFoundError:
            raise SpotlibError(
                f"{self._named}: no such scheduler file; `dask scheduler --scheduler-file` makes it"
            ) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise SpotlibError(f"{self._named}: not the file of a Dask scheduler; start it again") from None
        _check_address(str(address))
        return str(address)

    def connect(self) -> None:
        """Reach the scheduler and look at its workers; SpotlibError, naming them, if one does not fit."""
        if self._client is not None:
            return
        try:
            from distributed import Client
        except ImportError:
            raise SpotlibError(
                "a Dask scheduler was named, but Dask is not installed; pip install 'spotlib-fes[dask]'"
            ) from None
        address = self._address()
        _listen(True)
        client = Client.__new__(Client)
        try:
            Client.__init__(client, address, timeout=CONNECT, set_as_default=False, name="spotlib")
        except (OSError, ValueError, TypeError) as error:
            client.status = "closed"  # or it would try to take leave of the scheduler that it never met
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SpotlibError(
                f"{self._named}: no Dask scheduler answers there ({said}); start one with `dask scheduler`, see"
                " docs/cluster.md"
            ) from None
        try:
            unfit = {}
            workers = client.scheduler_info(n_workers=-1)["workers"]
            for address, said in client.run(identity, on_error="return").items():
                if isinstance(said, dict) and address in workers:  # outside a job a worker does not know its threads
                    said["threads"] = workers[address]["nthreads"]
                why = _unfit(said, identity(threads=1))
                if why:
                    unfit[address] = why
            if unfit:
                raise SpotlibError(_refusal(unfit))
        except BaseException:
            client.close(timeout=2)
            raise
        self._client = client
        log.info("%s: %d workers", self._named, self._count())

    def _count(self) -> int:
        """Workers that the scheduler knows; its list of them comes in part only."""
        return int(self._client.scheduler_info().get("n_workers", 0))

    def devices(self, choice: str) -> list[str]:
        """What `spotlib.devices.find_devices` finds on the workers; SpotlibError if they differ."""
        self.connect()
        if choice == "cpu":
            return ["cpu"]
        found = self._client.run(find_devices, choice)
        if not found:
            raise SpotlibError(f"{self._named}: no workers; start some with `dask worker`, or give --device cpu")
        if len({tuple(devices) for devices in found.values()}) > 1:
            several = ", ".join(f"{address}: {' '.join(devices)}" for address, devices in sorted(found.items())[:5])
            raise SpotlibError(f"workers have different devices ({several}); give --device cpu or --device cuda:0")
        return next(iter(found.values()))

    def submit(self, function: Callable, /, *args: Any, **kwargs: Any) -> Future:
        """``function(*args, **kwargs)`` on a worker, in its own time."""
        self.connect()
        outcome: Future = Future()
        remote = self._client.submit(_on_worker, identity(threads=1), function, args, kwargs, pure=False)

        def done(remote: Any) -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                outcome.set_result(remote.result(timeout=CONNECT))
            except BaseException as error:
                outcome.set_exception(self._said(error))

        def cancelled(outcome: Future) -> None:
            if outcome.cancelled():
                with contextlib.suppress(Exception):  # whoever cancels does not want to hear more
                    leave = self._client.cancel([remote], asynchronous=True)
                    asyncio.run_coroutine_threadsafe(leave, self._client.loop.asyncio_loop)

        outcome.add_done_callback(cancelled)
        remote.add_done_callback(done)
        return outcome

    def check(self) -> None:
        """SpotlibError if the scheduler is gone for good; to be called now and then by whoever waits."""
        if self._client is None:
            return
        now = time.monotonic()
        if self._client.status == "running":
            self._lost = None
            if now - self._told >= 20:
                self._told = now
                if not self._count():
                    log.info("%s: no workers; waiting for some", self._named)
            return
        self._lost = now if self._lost is None else self._lost
        if now - self._lost > GONE or self._client.status == "closed":
            raise self._gone()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """`leave`."""
        self.leave()

    def leave(self) -> None:
        """Leave the cluster, with whatever was submitted; it goes on. The next use connects again."""
        client, self._client = self._client, None
        if client is not None:
            _listen(False)  # futures given up here complain to nobody while the process ends
            client.close(timeout=2)

    def _gone(self) -> SpotlibError:
        return SpotlibError(f"{self._named}: the scheduler is gone; start it again: {_AGAIN}")

    def _said(self, error: BaseException) -> BaseException:
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        if isinstance(error, KilledWorker):
            return SpotlibError(
                f"{self._named}: one job took {error.allowed_failures + 1} workers with it, the last was"
                f" {error.last_worker.address} (out of memory?); {_AGAIN}"
            )
        if isinstance(error, CancelledError | CommClosedError | TimeoutError):
            return self._gone()
        return error


def _listen(on: bool) -> None:
    """Whether the messages of Dask and of what it runs on are shown."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        # each by itself: what a logger says reaches the handlers above it, whether these loggers are disabled or not
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio") and isinstance(logger, logging.Logger):
            logger.disabled = not on


def identity(*, threads: int | None = None) -> dict[str, Any]:
    """What has to be the same on all workers for their rows to be the same.

    ``threads``: what to say about threads instead of what is so in this worker.
    """
    if threads is None:
        from distributed import get_worker

        try:
            threads = get_worker().state.nthreads
        except ValueError:
            threads = 1
    return {**_versions(), "threads": threads}


@functools.cache  # what this process has loaded, whatever happens to the files meanwhile
def _versions() -> dict[str, Any]:
    import numpy
    import torch

    import spotlib.fold
    import spotlib.training_jobs  # noqa: F401 - so that what is compared is what is loaded
    from spotlib.provenance import code_digest, version
    from spotlib.store import digest

    return {
        "spotlib": version(),
        "code": digest(code_digest(("spotlib.training_jobs", "spotlib.runner")))[:12],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
    }


def _on_worker(expected: dict[str, Any], function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    from distributed import get_worker

    why = _unfit(identity(), expected)
    if why:
        raise SpotlibError(_refusal({get_worker().address: why}))
    _prepare()
    return function(*args, **kwargs)


@functools.cache
def _prepare() -> None:
    """Once in a worker: one thread for every library, as in a process of `spotlib.jobs.process_pool`."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        if name == "NUMBA_NUM_THREADS" and "numba" in sys.modules:
            continue  # it reads this once
        os.environ[name] = "1"
    setup_logging()
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(1)


def _unfit(said: Any, expected: dict[str, Any]) -> str:
    """In words, how a worker differs; empty if it does not."""
    if not isinstance(said, dict):
        return f"no working spotlib ({type(said).__name__}: {said})".splitlines()[0][:200]
    differs = []
    for name, value in expected.items():
        if said.get(name) != value:
            if name == "code":
                differs.append("other code")
            elif name == "threads":
                differs.append(f"{said.get(name)} threads (start it with --nthreads 1)")
            else:
                differs.append(f"{name} {said.get(name)} instead of {value}")
    return ", ".join(differs)


def _refusal(unfit: dict[str, str]) -> str:
    named = "; ".join(f"worker {address} has {why}" for address, why in sorted(unfit.items())[:5])
    more = f"; and {len(unfit) - 5} more" if len(unfit) > 5 else ""
    return f"{named}{more}: refused; start it from the same installation and give the same command again"


def _check_address(address: str) -> None:
    """SpotlibError for what is no address, and for one that strangers could reach unencrypted."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or port is None:
        raise SpotlibError(f"--scheduler {address}: not an address; give one as tcp://127.0.0.1:8786 or tls://...")
    if parts.scheme == "tls" or _is_loopback(parts.hostname) or os.environ.get("SPOTLIB_TRUST_NETWORK") == "1":
        return
    raise SpotlibError(
        f"{address}: whoever reaches an unencrypted scheduler can run code as you; use tls:// (docs/cluster.md), or set"
        " SPOTLIB_TRUST_NETWORK=1 where the network is your own"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
