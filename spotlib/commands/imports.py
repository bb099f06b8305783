"""`spotlib import`: corrected annotations of other programs as a table of events."""

from __future__ import annotations

from pathlib import Path

import click

from spotlib.errors import SpotlibError, one_line


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", metavar="CSV", type=click.Path(path_type=Path), help="Table to write (default: FILE as .csv).")
@click.option("--video", metavar="NAME", help="The one video to take; or, if there is only one, its name.")
@click.option("--fps", metavar="F", type=float, help="Frames per second, if FILE does not tell.")
def import_command(file: Path, out: Path | None, video: str | None, fps: float | None) -> None:
    """Read events that were corrected in ELAN, Praat or BORIS, or in a table, into spotlib's CSV.

    FILE is an .eaf, .TextGrid, .boris, .json or .csv file; `spotlib evaluate` reads them too.
    """
    from spotlib.event_table import write_events_csv
    from spotlib.exports import read_events
    from spotlib.intervals import KINDS

    table = read_events(file, fps=fps, video=video)
    if out is None:
        out = file.with_suffix(".csv")
        if out.exists():
            raise SpotlibError(f"{out}: is there already; name the table to write with --out")
    write_events_csv(out, table)
    events = [event for of_video in table.events.values() for event in of_video]
    kinds = ", ".join(f"{sum(event.kind == kind for event in events)} {kind}" for kind in KINDS)
    videos = f"{len(table.events)} video{'s' if len(table.events) != 1 else ''}"
    click.echo(f"{out}: {len(events)} events of {videos} ({kinds})")
    for note in table.notes:
        click.echo(one_line(f"note: {note}"), err=True)
