"""BIDS events: a tab-separated table with its JSON sidecar, as brain imaging tools read them. Written only.

Everything about the video stands in the sidecar, because a cell of the table cannot hold every name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spotlib.exports.files import plain, write_text
from spotlib.exports.spotted import Row, Spotted

MISSING = "n/a"

_COLUMNS: dict[str, dict[str, Any]] = {
    "onset": {"Description": "Beginning of the expression, from the first frame of the video", "Units": "s"},
    "duration": {"Description": "From the beginning of its first frame to the end of its last", "Units": "s"},
    "trial_type": {
        "Description": "Kind of expression",
        "Levels": {"macro": "half a second to four seconds", "micro": "half a second at most"},
    },
    "apex": {"Description": "Instant of the strongest movement, on the scale of onset", "Units": "s"},
    "score": {"Description": "How sure the model is, 0 to 1"},
    "side": {"Description": "Side of the face, the person's own", "Levels": {"left": "", "right": "", "both": ""}},
    "action_units": {"Description": "FACS action units, joined by +"},
    "region": {"Description": "Part of the face that moved most"},
    "warnings": {"Description": "What to mind about this event, joined by ;"},
    "onset_frame": {"Description": "First frame, counted from 0"},
    "apex_frame": {"Description": "Frame of the apex, counted from 0"},
    "offset_frame": {"Description": "Last frame, counted from 0"},
}


def write_bids(path: Path, spotted: Spotted) -> None:
    """Write one video's events as ``path`` (.tsv) and the sidecar beside it (.json)."""
    rows = ["\t".join(_COLUMNS), *("\t".join(_cells(row)) for row in spotted.rows)]
    sidecar = {**_COLUMNS, "Spotlib": spotted.about}
    write_text(path, "\n".join(rows) + "\n")
    write_text(path.with_suffix(".json"), json.dumps(sidecar, indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def _cells(row: Row) -> tuple[str, ...]:
    event = row.event
    return (
        f"{row.onset:.6f}",
        f"{row.end - row.onset:.6f}",
        str(event.kind),
        MISSING if row.apex is None else f"{row.apex:.6f}",
        MISSING if event.score is None else f"{event.score:.6f}",
        event.side,
        "+".join(event.aus) or MISSING,
        plain(row.region) or MISSING,
        plain("; ".join(row.warnings)) or MISSING,
        str(event.onset),
        MISSING if event.apex is None else str(event.apex),
        str(event.offset),
    )
