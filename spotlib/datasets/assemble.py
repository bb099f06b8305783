"""A table and the folders it speaks of become a data set; what does not fit together becomes findings."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from spotlib.datasets.base import Dataset, natural
from spotlib.datasets.conventions import Conventions, to_events
from spotlib.datasets.folder import FrameFolder
from spotlib.datasets.pictures import is_synthetic
from spotlib.datasets.records import Finding, FrameMap, Origin, Record
from spotlib.datasets.tree import Found, FoundVideo
from spotlib.errors import SpotlibError

LONG_GAP = 1.0  # s without a picture; a macro-expression fits into that
MANY_MISSING = 0.3  # CAS(ME)^3 lacks a tenth of its pictures as it is handed out; this much is another matter
MOSTLY_MISSING = 0.5  # nothing can be found in such a video
UNSEEN = 0.5  # an event of which more than this share of frames has no picture is reported


def assemble(
    found: Found,
    conventions: Conventions,
    *,
    fps: float,
    frame_map: Callable[[FoundVideo], FrameMap],
    grey: bool = False,
) -> tuple[Dataset, tuple[Finding, ...]]:
    """The data set of all video folders, those without an event included: they count for false alarms.

    Events follow ``conventions``. Returned findings are those of the folders, of the table, and of both together.
    Raises SpotlibError if no event is left: such a data set is of no use, and the folders are of another one.
    """
    table = found.table
    findings = [*found.findings, *table.findings]
    records: dict[str, list[Record]] = defaultdict(list)
    for record in table.records:
        records[record.video].append(record)
    videos = []
    for one in found.videos:
        of_video = records.pop(one.video, [])
        origin = Origin(file=found.name(one.folder))
        if not of_video:
            findings.append(
                Finding(
                    severity="note",
                    what="no-annotation",
                    message="no row of the table; kept, as a video without events",
                    origin=origin,
                )
            )
        video, about = _video(one, of_video, conventions, found.dataset, fps=fps, frame_map=frame_map(one), grey=grey)
        findings += about
        findings += _about_pictures(video, origin)
        videos.append(video)
    findings += _without_folder(records)
    if any(one.video in {record.video for record in table.records} for one in found.videos):
        if not any(video.events for video in videos):
            told = conventions.describe(found.dataset)
            findings.append(
                Finding(
                    severity="changes",
                    what="no-event-left",
                    message=f"no event is left under {told}",
                    origin=Origin(file=found.name(found.root)),
                )
            )
    else:
        rows = f"{len(table.records)} rows of {table.version or found.dataset}"
        seen = ", ".join(video.name for video in videos[:2])
        raise SpotlibError(
            f"{found.root}: none of its {len(videos)} videos ({seen}) has an event in the table ({rows});"
            f" give the table of these folders with --annotations"
        )
    return Dataset(found.dataset, found.synthetic or _rendered(found, videos), tuple(videos)), tuple(findings)


def _rendered(found: Found, videos: Sequence[FrameFolder]) -> bool:
    """Whether the pictures say of themselves that they are synthetic; SpotlibError if some do and some do not."""
    marks = {is_synthetic(video.file(int(np.flatnonzero(video.present)[0]))): video for video in videos}
    if len(marks) == 2:
        twin, other = (found.name(marks[mark].folder) for mark in (True, False))
        raise SpotlibError(
            f"{found.root}: pictures of a synthetic twin ({twin}) lie among others ({other}); move one of them away"
        )
    return True in marks


def _video(
    one: FoundVideo,
    records: Sequence[Record],
    conventions: Conventions,
    dataset: str,
    *,
    fps: float,
    frame_map: FrameMap,
    grey: bool,
) -> tuple[FrameFolder, list[Finding]]:
    video = FrameFolder(
        subject=one.subject,
        name=one.video,
        folder=one.folder,
        names=one.names,
        fps=fps,
        frame_map=frame_map,
        grey=grey,
    )
    events, findings = to_events(records, conventions, dataset=dataset, frame_map=frame_map, n_frames=video.n_frames)
    last = int(one.names.numbers[-1])
    # under a sampling the last pictures may round to a frame behind the last one; that is no fault of the table
    inside = {record.origin for record in records if record.offset is not None and record.offset <= last}
    kept = [f for f in findings if not (f.what == "past-end" and f.severity == "changes" and f.origin in inside)]
    return dataclasses.replace(video, events=events), kept


def _about_pictures(video: FrameFolder, origin: Origin) -> list[Finding]:
    """Numbers without a picture, and events that fall into such a gap."""
    missing = int((~video.present).sum())
    if not missing:
        return []
    longest = max(video.held, key=len)
    most = missing > MOSTLY_MISSING * video.n_frames
    much = missing > MANY_MISSING * video.n_frames or len(longest) > LONG_GAP * video.fps
    first, last = video.frame_map.number(longest.onset), video.frame_map.number(longest.offset)
    findings = [
        Finding(
            severity="loses" if most else "changes" if much else "note",
            what="missing-pictures",
            message=f"{missing} of {video.n_frames} pictures are missing, at most {len(longest)} in a row"
            f" ({first} to {last}); the one before stands in",
            origin=origin,
        )
    ]
    return findings + unseen_events(video, ~video.present, origin)


def unseen_events(video: FrameFolder, blank: np.ndarray, origin: Origin) -> list[Finding]:
    """Events of which most frames are ``blank``, a (T,) bool array: nothing can be seen of them."""
    findings = []
    for event in video.events:
        unseen = int(blank[event.onset : event.offset + 1].sum())
        if unseen > UNSEEN * event.length:
            first, last = video.frame_map.number(event.onset), video.frame_map.number(event.offset)
            what = f"{event.kind} event {first} to {last}: {unseen} of its {event.length} pictures are missing; kept"
            findings.append(Finding(severity="changes", what="unseen-event", message=what, origin=origin))
    return findings


def _without_folder(records: dict[str, list[Record]]) -> list[Finding]:
    findings = []
    for video in sorted(records, key=natural):
        rows = records[video]
        lost = "1 event is not used" if len(rows) == 1 else f"{len(rows)} events are not used"
        findings.append(
            Finding(
                severity="loses",
                what="no-folder",
                message=f"no folder of pictures for video {video}: {lost}",
                origin=rows[0].origin,
            )
        )
    return findings
