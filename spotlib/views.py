"""What the notebooks show of a Run: one function per cell, each returns something that shows itself.

Tables and figures are saved under ``results/<data set>/tables`` and ``figures`` as they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from spotlib import figures, paper, report, tables
from spotlib.datasets.base import Video, events_table
from spotlib.error_cases import NODE_LANDMARKS, error_cases, motion_since
from spotlib.intervals import KINDS, Event
from spotlib.metrics import SpottingMetric
from spotlib.outcomes import FALSE_ALARM, MISSED, outcomes
from spotlib.rows import KIND_NAMES, dataset_name, done, events_of, label, twin_name
from spotlib.runner import Run
from spotlib.store import write_text
from spotlib.variants import get_variant


def _caption(run: Run, text: str) -> str:
    rows = [{"dataset": run.dataset.name, "synthetic": run.synthetic}]
    return tables.synthetic_prefix(rows) + text


def _mark(run: Run) -> str:
    """What figures of a twin are marked with; empty for real data."""
    return twin_name([{"dataset": run.dataset.name, "synthetic": run.synthetic}])


def _table(run: Run, table: tables.Table) -> tables.Table:
    table.save(run.folder / "tables")
    return table


def _figure(run: Run, figure: figures.Figure) -> figures.Figure:
    figure.save(run.folder / "figures")
    return figure


# -- the data --


def videos_table(run: Run) -> tables.Table:
    """Videos, minutes and events by subject, with a total."""
    events = events_table(run.dataset)
    rows = []
    for subject in run.dataset.subjects:
        own = run.dataset.of([subject])
        of = events[events["subject"] == subject]
        minutes = sum(v.n_frames / v.fps for v in own) / 60
        rows.append([subject, len(own), round(minutes, 2), *(int((of["kind"] == k).sum()) for k in KINDS)])
    frame = pd.DataFrame(rows, columns=["subject", "videos", "minutes", "MaE", "ME"])
    total = ["total", *(frame[c].sum() for c in frame.columns[1:])]
    frame.loc[len(frame)] = total
    name = dataset_name({"dataset": run.dataset.name, "synthetic": run.synthetic})
    said = f" Ground truth: {run.convention}." if run.convention else ""
    return _table(
        run, tables.Table("videos", _caption(run, f"Videos and annotated events of the {name}.{said}"), frame)
    )


def durations_figure(run: Run) -> figures.Figure:
    """Distribution of event lengths by kind."""
    return _figure(run, figures.durations(events_table(run.dataset), synthetic=_mark(run)))


def _example(run: Run, kind: str) -> tuple[Video, Event] | None:
    """The event of ``kind`` whose nodes move most, in the first videos; on real data the first with an apex."""
    best: tuple[float, Video, Event] | None = None
    for video in run.dataset.videos[:12]:
        seen = getattr(video, "event_visibility", None)
        for i, event in enumerate(video.events):
            if event.kind == kind and event.apex is not None:
                size = seen[i].node_share if seen is not None else 0.0
                if best is None or size > best[0]:
                    best = size, video, event
    return None if best is None else best[1:]


def event_strip(run: Run, kind: str) -> Any:
    """Onset, apex and offset of one example, with nodes and their motion since the onset."""
    example = _example(run, kind)
    if example is None:
        return report.note(f"No {KIND_NAMES[kind]} with an apex in the first videos.")
    video, event = example
    index = run.dataset.videos.index(video)
    motion = run.motion(index)
    apex = event.apex if event.apex is not None else (event.onset + event.offset) // 2
    frames = [event.onset, apex, event.offset]
    nodes = motion.landmarks[:, NODE_LANDMARKS]
    flow = [motion_since(motion, event.onset, frame) for frame in frames]
    figure = figures.face_strip(
        [video.frame(f) for f in frames],
        np.stack([nodes[f] for f in frames]),
        np.stack(flow),
        event,
        fps=video.fps,
        title=video.name,
        name=f"strip_{kind}",
        synthetic=_mark(run),
    )
    return _figure(run, figure)


def tracking_table(run: Run) -> tables.Table:
    """Frames, gaps and tracking quality of every video."""
    rows = []
    for index, video in enumerate(run.dataset.videos):
        motion = run.motion(index)
        gaps = ", ".join(f"{g.onset}-{g.offset}" for g in motion.gaps) or "none"
        kept = float(motion.quality[motion.valid][:, 1:].mean()) if motion.valid.any() else 0.0
        held = sum(len(run) for run in getattr(video, "held", ()))
        rows.append([video.name, motion.n_frames, held, round(float(motion.valid.mean()), 4), gaps, round(kept, 3)])
    columns = ["video", "frames", "without picture", "with face", "gaps (frames)", "track quality"]
    frame = pd.DataFrame(rows, columns=columns)
    text = (
        "Tracked frames by video. Without picture: the one before stood in. Track quality 1: no point was lost between"
        " any two frames."
    )
    return _table(run, tables.Table("tracking", _caption(run, text), frame))


def window_figure(run: Run, kind: str) -> Any:
    """The SW-MRO window at the apex of one example."""
    from spotlib.runner import load_clips

    example = _example(run, kind)
    if example is None:
        return report.note(f"No {KIND_NAMES[kind]} with an apex in the first videos.")
    video, event = example
    clip = next(c for c in load_clips(run, [video.subject], run.params) if c.name == video.name)
    apex = event.apex if event.apex is not None else (event.onset + event.offset) // 2
    title = f"{video.name}, window of frame {apex} ({KIND_NAMES[kind]})"
    return _figure(
        run, figures.window_heatmap(clip.windows[apex], title=title, name=f"window_{kind}", synthetic=_mark(run))
    )


def motion_error_table(run: Run, *, videos: int = 8) -> Any:
    """Measured against exact node motion, by gap; only a twin that is rendered here knows the truth."""
    if not hasattr(run.dataset.videos[0], "landmarks"):
        return report.note("The exact motion is known only for twins that are rendered here, not read from files.")
    rows = []
    errors: dict[int, list[np.ndarray]] = {gap: [] for gap in (1, 2, 4, 8, 16) if gap <= run.params.max_gap}
    sizes: dict[int, list[np.ndarray]] = {gap: [] for gap in errors}
    step = max(1, len(run.dataset.videos) // videos)
    for index in range(0, len(run.dataset.videos), step):
        video, motion = run.dataset.videos[index], run.motion(index)
        truth = np.stack([video.landmarks(i)[NODE_LANDMARKS] for i in range(0, video.n_frames)])  # type: ignore[attr-defined]
        scale = (motion.crop.size / (motion.box[:, 2] - motion.box[:, 0]))[:, None, None]
        for gap in errors:
            exact = (truth[gap:] - truth[:-gap]) * scale[:-gap]
            measured = motion.flow[:-gap, gap, : len(NODE_LANDMARKS)]
            whole = motion.valid[:-gap] & motion.valid[gap:]
            errors[gap].append(np.linalg.norm(measured - exact, axis=-1)[whole].ravel())
            sizes[gap].append(np.linalg.norm(exact, axis=-1)[whole].ravel())
    for gap, parts in errors.items():
        error, size = np.concatenate(parts), np.concatenate(sizes[gap])
        rows.append(
            [
                gap,
                *(round(float(v), 3) for v in (np.sqrt((size**2).mean()), np.median(error), np.percentile(error, 95))),
            ]
        )
    columns = ["gap (frames)", "true motion, rms (px)", "median error (px)", "95 % below (px)"]
    text = "Measured against exact motion of the ten nodes, head motion included, in px of the aligned crop."
    return _table(run, tables.Table("motion_error", _caption(run, text), pd.DataFrame(rows, columns=columns)))


# -- training and results --


def folds_table(run: Run) -> tables.Table:
    """Who is trained on, chosen on and tested in each fold."""
    rows = [[f.index, *(" ".join(group) for group in (f.train, f.inner, f.test))] for f in run.folds]
    frame = pd.DataFrame(rows, columns=["fold", "training", "inner (choices)", "test"])
    return _table(run, tables.Table("splits", _caption(run, "Subjects of each fold."), frame))


def learning_curves(run: Run, variant: str) -> figures.Figure:
    """Loss and inner F1 by epoch, every fold."""
    return _figure(run, figures.learning_curves(run.rows(variant)))


def comparison_table(run: Run, *variants: str) -> tables.Table:
    """F1 of each system with 95 % intervals over subjects."""
    return _table(run, tables.comparison(run.rows(*variants), draws=run.params.bootstrap))


def detail_table(run: Run, variant: str) -> tables.Table:
    """Counts, precision, recall, IoU and apex error by kind."""
    return _table(run, tables.detail(run.rows(variant)))


def fold_results_table(run: Run, variant: str) -> tables.Table:
    """Result and choices of each fold."""
    return _table(run, tables.folds(run.rows(variant)))


def protocols_table(run: Run, *variants: str) -> tables.Table:
    """Author against clean protocol (T10)."""
    return _table(run, tables.protocols(run.rows(*variants), draws=run.params.bootstrap))


def variants_table(variants: Iterable[str]) -> tables.Table:
    """What each variant changes, and why."""
    rows = []
    for name in variants:
        variant = get_variant(name)
        changes = ", ".join(f"{k} = {v}" for k, v in variant.changes.items())
        rows.append([variant.label, changes, variant.reason])
    frame = pd.DataFrame(rows, columns=["variant", "changed parameters", "question"])
    return tables.Table("variants", "Variants.", frame)


def ablation_table(run: Run, variants: Sequence[str]) -> tables.Table:
    """Each variant against SpotFormer, paired over subjects."""
    return _table(run, tables.ablation(run.rows("spotformer", *variants), draws=run.params.bootstrap))


def paper_tables(run: Run, rows: Sequence[dict[str, Any]], names: str) -> Any:
    """The tables T1 to T13 that rows make, one below the other; for each that cannot be made, why."""
    made, problems = paper.tables(run, rows, names)
    return report.together([*made, *(report.note(f"{name}: {why}") for name, why in problems.items())])


def forest_figure(run: Run, *variants: str) -> figures.Figure:
    """F1 with intervals of several systems."""
    return _figure(run, figures.intervals_forest(run.rows(*variants), draws=run.params.bootstrap))


def timelines(run: Run, variant: str, *, count: int = 3) -> Any:
    """Scores, truth and spotted intervals of test videos, from the best to the worst by F1."""
    ranked = []
    for row in done(run.rows(variant)):
        for video in row["videos"]:
            metric = SpottingMetric(iou=run.params.iou)
            metric.add(video["video"], events_of(video, "truth"), events_of(video, "clean"))
            ranked.append((-metric.f1(), video["video"], row))
    ranked.sort(key=lambda item: item[:2])
    picked = [ranked[round(i)] for i in np.linspace(0, len(ranked) - 1, count)] if ranked else []
    shown = [
        _figure(run, figures.timeline(row, name, run.scores(variant, row["fold"]), name=f"timeline-{variant}-{i}"))
        for i, (_, name, row) in enumerate(picked, 1)
    ]
    return report.together(shown)


def confusion_figure(run: Run, variant: str) -> figures.Figure:
    """Macro, micro and none: truth against prediction."""
    return _figure(run, figures.confusion(run.rows(variant)))


def precision_recall_figure(run: Run, *variants: str) -> figures.Figure:
    """Precision and recall as the score threshold moves, per kind."""
    return _figure(run, figures.precision_recall(run.rows(*variants)))


def f1_over_iou_figure(run: Run, *variants: str) -> figures.Figure:
    """F1 as the IoU that a hit needs goes from .3 to .7."""
    return _figure(run, figures.f1_over_iou(run.rows(*variants)))


# -- what goes wrong --


def error_gallery(run: Run, variant: str, *, per_kind: int = 2) -> Any:
    """The best scored false alarms and the largest missed events, with faces, scores and what else happened.

    Of each kind ``per_kind``; three frames of each are rendered or read.
    """
    rows = done(run.rows(variant))
    if not rows:
        return report.note(f"{variant}: no finished fold, so no errors to show.")
    shown: list[Any] = []
    for outcome, what, title in (
        (FALSE_ALARM, "False alarms", "False alarms of {}, the best scored"),
        (MISSED, "Missed", "Missed by {}, the largest"),
    ):
        cases = error_cases(run, variant, outcome, per_kind=per_kind)
        if not cases:
            shown.append(report.note(f"{what}: none."))
            continue
        name = f"errors-{outcome.replace(' ', '-')}-{figures.file_name(variant)}"
        figure = figures.error_gallery(cases, title=title.format(label(rows)), name=name, synthetic=_mark(run))
        shown.append(_figure(run, figure))
    return report.together(shown)


def errors_table(run: Run, *variants: str) -> tables.Table:
    """False alarms and misses by what else happened there; the tidy list behind it is saved as ``outcomes.csv``."""
    rows = run.rows(*variants)
    found = outcomes(rows, run.dataset).assign(dataset=run.dataset.name, synthetic=run.synthetic)
    write_text(run.folder / "tables" / "outcomes.csv", found.to_csv(index=False, lineterminator="\n"))
    return _table(run, tables.errors_by_cause(rows, run.dataset, draws=run.params.bootstrap))


def recall_by_size_table(run: Run, *variants: str) -> tables.Table:
    """Recall by size and by length of expressions, systems side by side."""
    return _table(run, tables.recall_by_size(run.rows(*variants), run.dataset, draws=run.params.bootstrap))


def recall_over_size_figure(run: Run, *variants: str) -> figures.Figure:
    """Recall over the size of expressions; over their length on real data, where nobody knows the size."""
    by: Literal["size", "length"] = "size" if hasattr(run.dataset.videos[0], "event_visibility") else "length"
    rows = run.rows(*variants)
    return _figure(run, figures.recall_over_size(rows, run.dataset, by=by, draws=run.params.bootstrap))


def summary(run: Run, *variants: str) -> Any:
    """What the report says first, in sentences made from the rows."""
    return report.summary(run.rows(*variants), draws=run.params.bootstrap)


def provenance(run: Run) -> Any:
    """Parameters, versions, commit, digests, seed, device, duration."""
    return report.provenance_table(run.provenance())
