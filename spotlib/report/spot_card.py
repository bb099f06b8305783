"""The card of one event on the report page: what is known about it, its pictures, and a place for its loop."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from spotlib.exports.spotted import Row
from spotlib.report.spot_svg import arrow_factor, arrows_svg, clock_text, longest_motion, moved_most
from spotlib.spot.doubt import Doubt
from spotlib.spot.result import Moment
from spotlib.tables import escape

TIMES = "\u00d7"
_SHORTEST_LOOP = 1.6  # s: a micro-expression is slowed down to this
_ICONS = {
    "macro": '<path d="M1 5h18v8H1z" class="box"/><path d="M9 2h2v14H9z" class="tick"/>',
    "micro": ('<path d="M1.5 5.5h17v7h-17z" class="box"/><path d="M10 2l5 7-5 7-5-7z" class="tick"/>'),
}


def card(
    number: int,
    row: Row,
    doubt: Doubt,
    moment: Moment | None,
    loop: Sequence[bytes],
    *,
    magnified: float | None = None,
) -> str:
    """One event as an item of the list.

    Args:
        number: place by onset, from 0; people see it from 1.
        row: the event with its times.
        doubt: see `spotlib.spot.doubt`.
        moment: its pictures, if they are to be shown.
        loop: pictures of the loop; the first one is shown until a script plays them.
        magnified: how much longer motion is in the loop than it was, if that is known.
    """
    event = row.event
    kind = str(event.kind)
    name = f"Event {number + 1}, {kind}"
    length = row.end - row.onset
    facts = {
        "onset": f"{clock_text(row.onset)} (frame {event.onset})",
        "apex": "not told" if row.apex is None else f"{clock_text(row.apex)} (frame {event.apex})",
        "offset": f"{clock_text(row.offset)} (frame {event.offset})",
        "lasts": f"{length:.2f} s, {event.length} frames",
        "score": "none" if event.score is None else f"{event.score:.2g}",
    }
    if event.side != "both":
        facts["side"] = f"{event.side} (the person's own)"
    if row.region:
        facts["moved most"] = row.region
    if event.aus:
        facts["AU"] = " + ".join(event.aus)
    facts["doubt"] = f"{doubt.value:.2f}"
    listed = "".join(f"<dt>{escape.html(k)}</dt><dd>{escape.html(v)}</dd>" for k, v in facts.items())
    reasons = "".join(f"<li>{escape.html(reason)}</li>" for reason in doubt.reasons)
    warnings = f'<ul class="warnings" aria-label="To mind">{reasons}</ul>' if reasons else ""
    wait = round(1000 * max(length, _SHORTEST_LOOP) / max(1, len(loop)))
    return (
        f'<li class="card {kind}" data-index="{number}" data-score="{event.score or 0:.6f}"'
        f' data-doubt="{doubt.value:.6f}" data-wait="{wait}">'
        f'<article tabindex="-1" aria-labelledby="event-{number + 1}"><div><header>'
        f'<h3 id="event-{number + 1}"><span class="kind"><svg width="20" height="18" aria-hidden="true">{_ICONS[kind]}'
        f"</svg>{number + 1}. {kind}</span>, {clock_text(row.onset)}</h3>"
        f'<button type="button" class="go needs-script" aria-label="{name}: show on the timeline">show</button>'
        f"</header>"
        f"<dl>{listed}</dl>{warnings}</div>"
        f'<div class="pictures">{_pictures(name, row, moment, loop, length, magnified)}</div></article></li>'
    )


def _pictures(
    name: str, row: Row, moment: Moment | None, loop: Sequence[bytes], length: float, magnified: float | None
) -> str:
    if moment is None:
        return '<p class="none">No pictures of this event.</p>'
    middle = "apex" if row.apex is not None else "middle"
    times = (row.onset, (row.onset + row.offset) / 2 if row.apex is None else row.apex, row.offset)
    factor, longest, most = arrow_factor(moment), longest_motion(moment), moved_most(moment)
    motion = f"the {most} moves most, {longest:.1f} of {moment.side} px" if most else "no node was followed"
    parts = []
    for what, picture, time in zip(("onset", middle, "offset"), moment.strip, times, strict=True):
        alt, below, over = f"{name}: face at the {what}, {clock_text(time)}", f"{what} {clock_text(time)}", ""
        if what == "onset":
            over = arrows_svg(moment, moved=False)
        elif what == middle:
            over = arrows_svg(moment, moved=True)
            alt += f"; since the onset {motion}"
            below += f"; arrows {TIMES} {factor:g}, longest {longest:.1f} px" if most else ""
        parts.append(
            f'<figure><div class="picture">{_img(picture, alt, moment.side)}{over}</div>'
            f"<figcaption>{below}</figcaption></figure>"
        )
    if loop:
        slow = _SHORTEST_LOOP / length if length < _SHORTEST_LOOP else 1.0
        speed = f"slowed {slow:.1f} {TIMES}" if slow > 1.05 else "in true time"
        larger = f"motion magnified{'' if magnified is None else f' {magnified:g} {TIMES}'}"
        alt = f"{name}: the face from onset to offset, {larger}, {speed}"
        parts.append(
            f'<figure class="loop"><div class="picture">{_img(loop[0], alt, moment.side)}</div>'
            f'<div class="player needs-script"><button type="button" aria-pressed="false" aria-label="{name}: play">'
            f'Play</button><input type="range" min="0" max="{len(loop) - 1}" value="0" aria-label="{name}: picture of'
            f' the loop"></div><figcaption>{larger}, {speed}</figcaption></figure>'
        )
    return "".join(parts)


def _img(picture: bytes, alt: str, side: int) -> str:
    data = base64.b64encode(picture).decode("ascii")
    return (
        f'<img alt="{escape.html(alt)}" width="{side}" height="{side}" decoding="async"'
        f' src="data:image/jpeg;base64,{data}">'
    )
