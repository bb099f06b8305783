"""How a result shows itself in a notebook: its timeline and a short table."""

from __future__ import annotations

from spotlib.report.spot_svg import clock_text, timeline_svg
from spotlib.spot.result import Result
from spotlib.tables import SYNTHETIC, escape

MAX_ROWS = 12


def result_html(result: Result) -> str:
    """A sentence, the timeline, and the events with the highest scores; no script, every text escaped."""
    spotted = result.spotted
    rows = sorted(spotted.rows, key=lambda row: (-(row.event.score or 0.0), row.onset))[:MAX_ROWS]
    kinds = [sum(event.kind == kind for event in spotted.events) for kind in ("macro", "micro")]
    mark = f"{SYNTHETIC}. " if spotted.synthetic else ""
    said = (
        f"{mark}{spotted.video}: {kinds[0]} macro- and {kinds[1]} micro-expressions in {clock_text(spotted.duration)},"
        f" proposed by weights {spotted.weights or 'without a name'}."
    )
    cells = (
        (
            str(row.event.kind),
            clock_text(row.onset),
            "" if row.apex is None else clock_text(row.apex),
            clock_text(row.end),
            "" if row.event.score is None else f"{row.event.score:.2g}",
            row.region,
            "; ".join(row.warnings),
        )
        for row in sorted(rows, key=lambda row: row.onset)
    )
    head = "".join(f"<th>{name}</th>" for name in ("kind", "onset", "apex", "end", "score", "moved most", "to mind"))
    body = "".join("<tr>" + "".join(f"<td>{escape.html(cell)}</td>" for cell in line) + "</tr>" for line in cells)
    more = len(spotted.events) - len(rows)
    rest = f"<p>{more} more with lower scores.</p>" if more > 0 else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
    return f"<div><p>{escape.html(said)}</p>{timeline_svg(result, width=720)}{table}{rest}</div>"
