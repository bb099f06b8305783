"""`events.csv` of `spotlib spot`: a table that `spotlib.event_table` reads, with seconds, region and warnings.

``onset``, ``apex`` and ``offset`` are frames; ``onset_s``, ``apex_s`` and ``offset_s`` are the instants at which these
frames are shown. The frames count: seconds are not read back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from spotlib.event_table import read_events_csv
from spotlib.exports.files import read_bytes, write_text
from spotlib.exports.imported import Imported
from spotlib.exports.spotted import Spotted
from spotlib.formulas import guarded, unguarded

COLUMNS = (
    "video", "kind", "onset", "apex", "offset", "onset_s", "apex_s", "offset_s", "score", "side", "aus", "region",
    "warnings", "n_frames", "fps", "synthetic", "weights",
)  # fmt: skip


def write_csv(path: Path, results: Sequence[Spotted]) -> None:
    """Write videos with the columns COLUMNS, one event a row."""
    write_text(path, csv_text(COLUMNS, (cells for spotted in results for cells in _cells(spotted))))


def read_csv(path: Path, *, fps: float | None = None, allow_empty: bool = True) -> Imported:
    """Read a table of events with the columns of `spotlib.event_table`; ``fps`` is for videos without one."""
    plain = read_events_csv(path, allow_empty=allow_empty)
    table = Imported(plain.events, plain.subjects, plain.lengths, plain.rates)
    if fps is not None:
        table.rates = dict.fromkeys(table.events, fps) | table.rates
    rows = csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8-sig"), newline=""))
    columns = rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]  # as `csv_rows` finds them
    if "onset_s" in columns or "decision" in columns:  # spotlib's own: a name may begin or end with a space
        written: dict[str, set[str]] = {}
        still_open = 0
        for row in rows:
            still_open += row.get("decision") == "open"
            name = row["video"] or ""
            written.setdefault(unguarded(name.strip()), set()).add(unguarded(name))
        for video, names in written.items():
            if video in table.events and len(names) == 1:
                table.rename(video, names.pop())
        if still_open:  # of a review (spotlib.spot.review)
            table.notes.append(f"{still_open} events were not reviewed and stand as the model found them")
    return table


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV with a header, with the line ends of RFC 4180, so that a cell with any line end is quoted.

    Names that spreadsheet programs would take for a formula are guarded (`spotlib.formulas`).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()


def _cells(spotted: Spotted) -> Iterable[tuple[object, ...]]:
    for row in spotted.rows:
        event = row.event
        yield (
            spotted.video, event.kind, event.onset, "" if event.apex is None else event.apex, event.offset,
            _seconds(row.onset), _seconds(row.apex), _seconds(row.offset),
            "" if event.score is None else repr(event.score), event.side, "+".join(event.aus), row.region,
            "; ".join(row.warnings), spotted.n_frames, repr(spotted.fps), "yes" if spotted.synthetic else "no",
            spotted.weights,
        )  # fmt: skip


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
