"""The report page of one spotted video: self-contained, offline, to look at each event and judge it.

The page loads nothing from anywhere. Its content policy allows the one script and the one style sheet that are in it,
by their digests, and pictures that are in it; texts of file names and annotations are escaped, also in JSON. Without
scripts it still shows the timeline, the cards and their pictures.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from spotlib.provenance import version
from spotlib.report.spot_card import card
from spotlib.report.spot_data import by_onset, gaps, samples_step, script_json, timeline_data
from spotlib.report.spot_svg import clock_text, timeline_svg
from spotlib.spot.doubt import doubts
from spotlib.spot.result import Moment, Result
from spotlib.tables import SYNTHETIC, escape

#: bytes of pictures in a page; hours of video with hundreds of events stay openable
PICTURE_BUDGET = 8_000_000
STRIPS = 0.65  # strips take at most this share of it where some must be left out, so that the best have a loop
_RENDERED_ONLY = "the weights were trained on rendered people only"  # a note of spotting that the page says anyway
MAX_CARDS = 400  # the events with the highest scores; the others are in the timeline

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '{script_digest}'; \
style-src '{style_digest}'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{video}: spotted expressions</title>
<style>{style}</style>
</head>
<body class="spotlib no-script">
<a class="skip" href="#events">Skip to the events</a>
<header>
<div class="top"><h1>Facial expressions spotted in <bdi>{video}</bdi></h1>
<label class="needs-script">Colours <select id="theme"><option value="system">as the system</option>\
<option value="light">light</option><option value="dark">dark</option></select></label></div>
{synthetic}
<dl class="facts">{facts}</dl>
<p class="honest"><strong>How to read this.</strong> A network proposed these intervals; a score is how sure it was, not
how likely it is right. Look at each event before you use it. This is no lie detector and no diagnosis, and it does not
tell what a person feels. {trained}</p>
{limits}
<details class="help"><summary>Keys, settings</summary>
<ul class="keys"><li><kbd>j</kbd> <kbd>k</kbd> next, previous event</li><li><kbd>Enter</kbd> timeline to the event</li>
<li><kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd> zoom in, out, whole video</li><li><kbd>p</kbd> play or pause the loop</li>
<li>on the timeline: <kbd>←</kbd> <kbd>→</kbd> a frame, with <kbd>Shift</kbd> a second, <kbd>Page Up</kbd>
<kbd>Page Down</kbd> half of the view; drag to move, wheel (after a click, or with Ctrl) to zoom</li></ul>
<p class="needs-script"><label><input type="checkbox" id="keys" checked> single keys are on</label></p>
<dl class="facts">{settings}</dl></details>
</header>
<main>
<section class="view" aria-label="Timeline">
<div id="timeline" class="needs-script"></div>
{static}
</section>
<section id="events" aria-labelledby="events-title">
<div class="list-bar"><h2 id="events-title">Events (<span id="count">{shown}</span>)</h2>
<label class="needs-script">Show <select id="only"><option value="all">all</option><option value="macro">macro</option>\
<option value="micro">micro</option></select></label>
<label class="needs-script">Order <select id="order"><option value="time">by time</option>\
<option value="score">highest score first</option><option value="doubt">most doubtful first</option></select></label>
<label class="needs-script"><input type="checkbox" id="arrows" checked> motion arrows</label></div>
{notes}
<p id="said" class="hidden" role="status"></p>
<ol class="cards">
{cards}
</ol>
</section>
</main>
<footer>Made with spotlib {version}. The page is complete in itself and needs no network. Arrows are the motion of a
node from onset to apex without that of the head, magnified as said below the picture. Nodes: circles and squares on the
brows, triangles on the mouth, diamonds elsewhere. Doubt adds up a score near the least one, an overlap with the other
kind, and poor tracking; it only says what to look at first.</footer>
<script type="application/json" id="data">{data}</script>
<script type="application/json" id="loops">{loops}</script>
<script>{script}</script>
</body>
</html>
"""


def spot_page(result: Result, *, picture_budget: int = PICTURE_BUDGET) -> str:
    """The page for one video as HTML text.

    Args:
        result: what was spotted.
        picture_budget: bytes of pictures in the page at most. Strips come first, then loops, with fewer frames if need
            be, of the events with the highest scores; what is left out is said on the page.
    """
    spotted = result.spotted
    order = by_onset(result)
    ranked = sorted(order, key=lambda i: (-(spotted.events[i].score or 0.0), spotted.events[i].onset))
    kept = set(ranked[:MAX_CARDS])
    strips, loops = choose_pictures(result, [i for i in ranked if i in kept], picture_budget)
    shown, judged = set(strips), doubts(result)
    rows = list(spotted.rows)
    magnified = result.settings.get("magnified") or {}
    cards = [
        card(
            number, rows[number], judged[i], result.moments[i] if i in shown else None, loops.get(i, ()),
            magnified=magnified.get(str(rows[number].event.kind)),
        )
        for number, i in enumerate(order)
        if i in kept
    ]  # fmt: skip
    sent = {str(number): [_base64(picture) for picture in loops[i]] for number, i in enumerate(order) if i in loops}
    style, script = _part("timeline.css") + _part("spot.css"), _part("timeline.js") + _part("spot.js")
    synthetic = f'<p class="synthetic">{SYNTHETIC}: the video was rendered, no real person is seen.</p>'
    return _PAGE.format(
        script_digest=_digest(script),
        style_digest=_digest(style),
        video=escape.html(spotted.video),
        style=style,
        script=script,
        synthetic=synthetic if spotted.synthetic else "",
        facts=_facts(_about(result)),
        settings=_facts(_settings(result)),
        trained=_trained(result),
        limits="".join(
            f'<p class="note">To mind: {escape.html(note)}.</p>'
            for note in result.settings.get("notes", ())
            if note != _RENDERED_ONLY
        ),
        static=timeline_svg(result),
        shown=len(cards),
        notes="".join(f'<p class="note">{escape.html(note)}</p>' for note in _notes(result, kept, strips, loops)),
        cards="\n".join(cards),
        data=script_json(timeline_data(result)),
        loops=script_json(sent),
        version=escape.html(version()),
    )


def _trained(result: Result) -> str:
    """Whom the weights have seen, as far as the result knows."""
    synthetic = result.settings.get("weights_synthetic")
    if synthetic is None:
        return "The weights that come with spotlib were trained on rendered people only."
    return "Its weights were trained on rendered people only." if synthetic else "Its model card says whom it has seen."


def choose_pictures(
    result: Result, ranked: Sequence[int], budget: int
) -> tuple[list[int], dict[int, tuple[bytes, ...]]]:
    """Events (by place) whose strips fit into ``budget`` bytes, and the loops that fit into what is left of it.

    ``ranked``: places of events, the most important first. If not all loops fit, only every second or third of their
    pictures is taken, and only then whole loops are left out.
    """
    moments: dict[int, Moment] = {}
    for index in ranked:
        moment = result.moments[index] if result.moments else None
        if moment is not None:
            moments[index] = moment
    strips: list[int] = []
    left = budget
    needed = sum(_sent_size(picture) for moment in moments.values() for picture in moment.strip)
    least = budget * (1 - STRIPS) if needed > budget * STRIPS else 0
    for index, moment in moments.items():
        size = sum(map(_sent_size, moment.strip))
        if left - size < least:
            break
        left -= size
        strips.append(index)
    chosen: dict[int, tuple[bytes, ...]] = {}
    for every in (1, 2, 3):
        chosen, room = {}, left
        for index in strips:
            loop = _thinned(moments[index].loop, every)
            room -= sum(map(_sent_size, loop))
            if room < 0:
                break
            if len(loop) > 1:
                chosen[index] = loop
        if room >= 0:
            break
    return strips, chosen


def _thinned(loop: tuple[bytes, ...], every: int) -> tuple[bytes, ...]:
    """Every so many pictures, the last one included."""
    return loop[::every] if not loop or (len(loop) - 1) % every == 0 else (*loop[::every], loop[-1])


def _sent_size(picture: bytes) -> int:
    return 4 * -(-len(picture) // 3)


def _about(result: Result) -> dict[str, Any]:
    spotted = result.spotted
    lost = gaps(result.valid)
    frames = sum(last + 1 - first for first, last in lost)
    kinds = [sum(event.kind == kind for event in spotted.events) for kind in ("macro", "micro")]
    return {
        "file": spotted.source,
        "length": f"{clock_text(spotted.duration)} ({spotted.n_frames} frames at {spotted.fps:.4g} per second)",
        "found": f"{kinds[0]} macro, {kinds[1]} micro",
        "without a face": f"{frames / spotted.n_frames:.1%} of the frames, in {len(lost)} gaps" if lost else "no frame",
        "weights": spotted.weights or "not named",
    }


def _settings(result: Result) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for kind, rule in result.rules.items():
        said[f"rule for {kind}"] = ", ".join(f"{name} {value:g}" for name, value in rule.items())
    for name, value in result.settings.items():
        if name in ("rules", "notes"):  # said elsewhere on the page
            continue
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {one}" for key, one in value.items())
        elif isinstance(value, (list, tuple)):
            value = ", ".join(map(str, value))
        said[str(name)] = value
    return said


def _notes(result: Result, kept: set[int], strips: Sequence[int], loops: Mapping[int, object]) -> list[str]:
    spotted = result.spotted
    n = len(spotted.events)
    notes = []
    if not n:
        notes.append("No event was found.")
    if len(kept) < n:
        notes.append(f"Of {n} events, the {len(kept)} with the highest scores have cards; all are on the timeline.")
    with_pictures = sum(result.moments[i] is not None for i in kept) if result.moments else 0
    if kept and not result.moments:
        notes.append("Pictures were not asked for.")
    if len(strips) < with_pictures:
        notes.append(f"To keep the page small, {len(strips)} of {with_pictures} events have pictures (highest scores).")
    looped = sum(len(result.moments[i].loop) > 1 for i in strips)  # type: ignore[union-attr]
    if len(loops) < looped:
        notes.append(f"To keep the page small, {len(loops)} of {looped} have a loop (highest scores).")
    step = samples_step(spotted.n_frames)
    if step > 1:
        notes.append(f"The curves show the highest and lowest score of every {step} frames.")
    return notes


def _facts(values: Mapping[str, Any]) -> str:
    return "".join(
        f"<div><dt>{escape.html(name)}</dt><dd><bdi>{escape.html(value)}</bdi></dd></div>"
        for name, value in values.items()
    )


def _part(name: str) -> str:
    return files("spotlib.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + _base64(hashlib.sha256(text.encode()).digest())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
