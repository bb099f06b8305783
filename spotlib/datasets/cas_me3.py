"""CAS(ME)^3 as handed out: colour pictures at 30 per second beside depth, numbers with gaps (METHOD section 7).

Part A: ``part_A/data/part_A/spNO.1/a/color/<n>.jpg``; an annotated frame is a file number, and the first numbers do not
exist. Part C (a mock crime, micro-expressions only): one video a subject, in a folder named by the subject's number.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections import defaultdict
from pathlib import Path

from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.assemble import assemble
from spotlib.datasets.base import Dataset
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.nearby import Tables, files_named, is_twin, table_of
from spotlib.datasets.records import Finding, FrameMap
from spotlib.datasets.tree import Folder, Found, FoundVideo, Visit, usable, video_of, visit
from spotlib.errors import SpotlibError

NAME = "cas_me3"
FPS = 30.0
WANTED = {
    "A": "folders such as spNO.1/a/color with pictures such as 37.jpg",
    "C": "a folder a subject, such as part_C/1/color or part_C/spNO.1, with pictures such as 37.jpg",
}
_COLOUR = ("color", "colour", "rgb")
_LETTER = re.compile(r"\s*([A-Za-z]{1,2})\s*")
_SUBJECT = re.compile(r"\s*spno[\s._-]*0*(\d{1,4})\s*", re.IGNORECASE)
_SUBJECT_C = re.compile(r"\s*(?:spno|subject|sub|s|c)?[\s._-]*0*(\d{1,4})\s*", re.IGNORECASE)
_PART = re.compile(r"(?:.*[^a-z])?part[\s_-]*([a-d])(?:[^a-z].*)?", re.IGNORECASE)
_DAMAGED_LIST = r".*damaged.*\.txt"
_DAMAGED = re.compile(r"\s*spno[\s._-]*0*(\d+)[\s/\\]+([a-z])[\s/\\]+(?:colou?r[\s/\\]+)?0*(\d+)\.\w+.*", re.IGNORECASE)


def find(root: Path | str, *, part: str = "A", annotations: Tables = None) -> Found:
    """Videos and table of a part below ``root``, which may also lie a little above or below the part's own folder.

    Depth pictures and the other parts are left out; pictures that the data set lists as damaged are not used. Raises
    SpotlibError, one line, if there are no videos or no table of this part.
    """
    if part not in WANTED:
        raise SpotlibError(f"cas_me3: part is {part!r}; give A, or C for the micro-expressions of the mock crime")
    seen = visit(root, video=_video_a if part == "A" else _video_c, skip=functools.partial(_foreign, part))
    try:
        chosen, about = usable(seen, seen.videos, NAME, WANTED[part])
    except SpotlibError as error:
        raise SpotlibError(f"{error}{_hint(seen, part)}") from None
    table, paths, others = table_of(seen, functools.partial(read_annotations, NAME, part=part), annotations)
    chosen, damaged = _without_damaged(seen, chosen) if part == "A" else (chosen, [])
    return Found(
        dataset=NAME,
        root=seen.root,
        synthetic=is_twin(seen, NAME),
        table=table,
        table_paths=paths,
        videos=tuple(chosen),
        findings=(*seen.findings, *about, *others, *damaged),
    )


def load(
    root: Path | str, conventions: Conventions, *, part: str = "A", annotations: Tables = None
) -> tuple[Dataset, tuple[Finding, ...]]:
    """The data set, and what was found on the way.

    Raises SpotlibError, one line, if there is nothing to load.
    """
    return dataset_of(find(root, part=part, annotations=annotations), conventions)


def dataset_of(found: Found, conventions: Conventions) -> tuple[Dataset, tuple[Finding, ...]]:
    """What `find` found, under some conventions. Frame 0 is the lowest picture number of each video."""
    return assemble(found, conventions, fps=FPS, frame_map=lambda one: FrameMap(first=int(one.names.numbers[0])))


def _video_a(folder: Folder) -> FoundVideo | None:
    base = _base(folder)
    if base is None:
        return None
    letter, subject = _LETTER.fullmatch(base.name), _SUBJECT.fullmatch(base.parent.name)
    if not letter or not subject:
        return None
    name = f"spNO.{subject[1]}"
    return video_of(folder, subject=name, video=f"{name}_{letter[1].lower()}")


def _video_c(folder: Folder) -> FoundVideo | None:
    base = _base(folder)
    if base is None:
        return None
    if _LETTER.fullmatch(base.name):
        base = base.parent
    subject = _SUBJECT_C.fullmatch(base.name)
    return video_of(folder, subject=f"C{subject[1]}", video=f"C{subject[1]}") if subject else None


def _base(folder: Folder) -> Path | None:
    """The video's own folder: the one that holds the colour pictures or the folder of them; None for any other."""
    if folder.path.name.casefold() in _COLOUR:
        return folder.path.parent
    return None if any(name.casefold() in _COLOUR for name in folder.folders) else folder.path


def _foreign(part: str, path: Path) -> bool:
    """Depth pictures, and what belongs to another part."""
    if path.name.casefold().startswith("depth"):
        return True
    named = _PART.fullmatch(path.name)
    return named is not None and named[1].upper() != part


def _hint(seen: Visit, part: str) -> str:
    for place in (seen.root, *(seen.root / name for folder in seen.folders for name in folder.folders)):
        named = _PART.fullmatch(place.name)
        if named and named[1].upper() != part and named[1].upper() in WANTED:
            return f"; {place.name} is there: say --part {named[1].upper()} for it"
    return ""


def _without_damaged(seen: Visit, videos: list[FoundVideo]) -> tuple[list[FoundVideo], list[Finding]]:
    """Leave out the pictures that the data set's own list names as damaged."""
    listed: dict[str, set[int]] = defaultdict(set)
    findings: list[Finding] = []
    for path in files_named(seen, _DAMAGED_LIST):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        strange = 0
        for line in lines:
            match = _DAMAGED.fullmatch(line)
            if match:
                listed[f"spNO.{match[1]}_{match[2].lower()}"].add(int(match[3]))
            elif line.strip():
                strange += 1
        if strange:
            what = f"{strange} of {len(lines)} lines are not understood, such as those of 'spNO.3 J 498.jpg'"
            findings.append(seen.finding("note", "damaged-list", path, what))
    left = []
    for one in videos:
        there = sorted(number for number in listed.get(one.video, ()) if number in one.names)
        if there and len(there) < len(one.names):
            what = f"{len(there)} pictures are listed as damaged and not read ({there[0]} to {there[-1]})"
            findings.append(seen.finding("note", "listed-as-damaged", one.folder, what))
            one = dataclasses.replace(one, names=one.names.without(there))
        left.append(one)
    return left, findings
