"""The command line: thin commands, one-line errors, meaningful exit statuses."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, Literal

import click

from spotlib.commands.bench import bench
from spotlib.commands.doctor import doctor
from spotlib.commands.exchange import convert
from spotlib.commands.imports import import_command
from spotlib.commands.pack import merge, pack
from spotlib.commands.run_options import DEVICE, OVERRIDES, PROFILE, RESULTS, ROOT, SUBJECTS, WORKERS, changed
from spotlib.commands.scheduler import executor_of, row_options
from spotlib.commands.spot import spot
from spotlib.commands.status import status
from spotlib.commands.study import study
from spotlib.commands.train import train
from spotlib.commands.twin import twin
from spotlib.errors import SpotlibError
from spotlib.progress import log, setup_logging

# heavy imports stay inside the commands, so that `spotlib --help` answers at once


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="spotlib-fes", prog_name="spotlib")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
def cli(verbose: bool) -> None:
    """Find macro- and micro-expressions in long face videos; regenerate every table of the workbook."""
    setup_logging(verbose=verbose)


@cli.command()
@click.argument("dataset", default="demo")
@click.option("--params", "params_file", type=click.Path(), help="Parameter file (default params/DATASET.yaml).")
@ROOT
@click.option("--annotations", type=click.Path(), help="Annotation table to use instead of the one under --root.")
@PROFILE
@SUBJECTS
@OVERRIDES
@RESULTS
@WORKERS
@DEVICE
@row_options
@click.option(
    "--tables", metavar="all|T4,T6", help="Instead of the report: these tables T1 to T13, and all their rows."
)
@click.option(
    "--from-rows",
    metavar="FILE",
    is_flag=False,
    flag_value="",
    type=click.Path(),
    help="With --tables: make them of packed rows (default: results/DATASET/rows.jsonl.gz), without data or training.",
)
@click.option("--notebook", "notebooks", multiple=True, help="Run only this notebook; may be repeated.")
def run(
    dataset: str,
    params_file: str | None,
    root: str | None,
    annotations: str | None,
    profile: str | None,
    subjects: int | None,
    overrides: tuple[str, ...],
    results: str | None,
    workers: int | None,
    device: str,
    scheduler: str | None,
    scheduler_file: str | None,
    retry_failed: bool,
    tables: str | None,
    from_rows: str | None,
    notebooks: tuple[str, ...],
) -> None:
    """Run the workbook on DATASET: notebooks, tables, figures and results/DATASET/report.html.

    What was computed before under the same code, parameters and data is not computed again.
    """
    from spotlib.cluster import scheduler_of
    from spotlib.devices import find_devices
    from spotlib.jobs import worker_count
    from spotlib.runner import open_run
    from spotlib.variants import VARIANTS
    from spotlib.workbook import NOTEBOOKS, TABLES_NOTEBOOK, run_workbook

    changes = changed(subjects, overrides)
    worker_count(workers)
    unknown = [name for name in notebooks if name not in NOTEBOOKS]
    if unknown:
        raise SpotlibError(f"--notebook {unknown[0]}: unknown; known: {', '.join(NOTEBOOKS)}")
    steering: dict[str, Any] = {
        "params_file": params_file,
        "profile": profile,
        "root": str(Path(root).absolute()) if root else None,
        "annotations": str(Path(annotations).absolute()) if annotations else None,
        "results": results,
        "workers": workers,
    }
    if device != "auto":
        steering["device"] = device
    the_run = open_run(dataset, overrides=changes, **steering)
    steering["keep_failed"] = not retry_failed
    steering["scheduler"] = scheduler_of(scheduler, scheduler_file)
    if steering["scheduler"] and from_rows is None:
        executor_of(steering["scheduler"], device)  # the kernels' own: what is wrong there is told at once
    elif device != "auto":
        find_devices(device)
    if from_rows is not None:
        from spotlib.paper import from_rows as remake

        packed = Path(from_rows) if from_rows else the_run.folder / "rows.jsonl.gz"
        click.echo(_relative(remake(packed, tables or "all", the_run.folder)))
        return
    log.info("%s", repr(the_run))
    if the_run.synthetic and the_run.params.dataset != "demo":
        real = "" if root else "; with --root PATH the same command runs on the real data set"
        log.info("%s: SYNTHETIC data, a twin%s", dataset, real)
    if tables:
        from spotlib.tables.registry import chosen

        chosen(tables)
        steering["tables"], notebooks = tables, (TABLES_NOTEBOOK,)
    page = run_workbook(the_run, steering=steering, overrides=changes, notebooks=notebooks or NOTEBOOKS)
    failed = [row for row in the_run.rows(*VARIANTS) if row["status"] == "failed"]
    shown = page if not notebooks or tables or "05_report" in notebooks else page.parent / "notebooks"
    click.echo(_relative(shown))
    if failed:
        first = f"{failed[0]['variant']} fold {failed[0]['fold']}: {failed[0]['error']}"
        again = "the same command" if retry_failed else "the command without --no-retry-failed"
        raise SpotlibError(f"{len(failed)} fold(s) failed, the first: {first}; {again} tries them again")


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
def parity(directory: Path) -> None:
    """Compare the implementation with stored numbers (METHOD section 10); exit 1 if any is off."""
    from spotlib.parity import check_directory, format_lines

    lines = check_directory(directory)
    click.echo(format_lines(lines))
    if not all(line.ok for line in lines):
        sys.exit(1)


@cli.command()
@click.option("--truth", required=True, type=click.Path(path_type=Path), help="CSV, .eaf, .TextGrid or BORIS file.")
@click.option("--predictions", required=True, type=click.Path(path_type=Path), help="Likewise.")
@click.option("--protocol", type=click.Choice(["clean", "author"]), default="clean", show_default=True)
@click.option("--iou", type=click.FloatRange(0, 1, min_open=True), default=0.5, show_default=True)
@click.option("--fps", type=click.FloatRange(1, 1000), help="Frame rate, for files that count in seconds only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def evaluate(
    truth: Path,
    predictions: Path,
    protocol: Literal["clean", "author"],
    iou: float,
    fps: float | None,
    as_json: bool,
) -> None:
    """Score predicted intervals against true ones: counts, F1, mean IoU, apex error."""
    from spotlib.metrics import evaluate_files, format_evaluation

    result = evaluate_files(truth, predictions, protocol=protocol, iou=iou, fps=fps)
    click.echo(json.dumps(result, indent=1) if as_json else format_evaluation(result))


@cli.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .npz file to write.")
@click.option("--extractor", type=click.Choice(["lk", "farneback"]), default="lk", show_default=True)
@click.option("--fps", type=click.FloatRange(1, 1000), help="Resample to this rate, or: the rate of an image folder.")
@click.option("--face", type=click.Choice(["only", "largest"]), default="only", help="What to do about a second face.")
def features(
    source: Path, out: Path, extractor: Literal["lk", "farneback"], fps: float | None, face: Literal["only", "largest"]
) -> None:
    """Extract SW-MRO features from a video file or a folder of images."""
    from spotlib.extraction import extract_file

    click.echo(extract_file(source, out, extractor=extractor, fps=fps, face=face))


@cli.command()
@click.argument("dataset", default="demo")
def params(dataset: str) -> None:
    """List every parameter with its value for DATASET and its meaning."""
    from spotlib.params import Params
    from spotlib.runner import open_run

    values: dict[str, Any] = open_run(dataset).params.model_dump()
    for name, field in Params.model_fields.items():
        changed = "" if values[name] == field.default else f" (default {field.default})"
        click.echo(f"{name}: {values[name]}{changed}" + (f"  # {field.description}" if field.description else ""))


for _command in (bench, doctor, twin, convert, import_command, status, study, pack, merge, spot, train):
    cli.add_command(_command)


def _relative(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def main() -> None:
    """Entry point: every expected failure is one line on standard error; 130 after Ctrl-C, 143 after SIGTERM."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        cli(standalone_mode=False)
    except SpotlibError as error:
        _fail(str(error), 1)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__cause__ or error, _Terminated):
            _fail("told to stop; the same command goes on where it stopped", 143)
        _fail("interrupted; the same command goes on where it stopped", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(1)  # click's own 2 would mean to callers of `doctor` that the data are usable
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError:
        _fail("not enough memory; use fewer workers or a shorter video", 1)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: stops what Ctrl-C stops, in the same orderly way."""


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise _Terminated


def _fail(message: str, status: int) -> None:
    logging.shutdown()
    click.echo(f"spotlib: {' '.join(message.split())}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
