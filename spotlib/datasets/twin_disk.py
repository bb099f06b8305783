"""What `spotlib twin` does: choose the videos, write them, say what was written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from spotlib.datasets.annotator import records
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.layout import write_layout, write_own
from spotlib.datasets.sampled import annotated
from spotlib.datasets.twin import TwinVideo, make_twin
from spotlib.datasets.twin_dataset import twin_videos
from spotlib.datasets.twin_files import DATASETS
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from spotlib.jobs import worker_count


def write_twin(
    dataset: str,
    out: Path | str,
    *,
    layout: bool = False,
    seed: int = 270,
    part: str = "A",
    annotations: Path | str | None = None,
    durations: Path | str | None = None,
    sampled_only: bool = False,
    sampling: str = "every_7th_round",
    workers: int | None = None,
    **changes: Any,
) -> str:
    """Write a twin to ``out`` and say in two lines what is there now.

    Args:
        dataset: ``samm_lv``, ``cas_me2``, ``cas_me3``, or ``demo`` (which no real data set is like).
        layout: as the real data set is handed out (`write_layout`), else as own data (`write_own`).
        annotations: a real annotation table to be played; ``durations`` is a CSV of the lengths of its videos.
        sampled_only: of SAMM-LV write only the pictures that ``sampling`` uses.
        changes: fields of `TwinSpec` (subjects, videos_per_subject, seconds, size, ...); None keeps the default.

    Raises SpotlibError, one line, for whatever does not fit together or cannot be written.
    """
    worker_count(workers)
    if dataset == "demo" and (layout or annotations or part != "A"):
        raise SpotlibError("demo: is no twin of a real data set; leave out --layout, --annotations and --part")
    if durations and not annotations:
        raise SpotlibError(f"{durations}: lengths are used with an annotation table only; give --annotations too")
    if sampled_only and not layout:
        raise SpotlibError("--sampled-only: without --layout only the pictures used are written anyway; leave it out")
    out = Path(out)
    if dataset == "demo":
        shown = make_twin("demo", seed=seed, **changes)
        recordings = tuple(video for video in shown.videos if isinstance(video, TwinVideo))
    else:
        recordings = _recordings(dataset, seed, part, annotations, durations, changes)
        shown = annotated(recordings, dataset, Conventions(sampling=sampling), part=part)
    if layout:
        written = write_layout(
            recordings,
            dataset,
            out,
            part=part,
            sampled_only=sampling if sampled_only else None,
            played=Path(annotations).name if annotations else "",
            workers=workers,
        )
        kinds = Counter(record.kind for video in recordings for record in records(video, dataset, part))
        use = f"spotlib doctor {dataset} {out}, spotlib run {dataset} --root {out}"
        use = use if part == "A" else f"spotlib doctor {dataset} {out} --part C, {use.split(', ')[1]} -p part=C"
    else:
        written = write_own(shown, recordings, out, workers=workers)
        kinds = Counter(e.kind for video in shown.videos for e in getattr(video, "true_events", video.events))
        use = f"spotlib run own --root {out}"
    people = f"{len({video.person for video in recordings})} people"
    events = f"{kinds[Kind.MACRO]} MaE, {kinds[Kind.MICRO]} ME"
    return f"{out}: SYNTHETIC twin of {dataset}, {people}, {written}, {events}\nto use it: {use}"


def _recordings(
    dataset: str,
    seed: int,
    part: str,
    annotations: Path | str | None,
    durations: Path | str | None,
    changes: dict[str, Any],
) -> tuple[TwinVideo, ...]:
    if annotations is None or dataset not in DATASETS:  # an unknown name is told there
        return twin_videos(dataset, seed=seed, part=part, **changes)
    from spotlib.datasets.annotations import read_annotations
    from spotlib.datasets.reenact import read_durations, reenact

    unused = [name for name in ("videos_per_subject", "seconds") if changes.get(name) is not None]
    if unused:
        raise SpotlibError(f"{annotations}: the table says which videos there are and how long; leave out {unused[0]}")
    table = read_annotations(dataset, annotations, part=part)
    lengths = read_durations(durations) if durations else None
    return reenact(table, seed=seed, part=part, durations=lengths, **changes)
