"""Drawings for the page of a spotted video that need no script: the whole timeline, and arrows over a picture."""

from __future__ import annotations

import numpy as np

from spotlib.figures.canvas import KIND_COLOURS, ORANGE, PURPLE, SKY
from spotlib.intervals import KINDS, Event, Kind
from spotlib.report.spot_data import gaps
from spotlib.spot.result import Moment, Result
from spotlib.spotting import FrameScores
from spotlib.tables import escape

# facial regions of the nodes (METHOD section 2): colour, shape, name; further nodes come last
_REGIONS = (
    (slice(0, 3), SKY, "circle", "brow A"),
    (slice(3, 6), ORANGE, "square", "brow B"),
    (slice(6, 10), PURPLE, "triangle", "mouth"),
    (slice(10, None), "#F0E442", "diamond", "further nodes"),
)
_FACTORS = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 80, 100)
_LABELS, _ROW, _BAR, _AXIS = 56, 46, 14, 18  # px: width of labels, height of curves, of bars, of the axis


def clock_text(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any.

    >>> clock_text(75.25), clock_text(3675.25)
    ('1:15.25', '1:01:15.25')
    """
    hundredths = round(100 * seconds)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 100:02}.{rest % 100:02}"
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"


def in_words(result: Result) -> str:
    """What the timeline shows, for those who do not see it."""
    spotted = result.spotted
    parts = [f"Timeline of {spotted.video}, {clock_text(spotted.duration)} long."]
    for kind in KINDS:
        found = [row for row in spotted.rows if row.event.kind == kind]
        places = ", ".join(f"{clock_text(row.onset)} to {clock_text(row.end)}" for row in found[:8])
        if len(found) > 8:
            places += ", and more"
        count = f"{len(found)} {kind}-expression{'' if len(found) == 1 else 's'}"
        parts.append(f"{count}{f': {places}' if places else ''}.")
    lost = gaps(result.valid)
    if lost:
        parts.append(f"No face in {len(lost)} stretch{'' if len(lost) == 1 else 'es'}.")
    return " ".join(parts)


def timeline_svg(result: Result, *, width: int = 960) -> str:
    """The whole video in one drawing: apex scores, events as bars, grey where no face was seen."""
    spotted = result.spotted
    n = spotted.n_frames
    inner = width - _LABELS
    height = 2 * (_ROW + _BAR + 8) + _AXIS
    scores = FrameScores(np.asarray(result.probabilities, np.float32), result.valid)
    body = []
    for first, last in gaps(result.valid):
        x, w = _LABELS + first / n * inner, max(0.5, (last + 1 - first) / n * inner)
        body.append(
            f'<rect x="{x:.1f}" y="0" width="{w:.1f}" height="{height - _AXIS}" fill="#8a8a8a" fill-opacity=".3"/>'
        )
    for row, kind in enumerate(KINDS):
        top = row * (_ROW + _BAR + 8)
        colour = KIND_COLOURS[str(kind)]
        body.append(f'<text x="0" y="{top + _ROW - 4}">{kind}</text>')
        body.append(_curve(scores.of(kind)[0], top + 2, inner, colour))
        base = top + _ROW
        body.append(f'<path d="M{_LABELS} {base}H{width}" stroke="#8a8a8a" stroke-width=".7"/>')
        for event in spotted.events:
            if event.kind == kind:
                body.append(_bar(event, n, inner, base + 4, colour))
    base = height - _AXIS
    for at, second in _ticks(result, inner):
        body.append(f'<path d="M{at:.1f} {base}v4" stroke="currentColor"/>')
        body.append(f'<text x="{at:.1f}" y="{height - 2}" text-anchor="middle">{second}</text>')
    label = escape.html(in_words(result))
    return (
        f'<svg class="spot-static" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}"'
        f' viewBox="0 0 {width} {height}" width="{width}" font-family="sans-serif" font-size="11"'
        f' fill="currentColor">{"".join(body)}</svg>'
    )


def _curve(values: np.ndarray, top: float, width: int, colour: str) -> str:
    """Highest score of each pixel column as a filled line."""
    edges = np.unique(np.linspace(0, len(values), min(width, len(values)) + 1).astype(int))
    high = np.maximum.reduceat(values, edges[:-1])
    x = _LABELS + (edges[:-1] + edges[1:]) / 2 / len(values) * width
    y = top + (_ROW - 4) * (1 - np.nan_to_num(high).clip(0, 1))
    line = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
    base = top + _ROW - 4
    fill = f'<path d="M{x[0]:.1f} {base:.1f}L{line}L{x[-1]:.1f} {base:.1f}Z" fill="{colour}" fill-opacity=".2"/>'
    return f'{fill}<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.2"/>'


def _bar(event: Event, n: int, inner: int, top: float, colour: str) -> str:
    """Macro: a filled box. Micro: a hollow one with a diamond at its apex."""
    x, w = _LABELS + event.onset / n * inner, max(2.5, event.length / n * inner)
    apex = (event.onset + event.offset) / 2 if event.apex is None else event.apex
    at, middle, half = _LABELS + (apex + 0.5) / n * inner, top + 5, 5
    if event.kind == Kind.MACRO:
        return f'<rect x="{x:.1f}" y="{top}" width="{w:.1f}" height="10" fill="{colour}"/>'
    return (
        f'<rect x="{x:.1f}" y="{top + 1.5}" width="{w:.1f}" height="7" fill="none" stroke="{colour}"/>'
        f'<path d="M{at - 4:.1f} {middle}L{at:.1f} {middle - half}L{at + 4:.1f} {middle}L{at:.1f} {middle + half}Z"'
        f' fill="{colour}"/>'
    )


def _ticks(result: Result, inner: int) -> list[tuple[float, str]]:
    """Places and texts of about eight round times."""
    spotted = result.spotted
    rounds = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
    step = next((s for s in rounds if spotted.duration / s <= 9), 86400)
    found = []
    for k in range(int(spotted.duration / step) + 1):
        at = _LABELS + spotted.clock.frame(k * step) / spotted.n_frames * inner
        if _LABELS + 10 <= at <= _LABELS + inner - 16 or k == 0:
            text = clock_text(k * step)
            found.append((at + (8 if k == 0 else 0), text if step < 1 else text.rpartition(".")[0]))
    return found


def arrow_factor(moment: Moment) -> float:
    """How much arrows are magnified: by a round number, the longest to about a sixth of the picture, none out of it."""
    rows = moment.arrows[np.isfinite(moment.arrows).all(axis=1)].astype(np.float64)
    longest = longest_motion(moment)
    if longest <= 1e-6:
        return 1.0
    wanted = moment.side / 6 / longest
    for at, by in ((rows[:, 0], rows[:, 2]), (rows[:, 1], rows[:, 3])):
        room = np.where(by > 0, 0.98 * moment.side - at, at - 0.02 * moment.side)
        inside = (room > 0) & (np.abs(by) > 1e-6)
        wanted = min(wanted, float((room[inside] / np.abs(by[inside])).min(initial=np.inf)))
    return float(max([f for f in _FACTORS if f <= wanted], default=1))


def longest_motion(moment: Moment) -> float:
    """Length of the longest motion of a node, px of the picture; 0 if none was followed."""
    lengths = np.hypot(moment.arrows[:, 2], moment.arrows[:, 3])
    return float(np.nanmax(lengths)) if np.isfinite(lengths).any() else 0.0


def moved_most(moment: Moment) -> str:
    """The facial region that moved most in words; "" if none was followed."""
    best, name = 1e-6, ""
    for nodes, _, _, text in _REGIONS:
        lengths = np.hypot(moment.arrows[nodes, 2], moment.arrows[nodes, 3])
        if np.isfinite(lengths).any() and float(np.nanmax(lengths)) > best:
            best, name = float(np.nanmax(lengths)), text
    return name


def arrows_svg(moment: Moment, *, moved: bool) -> str:
    """Nodes, and with ``moved`` their magnified motion, to be laid over a picture; decoration, its alt text says it."""
    factor, unit = arrow_factor(moment), moment.side / 100
    parts = []
    for nodes, colour, shape, _ in _REGIONS:
        for x, y, dx, dy in np.asarray(moment.arrows[nodes], np.float64):
            if not np.isfinite([x, y]).all():
                continue
            if moved and np.isfinite([dx, dy]).all():
                parts.append(_arrow(x, y, factor * dx, factor * dy, unit, colour))
            parts.append(_node(x, y, 1.1 * unit, shape, colour, 0.35 * unit))
    inner = "".join(parts)
    return f'<svg class="arrows" viewBox="0 0 {moment.side} {moment.side}" aria-hidden="true">{inner}</svg>'


def _arrow(x: float, y: float, dx: float, dy: float, unit: float, colour: str) -> str:
    length = float(np.hypot(dx, dy))
    if length < 3 * unit:  # hardly to be told from the node
        return ""
    ux, uy = dx / length, dy / length
    head = min(4 * unit, 0.6 * length)
    bx, by = x + dx - head * ux, y + dy - head * uy
    wide = 0.55 * head
    line = f"M{x:.1f} {y:.1f}L{bx:.1f} {by:.1f}"
    tip = (
        f"M{x + dx:.1f} {y + dy:.1f}L{bx - wide * uy:.1f} {by + wide * ux:.1f}"
        f"L{bx + wide * uy:.1f} {by - wide * ux:.1f}Z"
    )
    return (
        f'<path d="{line}{tip}" fill="#000" stroke="#000" stroke-width="{2.2 * unit:.2f}" stroke-linejoin="round"/>'
        f'<path d="{line}" stroke="{colour}" stroke-width="{1.3 * unit:.2f}"/><path d="{tip}" fill="{colour}"/>'
    )


def _node(x: float, y: float, r: float, shape: str, colour: str, line: float) -> str:
    look = f'fill="{colour}" stroke="#000" stroke-width="{line:.2f}"'
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.2f}" {look}/>'
    points = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.2), (1.2, 1), (-1.2, 1)),
        "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    }[shape]
    path = " ".join(f"{x + r * a:.1f},{y + r * b:.1f}" for a, b in points)
    return f'<polygon points="{path}" {look}/>'
