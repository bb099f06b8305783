"""A twin on disk in the layout of the real data set: folders, picture names, spreadsheet, and all that is odd there.

What the real loader reads from it equals what `twin_dataset.load_twin` gives: events under every convention, and every
frame. So loaders, doctor and pipeline can be proven by anybody who does not have the data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from spotlib.datasets.base import Dataset
from spotlib.datasets.layout_tables import table_path, write_table
from spotlib.datasets.nearby import MARKER
from spotlib.datasets.records import SAMPLINGS
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.twin_files import FilePlan, check_size, file_plan, picture_folder, picture_pattern
from spotlib.datasets.twin_pictures import PictureFolder, Written, write_pictures
from spotlib.errors import SpotlibError
from spotlib.limits import read_json
from spotlib.store import digest, write_text

README = "README.txt"
DAMAGED_LIST = PurePosixPath("part_A", "error_info_damaged_image_partA.txt")
_ABOUT = """SYNTHETIC DATA. Nobody was recorded.

This folder was written by spotlib. It is a twin of the data set {dataset}: rendered faces of invented people whose
expressions follow the published statistics of that data set, in its folders, picture names and spreadsheet.
It holds no picture and no annotation of the real data set. Results on it are not comparable with published ones.
"""
_PLAYED = """The events are those of the annotation table {table}, played by invented people.
"""
_STRAY = b"not a picture\n"


def write_layout(
    videos: Sequence[TwinVideo],
    dataset: str,
    out: Path | str,
    *,
    part: str = "A",
    sampled_only: str | None = None,
    played: str = "",
    workers: int | None = None,
    executor: Executor | None = None,
) -> Written:
    """Write twin videos as the data set that they are a twin of; an interrupted run goes on where it stopped.

    Args:
        videos: from `twin_dataset.twin_videos` or `reenact.reenact`.
        dataset: ``samm_lv``, ``cas_me2`` or ``cas_me3``.
        out: a new or empty folder, or one with an unfinished copy of just this twin.
        part: of CAS(ME)^3.
        sampled_only: a key of SAMPLINGS: write only the pictures that it uses (SAMM-LV: a seventh of all).
        played: name of the annotation table that the videos re-enact; "": none.
        workers, executor: who renders; see `spotlib.jobs.run_jobs`.

    Raises SpotlibError, one line, for a folder that holds anything else, a full disk, and twins without JPEG.
    """
    if sampled_only is not None and dataset != "samm_lv":
        raise SpotlibError(f"{dataset}: all of its pictures are used; sampled_only is for samm_lv")
    check_size(dataset, part, videos)
    out = Path(out)
    kind = {"dataset": dataset, "part": part, "layout": "real", "sampled_only": sampled_only}
    prepare(out, kind, videos, dataset, played)
    folders = [_folder(video, dataset, part, out, sampled_only) for video in videos]
    table = out / table_path(dataset, part)
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
        write_table(table, videos, dataset, part)
        if dataset == "cas_me3" and part == "A":
            write_text(out / DAMAGED_LIST, _damaged_list(videos))
    except OSError as error:
        raise SpotlibError(f"{table}: cannot be written ({error.strerror}); choose another folder") from None
    return write_pictures(folders, workers=workers, executor=executor)


def prepare(out: Path, kind: dict[str, Any], videos: Sequence[TwinVideo], name: str, played: str = "") -> None:
    """Make the folder and mark it as synthetic; SpotlibError if it holds something else than this twin."""
    recipe = {
        "synthetic": True,
        **kind,
        "seed": videos[0].seed if videos else None,
        "played": played,
        "subjects": len({video.person for video in videos}),
        "videos": len(videos),
        "digest": digest([[video.name, video.digest] for video in videos]),
    }
    marker = out / MARKER
    try:
        if marker.exists():
            before = read_json(marker)
            if before != recipe:
                changed = [key for key in recipe if before.get(key) != recipe[key]] or ["content"]
                raise SpotlibError(f"{out}: holds another twin ({changed[0]} differs); choose another folder")
            return
        if out.is_dir() and any(out.iterdir()):
            raise SpotlibError(f"{out}: is not empty and no twin; choose a new or empty folder")
        out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, AttributeError) as error:
        raise SpotlibError(f"{out}: cannot be used ({error}); choose a new or empty folder") from None
    about = _ABOUT.format(dataset=name) + (_PLAYED.format(table=played) if played else "")
    write_text(out / README, about)
    write_text(marker, json.dumps(recipe, indent=1) + "\n")


def _folder(video: TwinVideo, dataset: str, part: str, out: Path, sampled_only: str | None) -> PictureFolder:
    plan = file_plan(video, dataset)
    numbers = plan.numbers
    if sampled_only is not None:
        sampling = SAMPLINGS[sampled_only]
        numbers = numbers[(numbers - sampling.first) % sampling.step == 0]
    return PictureFolder(
        video=video,
        folder=out / picture_folder(video, dataset, part),
        pattern=picture_pattern(video, dataset),
        numbers=numbers,
        first=plan.first,
        damaged=plan.damaged,
        extras=_extras(video, dataset, plan),
    )


def _extras(video: TwinVideo, dataset: str, plan: FilePlan) -> tuple[tuple[str, bytes], ...]:
    """What lies about in the folders: leavings of other programs, and in CAS(ME)^3 some depth pictures."""
    extras = [("Thumbs.db", _STRAY)] if (video.person + video.number) % 3 == 0 else []
    if dataset == "cas_me2" and video.number == 1:
        extras.append(("img001.jpg.bak", _STRAY))
    if dataset == "cas_me3":
        extras += [(f"../depth/{number}.png", _depth(video.spec.size)) for number in plan.numbers[:2].tolist()]
    return tuple(extras)


def _depth(size: tuple[int, int]) -> bytes:
    """A flat wall at 16 bits, as a depth camera without anybody before it."""
    import cv2

    _, coded = cv2.imencode(".png", np.full(size, 900, dtype=np.uint16))
    return coded.tobytes()


def _damaged_list(videos: Sequence[TwinVideo]) -> str:
    """The data set's own list of damaged pictures, letters in capitals as in places of the real one."""
    lines = []
    for video in videos:
        subject, letter = picture_folder(video, "cas_me3").parts[-3:-1]
        for number in file_plan(video, "cas_me3").listed:
            lines.append(f"{subject} {letter.upper()} {number}.jpg  the image cannot open\n")
    return "".join(lines)


def write_own(
    dataset: Dataset,
    videos: Sequence[TwinVideo],
    out: Path | str,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
) -> Written:
    """Write twin videos as somebody's own data: ``events.csv`` and ``videos/<name>/<frame:06d>.jpg``.

    ``dataset`` says names, frames and events (of an `AnnotatedTwin` the true ones), ``videos`` are the recordings
    behind it. Every frame used is written, and no other.
    """
    from spotlib.event_table import EventTable, write_events_csv

    out = Path(out)
    kind = {"dataset": dataset.name, "part": "A", "layout": "own", "sampled_only": None}
    prepare(out, kind, videos, dataset.name)
    table, folders = EventTable(), []
    for shown, video in zip(dataset.videos, videos, strict=True):
        step = round(video.fps / shown.fps)
        n_frames = (video.n_frames - 1) // step + 1
        table.events[shown.name] = list(getattr(shown, "true_events", shown.events))
        table.subjects[shown.name] = shown.subject
        table.lengths[shown.name] = n_frames
        table.rates[shown.name] = shown.fps
        folders.append(
            PictureFolder(
                video=video,
                folder=out / "videos" / shown.name,
                pattern="{:06d}.jpg",
                numbers=np.arange(n_frames),
                step=step,
            )
        )
    write_events_csv(out / "events.csv", table)
    return write_pictures(folders, workers=workers, executor=executor)
