"""The notebooks: reading their parameters, and executing them headless with Papermill.

Parameters are validated before a kernel starts, and again inside the notebook, since Papermill by hand passes a
misspelt name with exit status 0.
"""

from __future__ import annotations

import ast
import contextlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spotlib.errors import SpotlibError
from spotlib.params import Params, make_params
from spotlib.progress import log, setup_logging, watched
from spotlib.provenance import CHECKOUT
from spotlib.runner import Run, open_run

if TYPE_CHECKING:
    from traitlets.config import Config

NOTEBOOKS = ("01_preprocess", "02_train", "03_ablations", "04_figures", "05_report")
TABLES_NOTEBOOK = "06_tables"  # hours on a full data set, so only when asked for
# names that steer a notebook without being parameters of a result
_STEERING = (
    "params_file",
    "profile",
    "root",
    "annotations",
    "variant",
    "variants",
    "tables",
    "videos",
    "results",
    "workers",
    "device",
)


def notebook_run(namespace: dict[str, Any]) -> Run:
    """The :class:`Run` that a notebook's parameters describe; call it as ``notebook_run(globals())``.

    Takes the known names from the notebook, on top of ``params_file`` (default ``params/<dataset>.yaml``). Raises
    SpotlibError if the cell injected by Papermill sets a name that does not exist.
    """
    setup_logging()
    _short_errors()
    injected = _injected(namespace.get("In", []))
    for name in injected:
        if name not in _STEERING:
            make_params({name: namespace[name]}, where="notebook")
    workers = namespace.get("workers") or None
    if workers is not None and type(workers) is not int:
        raise SpotlibError(f"notebook: workers is {workers!r}; give a whole number of processes, or 0")
    overrides = {name: namespace[name] for name in Params.model_fields if name in namespace}
    params_file = namespace.get("params_file") or None
    if params_file and "dataset" not in injected:
        overrides.pop("dataset", None)  # the file says which data; the cell only holds the default
    return open_run(
        str(namespace.get("dataset", "demo")),
        params_file=params_file,
        profile=namespace.get("profile") or None,
        overrides=overrides,
        root=namespace.get("root") or None,
        annotations=namespace.get("annotations") or None,
        results=namespace.get("results") or None,
        workers=workers,
        device=namespace.get("device") or "auto",
    )


def _short_errors() -> None:
    """In a notebook, show a SpotlibError as its one line: a traceback says nothing more to the user."""
    try:
        shell = get_ipython()  # type: ignore[name-defined]
    except NameError:
        return

    def show(shell: Any, kind: type, value: BaseException, trace: Any, tb_offset: int | None = None) -> list[str]:
        line = f"SpotlibError: {value}"
        shell._showtraceback(kind, value, [line])
        return [line]

    shell.set_custom_exc((SpotlibError,), show)


def _injected(history: Sequence[str]) -> list[str]:
    """Names assigned by the latest cell that Papermill injected, from the kernel's input history."""
    for source in reversed(history):
        if source.lstrip().startswith("# Parameters"):
            tree = ast.parse(source)
            return [
                t.id
                for node in tree.body
                if isinstance(node, ast.Assign)
                for t in node.targets
                if isinstance(t, ast.Name)
            ]
    return []


def run_workbook(
    run: Run,
    *,
    steering: dict[str, Any],
    overrides: dict[str, Any],
    notebooks: Sequence[str] = NOTEBOOKS,
) -> Path:
    """Execute ``notebooks`` in order for ``run`` and render them; return the path of the report page.

    ``overrides`` are parameters, ``steering`` what else ``run`` was opened with (see :func:`spotlib.runner.open_run`).

    Each executed notebook replaces its last version only when it has run through. Raises SpotlibError with the one
    line that the notebook ended with if it failed.
    """
    from spotlib.report import render_notebook

    parameters: dict[str, Any] = {**overrides, "dataset": run.params.dataset}
    parameters.update({name: value for name, value in steering.items() if value})
    folder = run.folder / "notebooks"
    page = folder.parent / "report.html"
    pages = {"05_report": page, TABLES_NOTEBOOK: folder.parent / "tables.html"}
    begin = time.monotonic()
    for number, name in enumerate(notebooks, 1):
        start = time.monotonic()
        log.info("notebook %d of %d: %s", number, len(notebooks), name)
        executed = execute(CHECKOUT / "notebooks" / f"{name}.ipynb", folder / f"{name}.ipynb", parameters)
        target = pages.get(name, folder / f"{name}.html")
        render_notebook(executed, target, title=f"spotlib: {run.params.dataset}, {name[3:]}")
        log.info("notebook %s done in %.0f s", name, time.monotonic() - start)
    log.info("all done in %.1f min", (time.monotonic() - begin) / 60)
    return pages.get(notebooks[-1], page)


def execute(source: Path, target: Path, parameters: dict[str, Any]) -> Path:
    """Execute one notebook with Papermill under the kernel ``python3``, atomically; return ``target``."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if not source.is_file():
        raise SpotlibError(f"{source.name}: not found; run spotlib from a checkout that has the folder notebooks/")
    part = target.with_suffix(f".part{os.getpid()}.ipynb")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _kernel() as config:
            papermill.execute_notebook(
                str(source), str(part), parameters=parameters, kernel_name="python3", progress_bar=False,
                log_output=True, request_save_on_cell_execute=False, config=config,
                extra_arguments=["--log-level=CRITICAL"],  # a kernel calls its own shutdown an error
            )  # fmt: skip
        os.replace(part, target)
    except PapermillExecutionError as error:
        if error.ename == "KeyboardInterrupt":  # Ctrl-C reached the kernel first
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)
            raise KeyboardInterrupt from None
        failed = target.with_suffix(".failed.ipynb")
        os.replace(part, failed)
        said = str(error.evalue) if error.ename == "SpotlibError" else f"{error.ename}: {error.evalue}"
        raise SpotlibError(f"{source.stem}: {_first_line(said)} (as far as it came: {failed})") from None
    except DeadKernelError:
        raise SpotlibError(
            f"{source.stem}: its kernel was killed (out of memory?); run the same command again to go on where it"
            " stopped, with fewer workers if it happens again"
        ) from None
    except KeyboardInterrupt:
        # what the interrupted client still has to say is a traceback per waiting task
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise
    except OSError as error:
        what = os.strerror(error.errno).lower() if error.errno else str(error)
        raise SpotlibError(f"{target}: cannot be written ({what}); free some space or choose another folder") from None
    finally:
        with contextlib.suppress(OSError):  # its folder may be the problem
            part.unlink(missing_ok=True)
    return target


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "it stopped")


@contextlib.contextmanager
def _kernel() -> Iterator[Config]:
    """What a kernel needs: sockets in a short private folder (TCP ports collide now and then), and somebody to tell.

    Its log lines come through to this terminal, and its progress is shown as a bar if somebody watches.
    """
    from traitlets.config import Config

    logger, relay = logging.getLogger("papermill"), _Relay()
    with tempfile.TemporaryDirectory(prefix="spotlib-") as folder, contextlib.ExitStack() as stack:
        bar = Path(folder) / "meter" if watched() else None
        stack.enter_context(_environment(SPOTLIB_BATCH="1", SPOTLIB_METER=str(bar or ""), JUPYTER_RUNTIME_DIR=folder))
        if bar is not None:
            stack.enter_context(_Bar(bar))
        logger.addHandler(relay)
        stack.callback(logger.removeHandler, relay)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        config = Config()
        config.KernelManager.transport = "ipc"
        yield config


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for what is started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_NO_NEWS = ("Passed unknown parameter", "Input notebook does not contain", "[IPKernelApp]")


class _Relay(logging.Handler):
    """Passes on what a notebook wrote to standard error; Papermill's own remarks on parameters are not news."""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().rstrip()
        if message and not message.startswith(_NO_NEWS):
            for line in message.splitlines():
                log.info("  %s", line.split(" ", 1)[1] if line[:2].isdigit() and line[2:3] == ":" else line)


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
