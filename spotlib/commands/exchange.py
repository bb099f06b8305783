"""`spotlib convert`: annotations between spotlib's CSV and the table that this field's code shares."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--from", "from_format", type=click.Choice(["spotlib", "field"]), required=True, help="What IN is.")
@click.option("--to", "to_format", type=click.Choice(["spotlib", "field"]), required=True, help="What OUT shall be.")
@click.option(
    "--first-frame",
    type=click.IntRange(0, 1),
    default=0,
    show_default=True,
    help="Number of the first frame in the field's table.",
)
@click.option(
    "--missing-offset",
    type=click.Choice(["onset_plus_20", "apex", "apex_plus_20", "drop"]),
    default="onset_plus_20",
    show_default=True,
    help="What becomes of events of the field's table whose end_frame is 0.",
)
def convert(
    source: Path,
    target: Path,
    from_format: Literal["spotlib", "field"],
    to_format: Literal["spotlib", "field"],
    first_frame: int,
    missing_offset: Literal["onset_plus_20", "apex", "apex_plus_20", "drop"],
) -> None:
    """Convert a table of events.

    spotlib: subject,video,kind,onset,apex,offset,aus,side,note,n_frames,fps with frames from 0, both ends included.
    field: subject,video_name,start_frame,apex_frame,end_frame,type_idx,au with type_idx 1 macro, 2 micro.
    """
    from spotlib.errors import one_line
    from spotlib.exchange import convert as convert_file
    from spotlib.intervals import KINDS

    table, findings = convert_file(
        source,
        target,
        from_format=from_format,
        to_format=to_format,
        first_frame=first_frame,
        missing_offset=missing_offset,
    )
    events = [event for of_video in table.events.values() for event in of_video]
    kinds = ", ".join(f"{sum(event.kind == kind for event in events)} {kind}" for kind in KINDS)
    click.echo(f"{target}: {len(events)} events of {len(table.events)} videos ({kinds})")
    first: dict[str, list[str]] = {}
    for finding in findings:
        first.setdefault(finding.what, []).append(str(finding))
    for what, found in first.items():
        click.echo(one_line(f"{len(found)} x {what}, the first: {found[0]}"), err=True)
