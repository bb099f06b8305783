"""Tables and a plot of measurements of `spotlib.bench.real_faces`, and their place in a page written by hand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spotlib.bench.inject import REPERTOIRE
from spotlib.bench.real_faces_counts import alarms, hits, least_score, pooled, pooled_alarms, recall
from spotlib.intervals import Kind

if TYPE_CHECKING:
    from spotlib.figures import Figure

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
#: false micro alarms per minute that are bearable
BEARABLE = 2.0
#: the size that has to be found
TARGET = 0.015
#: least scores of the table
SCORES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


def default_score(measured: Mapping[str, Any], kind: Kind) -> float:
    """The least score of the weights."""
    return float(measured["rules"][str(kind)]["min_score"])


def groups(measured: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Clips by what they were used for: untouched, looked at, rendered; only those that there are."""
    found: dict[str, list[dict[str, Any]]] = {"untouched": [], "looked at": [], "rendered": []}
    for clip in measured["clips"].values():
        found[_used(clip)].append(clip)
    return {name: clips for name, clips in found.items() if clips}


def page(measured: Mapping[str, Any], *, plot_name: str | None = None) -> str:
    """The tables in Markdown; ``plot_name``: the file of the plot, beside the page."""
    micro, macro = (default_score(measured, kind) for kind in (Kind.MICRO, Kind.MACRO))
    lines = [
        BEGIN,
        "",
        f"Weights: {measured['weights']}. Default least scores: micro {micro:.3g}, macro {macro:.3g}.",
        "",
        *_clips(measured),
        "",
        *_curve(measured),
        "",
        *_recall(measured),
        "",
        *_units(measured),
    ]
    if plot_name:
        lines += ["", f"![{plot(measured).alt}]({plot_name})"]
    return "\n".join([*lines, "", END, ""])


def placed(text: str, tables: str) -> str:
    """``text`` with the tables in place of those it has, or behind it."""
    if BEGIN not in text or END not in text:
        return f"{text.rstrip()}\n\n{tables}" if text.strip() else tables
    before, rest = text.split(BEGIN, 1)
    return before + tables.rstrip("\n") + rest.split(END, 1)[1]


def _clips(measured: Mapping[str, Any]) -> list[str]:
    lines = [
        "False alarms per minute with the weights' own rules; *as it is*, and *played* to and fro for a minute.",
        "",
        "| clip | used for | s | face px | IOD px | jitter % IOD | micro as it is | played | macro as it is | played |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, clip in measured["clips"].items():
        values = [
            f"{alarms(clip, kind, default_score(measured, kind), where=where):.1f}"
            for kind in (Kind.MICRO, Kind.MACRO)
            for where in ("as_is", "to_and_fro")
        ]
        told = [name, _used(clip), f"{clip['seconds']:.1f}", f"{clip['face_px']:.0f}", f"{clip['iod_px']:.0f}"]
        told.append(f"{clip['jitter']['8']:.2f}")
        lines.append(f"| {' | '.join([*told, *values])} |")
    return [*lines, "", "Jitter: median motion of a node within 8 frames, head motion removed."]


def _curve(measured: Mapping[str, Any]) -> list[str]:
    macro = default_score(measured, Kind.MACRO)
    lines = [
        "Over the least score (`--min-score`; macro never below its default,"
        f" {macro:.3g}), of the clips played to and fro. *Recall*: found as micro-expressions with IoU >= 0.5."
        " *Apex in any*: a micro- or macro-expression holds the movement's apex; *by chance*: the same of movements of"
        " size 0.",
        "",
    ]
    for name, clips in groups(measured).items():
        lines += [
            f"### {len(clips)} clip{'s' * (len(clips) > 1)}, {name}",
            "",
            f"| least score | micro alarms/min | macro alarms/min | recall at {TARGET:.1%} IOD | apex in a micro |"
            " apex in any | the same by chance |",
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        own = default_score(measured, Kind.MICRO)
        for score in sorted({own, *SCORES}):
            counts = {how: pooled(recall(clip, score, how=how) for clip in clips) for how in ("iou", "apex", "either")}
            values = [f"{pooled_alarms(clips, Kind.MICRO, score):.1f}"]
            values.append(f"{pooled_alarms(clips, Kind.MACRO, max(score, macro)):.1f}")
            values += [_share(counts[how].get(TARGET)) for how in ("iou", "apex", "either")]
            values.append(_share(counts["either"].get(0.0)))
            shown = f"**{score:.3g}** (default)" if score == own else f"{score:g}"
            lines.append(f"| {shown} | {' | '.join(values)} |")
        lines.append("")
    return lines[:-1]


def _recall(measured: Mapping[str, Any]) -> list[str]:
    sizes = [size for size in measured["sizes"] if size]
    lines = [
        f"Recall (IoU >= 0.5) by size in % of the IOD, at the lowest least score with at most {BEARABLE:g} false micro"
        " alarms a minute in the clip without movements, and no lower than the default:",
        "",
        f"| clip | least score | alarms/min | {' | '.join(f'{100 * size:g} %' for size in sizes)} | chance |",
        f"| --- | ---: | ---: |{' ---: |' * (len(sizes) + 1)}",
    ]
    for group, clips in groups(measured).items():
        scores = [least_score(c, Kind.MICRO, BEARABLE, floor=default_score(measured, Kind.MICRO)) for c in clips]
        counts = [recall(clip, score) for clip, score in zip(clips, scores, strict=True)]
        names = [name for name, clip in measured["clips"].items() if any(clip is one for one in clips)]
        for name, clip, score, count in zip(names, clips, scores, counts, strict=True):
            rate = f"{alarms(clip, Kind.MICRO, score):.1f}"
            lines.append(f"| {name} | {score:.3g} | {rate} | {_shares(count, [*sizes, 0.0])} |")
        lines.append(f"| **all {group}** | | | {_shares(pooled(counts), [*sizes, 0.0])} |")
    return lines


def _units(measured: Mapping[str, Any]) -> list[str]:
    """By action units, of movements of the target's size and more."""
    lines = [
        f"By action units, movements of {TARGET:.1%} IOD and more, least scores as above: found as micro-expressions"
        " (apex in any event):",
        "",
        "| clips | " + " | ".join(f"AU {'+'.join(aus)}" for aus in REPERTOIRE) + " | both sides | one side |",
        f"| --- |{' ---: |' * (len(REPERTOIRE) + 2)}",
    ]
    for name, clips in groups(measured).items():
        rows: list[tuple[str, str, bool, bool]] = []
        for clip in clips:
            least = least_score(clip, Kind.MICRO, BEARABLE, floor=default_score(measured, Kind.MICRO))
            found = zip(clip["movements"], hits(clip, least), hits(clip, least, how="either"), strict=True)
            rows += [(row[4], row[5], bool(a), bool(b)) for row, a, b in found if row[3] >= TARGET]
        told = [[row[2:] for row in rows if row[0] == "+".join(aus)] for aus in REPERTOIRE]
        told += [[row[2:] for row in rows if (row[1] == "both") is both] for both in (True, False)]
        shares = [(_share((sum(a for a, _ in t), len(t))), _share((sum(b for _, b in t), len(t)))) for t in told]
        lines.append(f"| {name} | {' | '.join(f'{a} ({b})' for a, b in shares)} |")
    return lines


def _share(count: tuple[int, int] | None) -> str:
    return "" if not count or not count[1] else f"{count[0] / count[1]:.2f}"


def _shares(counts: Mapping[float, tuple[int, int]], sizes: Sequence[float]) -> str:
    return " | ".join(_share(counts.get(size)) for size in sizes)


def plot(measured: Mapping[str, Any], *, name: str = "real_faces") -> Figure:
    """Recall over size at bearable false alarms, and recall over false alarms at the target size; a line a clip."""
    from spotlib.figures.canvas import GREY, SYSTEM_STYLES, Figure, new_figure, styled

    @styled
    def draw() -> Figure:
        canvas = new_figure(11, 4.6)
        left, right = canvas.subplots(1, 2)
        own, said = default_score(measured, Kind.MICRO), []
        styles = itertools.cycle(SYSTEM_STYLES)
        for (clip_name, clip), (colour, marker, line) in zip(measured["clips"].items(), styles, strict=False):
            style = {"color": colour, "marker": marker, "linestyle": line}
            counts = recall(clip, least_score(clip, Kind.MICRO, BEARABLE, floor=own))
            shares = {100 * size: found / given for size, (found, given) in counts.items()}
            left.plot(list(shares), list(shares.values()), label=f"{clip_name} ({_used(clip)})", **style)
            scores = sorted({own, *SCORES})  # a line from one to the next
            at_target = [recall(clip, score)[TARGET] for score in scores]
            rates = [alarms(clip, Kind.MICRO, score) for score in scores]
            right.plot(rates, [found / given for found, given in at_target], **style)
            said.append(f"{clip_name} {shares[100 * TARGET]:.2f}")
        for axes in (left, right):
            axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
            axes.set_ylim(-0.02, 1.02)
            axes.set_ylabel("recall of injected micro-expressions")
        left.axvline(100 * TARGET, color=GREY, linewidth=0.8, linestyle=":")
        left.set_xlabel("displacement at the apex, % of the inter-ocular distance")
        left.set_title(f"at most {BEARABLE:g} false micro alarms a minute in each clip")
        left.legend(loc="upper right")
        right.axvline(BEARABLE, color=GREY, linewidth=0.8, linestyle=":")
        right.set_xlabel("false micro alarms per minute")
        right.set_title(f"movements of {100 * TARGET:g} % IOD, over the least score")
        alt = "Recall of injected micro-expressions by size, and by false alarms; at"
        return Figure(name, canvas, f"{alt} {100 * TARGET:g} % of the inter-ocular distance: {', '.join(said)}")

    return draw()


def _used(clip: Mapping[str, Any]) -> str:
    return "rendered" if clip["synthetic"] else "untouched" if clip["untouched"] else "looked at"
