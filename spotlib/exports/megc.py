"""The table that the Micro-Expression Grand Challenges (MEGC) take for their spotting task. Written only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spotlib.exports.events_csv import csv_text
from spotlib.exports.files import write_text
from spotlib.exports.spotted import Spotted
from spotlib.intervals import Kind

HEADER = ("vid", "pred_onset", "pred_offset", "type")
TYPES = {Kind.MACRO: "mae", Kind.MICRO: "me"}


def write_megc(path: Path, results: Sequence[Spotted], *, first: int = 1) -> None:
    """Write videos with the columns HEADER.

    Args:
        path: the file.
        results: the videos; ``vid`` is their name.
        first: number of the first frame of a video: 1, as the pictures of the data sets are counted, or 0.
    """
    rows = [
        (spotted.video, row.event.onset + first, row.event.offset + first, TYPES[row.event.kind])
        for spotted in results
        for row in spotted.rows
    ]
    write_text(path, csv_text(HEADER, rows))
