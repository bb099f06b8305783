"""Synthetic people play a real annotation table: same subjects, videos, lengths, events, AUs and sides.

So somebody who applied for a data set can rehearse with its exact event structure. The table's records stay what is
annotated (`annotator` gives them back word by word); what is played is made complete where they are not.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spotlib.actor.action_units import AU_UNITS
from spotlib.datasets.base import natural
from spotlib.datasets.records import Annotations, Record
from spotlib.datasets.schedule import Slot
from spotlib.datasets.script import Cue, Script
from spotlib.datasets.specs import TwinSpec, twin_spec
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.twin_files import first_number
from spotlib.errors import SpotlibError
from spotlib.limits import read_bytes
from spotlib.progress import log

MARGIN = 1.0  # s that a video of unknown length goes on after its last event
SHORTEST = 2.0  # s
_VIDEO_COLUMNS = ("video", "org_vid", "vid", "sub_name", "video_name")
_LENGTH_COLUMNS = ("n_frames", "duration", "frames")
MAX_BYTES = 2**20  # of a table of lengths
LONGEST = 1_000_000  # frames; more than an hour at 200 per second


def reenact(
    annotations: Annotations,
    *,
    seed: int = 0,
    part: str = "A",
    subjects: int | None = None,
    durations: Mapping[str, int] | None = None,
    **changes: Any,
) -> tuple[TwinVideo, ...]:
    """Videos that play the records of a table, in natural order of their names.

    Args:
        annotations: from `read_annotations`.
        part: of CAS(ME)^3.
        subjects: only the first so many; None: all.
        durations: pictures of a video by its name (`read_durations`); a video that is not in it ends `MARGIN` seconds
            after its last event.
        changes: fields of `TwinSpec`, such as ``size``.

    AUs that the actor cannot show are left out, and an event without any other gets some drawn from the statistics of
    the data set; both are logged, and said in the note of the event that is played. Raises SpotlibError if there is
    nothing to play.
    """
    spec = twin_spec(annotations.dataset, part).changed(**changes)
    lengths = durations or {}
    by_person: dict[str, dict[str, list[Record]]] = {}
    for record in annotations.records:
        by_person.setdefault(record.subject, {}).setdefault(record.video, []).append(record)
    for name in lengths:  # videos in which nobody shows anything are in no table
        by_person.get(_subject(name, annotations.dataset), {}).setdefault(name, [])
    if not by_person:
        raise SpotlibError(f"{annotations.dataset}: the table holds no event to play; give another one")
    videos, unknown = [], 0
    for person, subject in enumerate(sorted(by_person, key=natural)[:subjects]):
        for number, name in enumerate(sorted(by_person[subject], key=natural)):
            told = by_person[subject][name]
            _check_names(subject, name)
            first = first_number(TwinVideo(spec, seed, person, number), annotations.dataset, told)
            script = _script(subject, name, told, spec, first, lengths.get(name))
            unknown += sum(not cue.aus for cue in script.cues)
            videos.append(TwinVideo(spec, seed, person, number, script))
    if unknown:
        log.info("%d events name no AU that the actor can show; theirs are drawn", unknown)
    return tuple(videos)


def _check_names(*names: str) -> None:
    """SpotlibError for what is no name of a folder: the twin is written under the names of its table."""
    for name in names:
        if not re.fullmatch(r"[\w().^ -]{1,80}", name) or ".." in name or name.strip(". ") != name:
            raise SpotlibError(f"{name!r}: no folder can be called so; correct this name in the table")


def _subject(video: str, dataset: str) -> str:
    """Whose video it is, by its name."""
    return f"s{video[:2]}" if dataset == "cas_me2" else video.rpartition("_")[0]


def _script(
    subject: str, video: str, records: Sequence[Record], spec: TwinSpec, first: int, length: int | None
) -> Script:
    """What to play for the records of one video; ``first`` is the number of its first picture."""
    spans = [(record, *_complete(record, spec)) for record in records]
    end = max((offset for _, _, _, offset in spans), default=0.0) - first + 1
    n_frames = length or max(round(end + MARGIN * spec.fps), round(SHORTEST * spec.fps))
    cues = []
    for record, *numbers in spans:
        onset, apex, offset = (min(max(round(x - first), 0), n_frames - 1) for x in numbers)
        if numbers[0] - first >= n_frames or numbers[2] < first:
            log.info("%s: the %s is outside of the pictures and not played", record.origin, record.kind)
            continue
        aus, note = _playable(record)
        slot = Slot(record.kind, onset, min(max(apex, onset), offset), offset)
        cues.append(Cue(slot=slot, aus=aus, side=record.side, note=note))
    cues.sort(key=lambda cue: (cue.slot.onset, cue.slot.offset))
    return Script(subject=subject, video=video, n_frames=n_frames, cues=tuple(cues), records=tuple(records))


def _complete(record: Record, spec: TwinSpec) -> tuple[float, float, float]:
    """Onset, apex, offset in the table's numbers; what is missing follows from the usual place of the apex."""
    share = spec.statistics.apex(record.kind)
    onset, apex, offset = record.onset, record.apex, record.offset
    if onset is None and apex is not None and offset is not None:
        onset = apex - max(offset - apex, 1.0) * share / (1 - share)
    if offset is None and onset is not None:
        rise = apex - onset if apex is not None else 0.0
        offset = onset + max(rise / share, 20.0)
    if onset is None or offset is None:
        raise SpotlibError(f"{record.origin}: too little is annotated to play this event; drop the row")
    if apex is None or not onset <= apex <= offset:
        apex = onset + share * (offset - onset)
    return onset, apex, offset


def _playable(record: Record) -> tuple[tuple[str, ...], str]:
    """The AUs that the actor can show, and a note if they are not all."""
    aus = tuple(au for au in record.aus if au in AU_UNITS)
    left_out = [au for au in record.aus if au not in AU_UNITS]
    if not left_out and aus:
        return aus, ""
    said = f"without AU {', '.join(left_out)}" if left_out else "no AU in the table"
    note = said if aus else f"{said}; AUs drawn"
    log.debug("%s: %s", record.origin, note)
    return aus, note


def read_durations(path: Path | str) -> dict[str, int]:
    """Pictures per video: a CSV with a column ``video`` and one ``n_frames``.

    The tables that go around in the field are read as well (``sub_name,duration`` with samm_006_1, and
    ``vid,org_vid,duration`` with 15_0101disgustingteeth). Raises SpotlibError, one line, for anything else.
    """
    path = Path(path)
    try:
        rows = list(csv.DictReader(io.StringIO(read_bytes(path, MAX_BYTES).decode("utf-8-sig"), newline="")))
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such file; give a CSV with the columns video,n_frames") from None
    except (OSError, ValueError, csv.Error):
        raise SpotlibError(f"{path}: not a CSV in UTF-8; give one with the columns video,n_frames") from None
    header = [name for name in (rows[0] if rows else {}) if name]
    name = next((column for column in _VIDEO_COLUMNS if column in header), None)
    length = next((column for column in _LENGTH_COLUMNS if column in header), None)
    if name is None or length is None:
        raise SpotlibError(f"{path}, row 1: the columns video and n_frames are not there; found {', '.join(header)}")
    found = {}
    for row, cells in enumerate(rows, start=2):
        written = (cells[length] or "").strip()
        if not written.isdecimal() or len(written) > 9 or not 0 < int(written) <= LONGEST:
            raise SpotlibError(f"{path}, row {row}: {length} is {written!r}; write the number of pictures")
        found[_video_name((cells[name] or "").strip())] = int(written)
    return found


def _video_name(written: str) -> str:
    """The name that the loaders use, of the ways it is written in tables of lengths.

    >>> _video_name("samm_006_1"), _video_name("15_0101disgustingteeth"), _video_name("spNO.1_a")
    ('006_1', '15_0101', 'spNO.1_a')
    """
    for prefix in ("samm_", "casme_"):
        written = written.removeprefix(prefix)
    code = written[:7]
    return code if len(code) == 7 and code[2] == "_" and (code[:2] + code[3:]).isdecimal() else written
