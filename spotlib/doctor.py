"""Is a data set complete, and is it the one that papers speak of? Reads tables and folders, computes nothing.

`examine` counts what is there beside what was published, under every ground-truth convention (METHOD section 7), and
gathers everything that does not fit. `spotlib.doctor_text` shows it.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from spotlib.datasets.annotations import DATASETS, read_annotations
from spotlib.datasets.conventions import Conventions, table_map, to_events
from spotlib.datasets.folder import FrameFolder
from spotlib.datasets.picture_check import check_pictures
from spotlib.datasets.records import Annotations, Finding, Origin, Record
from spotlib.datasets.tree import Found
from spotlib.doctor_counts import Size, Truth, picture_sizes, table_sizes, truths, used_sizes
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from spotlib.progress import progress

OWN = "own"
NAMES = (*DATASETS, OWN)


@dataclass(frozen=True, kw_only=True)
class Examination:
    """All that was found about a data set; `status` is the exit status of ``spotlib doctor``."""

    dataset: str
    title: str
    synthetic: bool = False
    root: str = ""
    tables: tuple[str, ...] = ()
    version: str = ""
    sizes: tuple[Size, ...] = ()
    truths: tuple[Truth, ...] = ()
    checked: str = ""  # how pictures were looked at: "", "ends" or "decoded"
    findings: tuple[Finding, ...] = field(default=(), repr=False)

    @property
    def status(self) -> int:
        """0: usable as it is; 2: something loses events or a range of frames."""
        return 2 if any(finding.severity == "loses" for finding in self.findings) else 0

    def to_json(self) -> dict[str, Any]:
        """Plain values, every finding with its place."""
        values = dataclasses.asdict(self)
        values["status"] = self.status
        for size, plain in zip(self.sizes, values["sizes"], strict=True):
            plain["differs"] = size.differs
        return values


def examine(
    dataset: str,
    root: Path | str | None = None,
    *,
    annotations: Path | str | Sequence[Path | str] | None = None,
    part: str = "A",
    conventions: Conventions | None = None,
    decode: bool = False,
) -> Examination:
    """Examine a data set: its folders and the table found there, or, without ``root``, a table alone.

    Args:
        dataset: ``samm_lv``, ``cas_me2``, ``cas_me3`` or ``own``.
        root: where the data set was unpacked.
        annotations: a table (or its parts) instead of the one found below the root.
        part: of ``cas_me3``.
        conventions: those of the findings and of what counts as used; the default ones if None.
        decode: decode every picture that is used, instead of a look at both ends of its file.

    Raises:
        SpotlibError: one line, if there is nothing to examine or it cannot be read.
    """
    if dataset not in NAMES:
        near = difflib.get_close_matches(dataset, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(NAMES)}"
        raise SpotlibError(f"no data set {dataset!r} to examine; {hint}")
    if part != "A" and dataset != "cas_me3":
        raise SpotlibError(f"{dataset} has no part {part!r}; only cas_me3 has parts")
    if root is None and annotations is None:
        raise SpotlibError(f"nothing to examine: give the folder of {dataset}, or its table with --annotations")
    conventions = conventions or Conventions()
    if dataset == OWN:
        return _own(root, annotations, conventions)
    title = DATASETS[dataset] + (f" part {part}" if dataset == "cas_me3" else "")
    if root is None:
        given = annotations if isinstance(annotations, str | Path) else list(annotations or ())
        table = read_annotations(dataset, given, part=part)
        paths = [Path(given)] if isinstance(given, str | Path) else [Path(one) for one in given]
        return Examination(
            dataset=dataset,
            title=title,
            tables=tuple(path.name for path in paths),
            version=_version(table, part),
            sizes=table_sizes(table, dataset, part),
            truths=truths(table, conventions, dataset, part),
            findings=(*table.findings, *_convention_findings(table, conventions)),
        )
    module = _loader(dataset)
    found: Found = module.find(root, annotations=annotations, **({"part": part} if dataset == "cas_me3" else {}))
    loaded, findings = module.dataset_of(found, conventions)
    videos = [video for video in loaded.videos if isinstance(video, FrameFolder)]
    about_pictures = check_pictures(
        videos,
        decode=decode,
        where=lambda video: Origin(file=found.name(video.folder)),
        watch=functools.partial(progress, desc="pictures", total=len(videos), unit="videos"),
    )
    return Examination(
        dataset=dataset,
        title=title,
        synthetic=loaded.synthetic,
        root=str(root),
        tables=tuple(found.name(path) for path in found.table_paths),
        version=_version(found.table, part),
        sizes=(
            *table_sizes(found.table, dataset, part),
            *picture_sizes(videos, dataset, part, conventions),
            *used_sizes(loaded, found.table, conventions),
        ),
        truths=truths(found.table, conventions, dataset, part),
        checked="decoded" if decode else "ends",
        findings=(*findings, *about_pictures),
    )


def _loader(dataset: str) -> ModuleType:
    import importlib

    return importlib.import_module(f"spotlib.datasets.{dataset}")


def _version(table: Annotations, part: str) -> str:
    return table.version.removeprefix(part).strip() if table.dataset == "cas_me3" else table.version


def _convention_findings(table: Annotations, conventions: Conventions) -> list[Finding]:
    """What becomes of the records of a table without pictures."""
    by_video: dict[str, list[Record]] = defaultdict(list)
    for record in table.records:
        by_video[record.video].append(record)
    frame_map = table_map(table.dataset, conventions)
    findings: list[Finding] = []
    for records in by_video.values():
        findings += to_events(records, conventions, dataset=table.dataset, frame_map=frame_map, n_frames=None)[1]
    return findings


def _own(
    root: Path | str | None, annotations: Path | str | Sequence[Path | str] | None, conventions: Conventions
) -> Examination:
    """The user's own videos: no published counts, no conventions."""
    from spotlib.datasets import own

    if root is None:
        raise SpotlibError(f"own: give the folder with {own.TABLE} and {own.VIDEOS}; its table alone tells nothing")
    if annotations is not None and not isinstance(annotations, str | Path):
        raise SpotlibError("own: one table at most; give --annotations once")
    loaded, findings = own.load(root, conventions, annotations=annotations)
    events = [event for video in loaded.videos for event in video.events]
    return Examination(
        dataset=OWN,
        title="own videos",
        synthetic=loaded.synthetic,
        root=str(root),
        tables=(Path(annotations).name if annotations else own.TABLE,),
        sizes=(
            Size(of="pictures", what="subjects", here=len(loaded.subjects)),
            Size(of="pictures", what="videos", here=len(loaded)),
            Size(of="pictures", what="frames", here=sum(video.n_frames for video in loaded.videos)),
            Size(of="used", what="MaE", here=sum(event.kind is Kind.MACRO for event in events)),
            Size(of="used", what="ME", here=sum(event.kind is Kind.MICRO for event in events)),
        ),
        findings=findings,
    )
