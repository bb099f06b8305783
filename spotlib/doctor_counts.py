"""What the doctor counts: sizes beside the published ones, and events under every ground-truth convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spotlib.datasets.base import Dataset
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.folder import FrameFolder
from spotlib.datasets.published import alternatives, counts, published, reports
from spotlib.datasets.records import Annotations
from spotlib.intervals import Kind


@dataclass(frozen=True, kw_only=True)
class Size:
    """One number of a data set: what is counted, how many are here, how many were published (None: not told)."""

    of: str  # "table", "pictures" or "used"
    what: str
    here: int
    published: int | None = None
    about: str = ""

    @property
    def differs(self) -> bool:
        """True if another number was published."""
        return self.published is not None and self.published != self.here


@dataclass(frozen=True, kw_only=True)
class Truth:
    """How many events a convention makes of the table, and who reported how many under it."""

    convention: str
    macro: int
    micro: int
    unreachable: int = 0  # of them, events that nothing can hit
    reported: tuple[str, ...] = ()


def _published_part(dataset: str, part: str) -> str:
    return part if dataset == "cas_me3" else ""


def table_sizes(table: Annotations, dataset: str, part: str) -> tuple[Size, ...]:
    """Counts of a table beside the published ones, and how often a number is missing in it."""
    known, here = published(dataset, part=_published_part(dataset, part)), counts(table)
    sizes = [
        Size(of="table", what="subjects", here=here.subjects, published=known.subjects),
        Size(of="table", what="videos with events", here=here.videos, published=known.videos_with_events),
        Size(of="table", what="MaE", here=here.macro, published=known.macro),
        Size(of="table", what="ME", here=here.micro, published=known.micro),
    ]
    unknown = {
        "without onset": here.unknown_onset,
        "without apex": here.unknown_apex,
        "without offset": here.missing_offset,
    }
    sizes += [Size(of="table", what=what, here=number) for what, number in unknown.items() if number]
    if table.blinks:
        sizes.append(Size(of="table", what="eye blinks", here=len(table.blinks), about="not used"))
    return tuple(sizes)


def picture_sizes(videos: Sequence[FrameFolder], dataset: str, part: str, conventions: Conventions) -> tuple[Size, ...]:
    """Counts of the folders beside the published ones."""
    known = published(dataset, part=_published_part(dataset, part))
    # where the number of folders was not published, that of people counts only those with events
    people = known.subjects if known.videos is not None else None
    rates = " and ".join(f"{rate:g}" for rate in sorted({round(video.fps, 2) for video in videos}))
    about = f"{rates} per second" + (f", {conventions.sampling}" if dataset == "samm_lv" else "")
    n_frames = sum(video.n_frames for video in videos)
    missing = n_frames - sum(int(video.present.sum()) for video in videos)
    sizes = [
        Size(of="pictures", what="subjects", here=len({v.subject for v in videos}), published=people),
        Size(of="pictures", what="videos", here=len(videos), published=known.videos),
        Size(of="pictures", what="files", here=sum(len(v.names) for v in videos), published=known.frames),
        Size(of="pictures", what="frames", here=n_frames, about=about),
    ]
    if missing:
        share = f"{missing / n_frames:.1%}, the one before stands in"
        sizes.append(Size(of="pictures", what="frames without file", here=missing, about=share))
    return tuple(sizes)


def used_sizes(loaded: Dataset, table: Annotations, conventions: Conventions) -> tuple[Size, ...]:
    """Events that table and pictures together give, beside those that the table alone would."""
    events = [event for video in loaded.videos for event in video.events]
    whole = counts(table, conventions)
    sizes = []
    for what, kind, all_of_it in (("MaE", Kind.MACRO, whole.macro), ("ME", Kind.MICRO, whole.micro)):
        here = sum(event.kind is kind for event in events)
        sizes.append(Size(of="used", what=what, here=here, about=f"of {all_of_it}" if here != all_of_it else ""))
    return tuple(sizes)


def truths(table: Annotations, conventions: Conventions, dataset: str, part: str) -> tuple[Truth, ...]:
    """Counts of the whole table under each convention, the chosen one first."""
    known = reports(dataset, part=_published_part(dataset, part))[1:]
    rows = []
    for choice in dict.fromkeys((conventions, *alternatives(dataset))):
        here, name = counts(table, choice), choice.describe(dataset)
        same = [report for report in known if report.convention and report.convention.startswith(name)]
        same += [report for report in known if report.convention and report.convention in name and report not in same]
        rows.append(
            Truth(
                convention=name,
                macro=here.macro,
                micro=here.micro,
                unreachable=here.unreachable,
                reported=tuple(f"{report.macro}/{report.micro} {report.source}" for report in same),
            )
        )
    return tuple(rows)
