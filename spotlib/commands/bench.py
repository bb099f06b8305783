"""``spotlib bench``: how fast this machine is, beside the accuracy of the same run; tables and plots of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from spotlib.errors import SpotlibError

_OPTIONS = (
    click.option("--json", "path", type=click.Path(path_type=Path), metavar="FILE",
                 help="Write the numbers, each as soon as it is known; what FILE holds already stays."),
    click.option("--quick", is_flag=True, help="Small sizes and few repeats: does it work, not how fast is it."),
    click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
                 help="Where the network is computed."),
    click.option("--threads", type=click.IntRange(1), help="Of the network on a CPU (default: one per core)."),
    click.option("--only", multiple=True, metavar="NAME", help="Only measurements whose names begin so."),
)  # fmt: skip


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group(invoke_without_command=True)
@_options
@click.option("--report", is_flag=True, help="Also the time of the demo's report, from nothing: many minutes.")
@click.pass_context
def bench(context: click.Context, **said: Any) -> None:
    """Measure how fast spotlib is on this machine; without a command, all four parts.

    What is compared is measured in turns in one run, as medians with spread, beside the accuracy of the same run.
    """
    if context.invoked_subcommand is None:
        from spotlib.bench.parts import PARTS

        _measure(PARTS, **said)


@bench.command()
@_options
def features(**said: Any) -> None:
    """Motion features and face tracking: speed, and error against the actor's exact motion."""
    _measure(("features",), **said)


@bench.command()
@_options
def model(**said: Any) -> None:
    """The network at evaluation: reference and fast way, and how far their outputs are apart."""
    _measure(("model",), **said)


@bench.command()
@_options
@click.option("--loso-folds", type=click.IntRange(0), default=4, show_default=True, help="On a GPU: of 30; 0: all.")
@click.option("--loso-epochs", type=click.IntRange(1), default=6, show_default=True,
              help="On a GPU: of 100; with fewer the time of the whole is extrapolated, and says so.")  # fmt: skip
def train(**said: Any) -> None:
    """A training step, loss curves, repeats with the same seed; on a GPU also leave-one-subject-out."""
    _measure(("train",), **said)


@bench.command("end-to-end")
@_options
@click.option("--report", is_flag=True, help="Also the time of the demo's report, from nothing: many minutes.")
def end_to_end(**said: Any) -> None:
    """From a video file to intervals: speed of each step, memory by the length of the video."""
    _measure(("end-to-end",), **said)


@bench.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="JSON...")
@click.option("--into", type=click.Path(path_type=Path), metavar="PAGE",
              help="Replace the tables in this Markdown page instead of printing them.")  # fmt: skip
def table(files: tuple[Path, ...], into: Path | None) -> None:
    """Print what was measured as Markdown: the targets, what was reached, the floor, and the accuracy beside it."""
    from spotlib.bench.results import Measured, read
    from spotlib.bench.table import fill, tables, to_text

    made = tables(Measured(map(read, files)))
    if into is None:
        click.echo(to_text(made))
        return
    from spotlib.store import write_text

    try:
        page = into.read_text(encoding="utf-8")
    except OSError as error:
        raise SpotlibError(f"{into}: cannot be read ({error.strerror}); give a Markdown page") from None
    write_text(into, fill(page, made, where=str(into)))
    click.echo(into)


@bench.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="JSON...")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Where plots go.")
def plots(files: tuple[Path, ...], out: Path) -> None:
    """Draw how the cost grows with video length, subjects, K, D and number of nodes."""
    from spotlib.bench.results import Measured, read
    from spotlib.figures.growth import growth_figures

    figures = growth_figures(Measured(map(read, files)))
    if not figures:
        raise SpotlibError("bench plots: these files hold nothing that grows; measure features, model or train first")
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = [path for figure in figures for path in figure.save(out, dpi=110)]
    except OSError as error:
        raise SpotlibError(f"{out}: cannot be written ({error.strerror}); give another folder") from None
    for path in written:
        click.echo(path)


def _measure(parts: tuple[str, ...], *, path: Path | None, **said: Any) -> None:
    from spotlib.bench.parts import Options
    from spotlib.bench.parts import bench as measure
    from spotlib.bench.results import Measured
    from spotlib.bench.table import tables, to_text

    options = Options(**{**said, "only": tuple(said.get("only", ()))})
    results, failed = measure(parts, options, path=path, tell=lambda line: click.echo(line, err=True))
    click.echo(to_text(tables(Measured([{"runs": results.runs, "results": results.results}]))))
    if failed:
        raise SpotlibError(f"{len(failed)} measurement(s) failed, the first: {failed[0]}")
