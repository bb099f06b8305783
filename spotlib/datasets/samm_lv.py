"""SAMM Long Videos as handed out: grey pictures at 200 per second, 1-based (METHOD section 7).

``SAMM_longvideos/<subject>_<video>/<subject>_<video>_<frame:04d>.jpg`` and a spreadsheet. Every 7th or 8th picture is a
frame (`sampling`); only those are read.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.assemble import assemble
from spotlib.datasets.base import Dataset
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.nearby import Tables, is_twin, table_of
from spotlib.datasets.records import SAMPLINGS, Finding
from spotlib.datasets.tree import Folder, Found, FoundVideo, usable, video_of, visit

NAME = "samm_lv"
FPS = 200.0
WANTED = "folders such as 006_1 with pictures such as 006_1_0001.jpg"
_VIDEO = re.compile(r"\s*(\d{1,3})[_-](\d{1,2})\s*")
_PREFIX = re.compile(r"\s*(\d{1,3})[_-](\d{1,2})[_-]\s*")


def find(root: Path | str, *, annotations: Tables = None) -> Found:
    """Videos and table below ``root``, which may also lie a little above or below the data set's own folder.

    Raises SpotlibError, one line, if there are no videos or no table of this data set.
    """
    seen = visit(root, video=_video)
    findings = [*seen.findings]
    videos = []
    for one in seen.videos:
        named = _PREFIX.fullmatch(one.names.prefix)
        if named and _code(named) != one.video:
            what = f"holds pictures of video {_code(named)} ({one.names.prefix}...); it is not used"
            findings.append(seen.finding("loses", "wrong-pictures", one.folder, what))
        else:
            videos.append(one)
    chosen, about = usable(seen, videos, NAME, WANTED)
    table, paths, others = table_of(seen, functools.partial(read_annotations, NAME), annotations)
    return Found(
        dataset=NAME,
        root=seen.root,
        synthetic=is_twin(seen, NAME),
        table=table,
        table_paths=paths,
        videos=tuple(chosen),
        findings=(*findings, *about, *others),
    )


def load(
    root: Path | str, conventions: Conventions, *, part: str = "A", annotations: Tables = None
) -> tuple[Dataset, tuple[Finding, ...]]:
    """The data set, and what was found on the way; ``part`` is of no meaning here.

    Raises SpotlibError, one line, if there is nothing to load.
    """
    return dataset_of(find(root, annotations=annotations), conventions)


def dataset_of(found: Found, conventions: Conventions) -> tuple[Dataset, tuple[Finding, ...]]:
    """What `find` found, under some conventions."""
    sampling = SAMPLINGS[conventions.sampling]
    return assemble(found, conventions, fps=FPS / sampling.step, frame_map=lambda _: sampling, grey=True)


def _video(folder: Folder) -> FoundVideo | None:
    match = _VIDEO.fullmatch(folder.path.name)
    return video_of(folder, subject=_code(match)[:3], video=_code(match)) if match else None


def _code(match: re.Match[str]) -> str:
    return f"{int(match[1]):03d}_{int(match[2])}"
