"""`spotlib doctor`: is a data set complete, and is it the one that papers speak of?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from spotlib.errors import SpotlibError


@click.command()
@click.argument("dataset")  # no Choice: its exit status would be 2, which means findings here
@click.argument("root", required=False, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--annotations",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Table to read, instead of one found below ROOT; again for the second of two (MaE and ME apart).",
)
@click.option("--part", type=click.Choice(["A", "C"]), default="A", show_default=True, help="Part of cas_me3.")
@click.option("--decode", is_flag=True, help="Decode every picture that is used (slow); else look at its ends.")
@click.option("--all", "all_findings", is_flag=True, help="List every finding, not the first ten of a kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all findings.")
def doctor(
    dataset: str,
    root: Path | None,
    annotations: tuple[Path, ...],
    part: str,
    decode: bool,
    all_findings: bool,
    as_json: bool,
) -> None:
    """Check DATASET (samm_lv, cas_me2, cas_me3, own) below ROOT, or a table alone.

    Prints counts beside the published ones, and every problem with its place.

    Nothing is computed or changed. Exit status 0: usable; 2: events or frames are lost; 1: unreadable.
    """
    from spotlib.doctor import examine
    from spotlib.doctor_text import to_text

    given = annotations[0] if len(annotations) == 1 else annotations or None
    try:
        seen = examine(dataset, root, annotations=given, part=part, decode=decode)
    except SpotlibError as error:
        if as_json:  # for programs that read standard output only
            click.echo(json.dumps({"status": 1, "error": str(error)}, indent=1))
        raise
    click.echo(json.dumps(seen.to_json(), indent=1) if as_json else to_text(seen, all_findings=all_findings))
    if seen.status:
        sys.exit(seen.status)
