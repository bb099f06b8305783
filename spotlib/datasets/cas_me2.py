"""CAS(ME)^2 as handed out: colour pictures at 30 per second, 1-based (METHOD section 7).

``rawpic/s15/15_0101disgustingteeth/img001.jpg`` (or ``longVideoFaceCropped/.../img_1.jpg``) and a spreadsheet with
naming rules. The code at the start of a folder's name, ``15_0101``, says which video it is: what follows is misspelt
in places.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from pathlib import Path

from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.assemble import assemble
from spotlib.datasets.base import Dataset
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.nearby import Tables, is_twin, table_of
from spotlib.datasets.records import Finding, FrameMap
from spotlib.datasets.tree import Folder, Found, FoundVideo, Visit, usable, video_of, visit

NAME = "cas_me2"
FPS = 30.0
FRAME_MAP = FrameMap(first=1)
WANTED = "folders such as s15/15_0101disgustingteeth with pictures such as img001.jpg"
_VIDEO = re.compile(r"\s*0?(\d{2})[_-](0\d{3})(?!\d).*")
_RAW, _CROPPED = "rawpic", "longVideoFaceCropped"


def find(root: Path | str, *, annotations: Tables = None) -> Found:
    """Videos and table below ``root``, which may also lie a little above or below the data set's own folder.

    Where the videos are there twice, the pictures of ``rawpic`` are used and not the cropped ones. Raises SpotlibError,
    one line, if there are no videos or no table of this data set.
    """
    seen = visit(root, video=_video)
    videos, about_source = _one_source(seen)
    chosen, about = usable(seen, videos, NAME, WANTED)
    table, paths, others = table_of(seen, functools.partial(read_annotations, NAME), annotations)
    return Found(
        dataset=NAME,
        root=seen.root,
        synthetic=is_twin(seen, NAME),
        table=table,
        table_paths=paths,
        videos=tuple(chosen),
        findings=(*seen.findings, *about_source, *about, *others),
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
    return assemble(found, conventions, fps=FPS, frame_map=lambda _: FRAME_MAP)


def _video(folder: Folder) -> FoundVideo | None:
    match = _VIDEO.fullmatch(folder.path.name)
    return video_of(folder, subject=f"s{match[1]}", video=f"{match[1]}_{match[2]}") if match else None


def _one_source(seen: Visit) -> tuple[list[FoundVideo], list[Finding]]:
    """The videos of one of ``rawpic``, ``longVideoFaceCropped`` and anything else: their pictures do not mix."""
    sources = {one.folder: _source(seen, one.folder) for one in seen.videos}
    many = Counter(source for source in sources.values())
    if not many:
        return [], []
    chosen = min(many, key=lambda source: (source != _RAW, source == _CROPPED, -many[source]))
    findings = []
    if chosen == _CROPPED:
        what = "only the cropped pictures are here; the method crops by itself, rawpic is what papers use"
        findings.append(seen.finding("note", "cropped-pictures", seen.root, what))
    for source in sorted(set(many) - {chosen}):
        place = next(folder for folder in sources if sources[folder] == source)
        left, used = (f"{many[one]} videos of {one or 'other folders'}" for one in (source, chosen))
        findings.append(seen.finding("note", "second-source", place, f"{left} are not used; {used} are"))
    return [one for one in seen.videos if sources[one.folder] == chosen], findings


def _source(seen: Visit, folder: Path) -> str:
    """``rawpic`` or the like: what the path says last about how the pictures were made; "" if nothing."""
    for part in reversed(folder.parts):
        for known in (_CROPPED, _RAW):
            if known.casefold() in part.casefold():
                return known
    return ""
