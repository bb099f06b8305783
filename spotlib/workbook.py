"""The notebooks: reading their parameters, and executing them headless with Papermill.

Parameters are validated before a kernel starts, and again inside the notebook, since Papermill by hand passes a
misspelt name with exit status 0.
"""

from __future__ import annotations

import ast
import contextlib
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.params import Params, make_params
from spotlib.progress import log, setup_logging
from spotlib.provenance import CHECKOUT
from spotlib.runner import Run, open_run

NOTEBOOKS = ("01_preprocess", "02_train", "03_ablations", "04_figures", "05_report")
TABLES_NOTEBOOK = "06_tables"  # hours on a full data set, so only when asked for
SHOWING = ("04_figures", "05_report")  # compute nothing where the others have run
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
    "scheduler",
    "keep_failed",
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
        executor=_executor(namespace.get("scheduler")),
        retry_failed=not namespace.get("keep_failed"),
    )


def _executor(scheduler: str | None) -> Executor | None:
    if not scheduler:
        return None
    from spotlib.cluster import cluster

    return cluster(scheduler)


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
    from spotlib.notebooks_pool import Job, execute_all
    from spotlib.report import render_notebook

    parameters: dict[str, Any] = {**overrides, "dataset": run.params.dataset}
    parameters.update({name: value for name, value in steering.items() if value})
    folder = run.folder / "notebooks"
    page = folder.parent / "report.html"
    pages = {"05_report": page, TABLES_NOTEBOOK: folder.parent / "tables.html"}
    begin = time.monotonic()
    number = 0
    for stage in _stages(notebooks):
        start = time.monotonic()
        for name in stage:
            number += 1
            log.info("notebook %d of %d: %s", number, len(notebooks), name)
        sources = {name: (CHECKOUT / "notebooks" / f"{name}.ipynb", folder / f"{name}.ipynb") for name in stage}
        if len(stage) == 1:
            execute(*sources[stage[0]], parameters)
        else:
            execute_all([Job(*of_name, parameters) for of_name in sources.values()], at_once=len(stage))
        for name in stage:
            target = pages.get(name, folder / f"{name}.html")
            render_notebook(sources[name][1], target, title=f"spotlib: {run.params.dataset}, {name[3:]}")
        log.info("notebook %s done in %.0f s", " and ".join(stage), time.monotonic() - start)
    log.info("all done in %.1f min", (time.monotonic() - begin) / 60)
    return pages.get(notebooks[-1], page)


def _stages(notebooks: Sequence[str]) -> list[list[str]]:
    """What runs after each other; those that only show rows, once these are there, run side by side."""
    stages: list[list[str]] = []
    for name in notebooks:
        if name in SHOWING and stages and stages[-1][0] in SHOWING:
            stages[-1].append(name)
        else:
            stages.append([name])
    return stages


def execute(source: Path, target: Path, parameters: dict[str, Any], *, name: str = "") -> Path:
    """Execute one notebook with Papermill under the kernel ``python3``, atomically; return ``target``.

    ``name``: of the notebook before its log lines, where several run side by side.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from spotlib.kernels import ENGINE, bar, environment, relayed

    if not source.is_file():
        raise SpotlibError(f"{source.name}: not found; run spotlib from a checkout that has the folder notebooks/")
    part = target.with_suffix(f".part{os.getpid()}.ipynb")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with relayed(name), bar() if not name else contextlib.nullcontext() as meter:
            papermill.execute_notebook(
                _literal(source), _literal(part), parameters=parameters, kernel_name="python3", language="python",
                progress_bar=False, log_output=True, request_save_on_cell_execute=False,
                engine_name=ENGINE, env=environment(meter),
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
    except RuntimeError as error:
        raise SpotlibError(
            f"{source.stem}: its kernel did not start, twice ({_first_line(str(error))}); close other programs and give"
            " the same command again"
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


def _literal(path: Path) -> str:
    """``path`` for Papermill, which takes braces in it for the names of parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "it stopped")
