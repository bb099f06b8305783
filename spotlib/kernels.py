"""Kernels for notebooks that run headless: each with sockets in a short private folder of its own.

TCP ports collide now and then when several kernels start at once; files in a folder that nobody else has do not. Such a
name has about 100 bytes, so the folder is made where names are short.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from traitlets.config import Config

from spotlib.progress import log, watched


@contextlib.contextmanager
def _without(name: str) -> Iterator[None]:
    """What is imported here finds no module ``name``, unless that was imported before."""
    hidden = sys.modules.setdefault(name, None) is None  # type: ignore[arg-type]
    try:
        yield
    finally:
        if hidden:
            del sys.modules[name]


# jsonschema would compile 38 grammars of internet addresses for seconds, which no notebook is checked against
with _without("rfc3987_syntax"):
    from nbclient.exceptions import DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines

ENGINE = "spotlib"  # the name under which Papermill knows the engine below
_LONGEST = 60  # letters of a folder's name; behind it come socket names of up to 20, and systems take 103
_NO_NEWS = ("Passed unknown parameter", "Input notebook does not contain", "[IPKernelApp]")


class _Client(PapermillNotebookClient):
    """Knows whether its kernel ever was ready."""

    ready = False

    def papermill_execute_cells(self) -> None:
        self.ready = True
        super().papermill_execute_cells()


class KernelEngine(NBClientEngine):
    """Papermill's engine with a private folder for each kernel, and a second attempt at one that does not start.

    A kernel that dies later is not started again: what it had done is not known.
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        env: dict[str, str],
        start_timeout: int = 60,
        log_output: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Execute the cells; ``env``: environment of the kernel."""
        kwargs.pop("input_path", None)
        for last in (False, True):
            with _private_folder() as folder:
                client = _Client(
                    nb_man,
                    kernel_name=kernel_name,
                    startup_timeout=start_timeout,
                    log=logging.getLogger("papermill"),
                    log_output=log_output,
                    config=_sockets(folder),
                    **kwargs,
                )
                try:
                    with _known(client):
                        return client.execute(env={**env, "JUPYTER_RUNTIME_DIR": str(folder)})
                except (RuntimeError, OSError, DeadKernelError) as error:
                    if client.ready or last or _ended.is_set():
                        raise
                    said = str(error).splitlines()[0] if str(error) else type(error).__name__
                    log.warning("a kernel did not start (%s); once more", said)
        return None


papermill_engines.register(ENGINE, KernelEngine)


def environment(meter: Path | None = None) -> dict[str, str]:
    """Of a kernel: this process's, and that nobody watches; ``meter``: where it says how far it is."""
    # of a kernel that was killed, Python's own book-keeper complains after everything else was said
    quiet = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker:UserWarning"]))
    return {**os.environ, "SPOTLIB_BATCH": "1", "SPOTLIB_METER": str(meter or ""), "PYTHONWARNINGS": quiet}


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    usual = tempfile.gettempdir()
    short = usual if len(os.fsencode(usual)) <= _LONGEST or not os.access("/tmp", os.W_OK) else "/tmp"
    with tempfile.TemporaryDirectory(prefix="spotlib-", dir=short, ignore_cleanup_errors=True) as folder:
        yield Path(folder)  # nobody else may enter it


def _sockets(folder: Path) -> Config:
    config = Config()
    config.KernelManager.transport = "ipc"
    config.KernelManager.connection_file = str(folder / "kernel.json")
    # named here: by itself the manager names them before it knows its folder, and they end up in the current one
    config.KernelManager.ip = str(folder / "k")
    return config


# -- which kernels there are, so that they can be ended --

_clients: set[_Client] = set()
_lock = threading.Lock()
_ended = threading.Event()


@contextlib.contextmanager
def _known(client: _Client) -> Iterator[None]:
    with _lock:
        _clients.add(client)
    try:
        yield
    finally:
        with _lock:
            _clients.discard(client)


@contextlib.contextmanager
def ended_together() -> Iterator[None]:
    """If the block ends with an exception, kernels that other threads started meanwhile are killed."""
    _ended.clear()
    try:
        yield
    except BaseException:
        _ended.set()
        with _lock:
            clients = list(_clients)
        for client in clients:
            pid = getattr(getattr(client.km, "provisioner", None), "pid", None)
            if pid:
                with contextlib.suppress(OSError):
                    os.kill(pid, 9)
        raise


# -- what a kernel says --


@contextlib.contextmanager
def relayed(name: str = "") -> Iterator[None]:
    """What the notebook that this thread executes writes to standard error becomes log lines, with ``name`` before."""
    logger, relay = logging.getLogger("papermill"), _Relay(name)
    logger.addHandler(relay)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(relay)


class _Relay(logging.Handler):
    """Passes on what a notebook wrote to standard error; Papermill's own remarks on parameters are not news."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.prefix = f"  {name}: " if name else "  "
        self.thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().rstrip()
        if record.thread != self.thread or not message or message.startswith(_NO_NEWS):
            return
        for line in message.splitlines():
            text = line.split(" ", 1)[1] if line[:2].isdigit() and line[2:3] == ":" and " " in line else line
            log.info("%s%s", self.prefix, text)


@contextlib.contextmanager
def bar() -> Iterator[Path | None]:
    """A bar for what a kernel computes, if somebody watches: the file into which it says how far it is."""
    if not watched():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="spotlib-") as folder, _Bar(Path(folder) / "meter") as shown:
        yield shown.path


class _Bar(contextlib.AbstractContextManager):
    """A tqdm bar that follows a file written in another process (see ``spotlib.jobs``)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> _Bar:
        self.thread.start()
        return self

    def _follow(self) -> None:
        from tqdm.auto import tqdm

        bar = None
        while not self.ended.wait(0.5):
            try:
                desc, done, total, unit = self.path.read_text().split("\t")
            except (OSError, ValueError):
                desc = ""
            if bar is not None and (not desc or bar.desc.rstrip(": ") != desc):
                bar.close()
                bar = None
            if desc:
                bar = bar if bar is not None else tqdm(desc=desc, total=int(total), unit=unit, leave=False)
                bar.n = int(done)
                bar.refresh()
        if bar is not None:
            bar.close()

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
