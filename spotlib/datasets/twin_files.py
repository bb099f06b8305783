"""How a twin's videos and pictures would be called in the real data set, and which pictures would be missing.

Names and numbers follow from the video alone, so that a twin looks the same in memory (`sampled`) and on disk
(`layout`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from spotlib.actor.streams import stream
from spotlib.datasets.records import Record
from spotlib.datasets.twin import TwinVideo
from spotlib.errors import SpotlibError

DATASETS = ("samm_lv", "cas_me2", "cas_me3")
#: the nine films of CAS(ME)^2: number, name in the table, rest of the folder's name (METHOD names the first and sixth)
FILMS = (
    ("0101", "disgust1", "disgustingteeth"),
    ("0102", "disgust2", "spoiltfood"),
    ("0401", "anger1", "queuejumper"),
    ("0402", "anger2", "brokenpromise"),
    ("0502", "happy1", "funnyslips"),
    ("0503", "happy2", "funnyfarting"),
    ("0505", "happy3", "funnycats"),
    ("0507", "happy4", "doublespeed"),
    ("0508", "happy5", "funnyvoices"),
)
MISSPELT = ("0503", "unnyfarting")  # so in every second folder of that film
DROPPED = 0.1  # share of the picture numbers that CAS(ME)^3 lacks
LARGEST = {"samm_lv": (900, 99), "cas_me2": (70, len(FILMS)), "cas_me3": (9999, 26)}  # people, videos of each


@dataclass(frozen=True)
class FilePlan:
    """Which picture files a video has. Source frame k has the number ``first`` + k.

    ``numbers`` (n,) are those that exist, rising; the first and the last source frame always do. ``damaged`` exist but
    cannot be read, and ``listed`` are those of them that the data set's own list names.
    """

    first: int
    numbers: np.ndarray
    damaged: tuple[int, ...] = ()
    listed: tuple[int, ...] = ()

    @property
    def last(self) -> int:
        """The highest number."""
        return int(self.numbers[-1])

    def source(self, number: int) -> int:
        """Source frame of a number."""
        return number - self.first


def file_plan(video: TwinVideo, dataset: str) -> FilePlan:
    """The files of a video, the same whenever it is asked for.

    CAS(ME)^3: the numbers before `first_number` and a tenth of all others are missing. The very first video has
    damaged pictures: two in a row, and in CAS(ME)^3 one more in the second video, which the list of damaged ones does
    not name.
    """
    n = video.n_frames
    if dataset != "cas_me3":
        middle = 1 + 56 * max(1, n // 112)  # a picture that every 7th and every 8th meet
        pair = tuple(x for x in (middle, middle + 1) if 1 < x < n)
        return FilePlan(1, np.arange(1, n + 1), pair if _is(video, 0, 0) else ())
    rng = _stream(video)
    first = _lowered(_drawn_first(rng), video.script.records if video.script is not None else ())
    there = np.ones(n, dtype=bool)
    # short runs: dropped pictures, as a computer too busy to write them drops
    starts = rng.random(n) < DROPPED / 1.6
    lengths = rng.choice([1, 2, 3], p=[0.6, 0.2, 0.2], size=n)
    for start in np.flatnonzero(starts).tolist():
        there[start : start + int(lengths[start])] = False
    there[[0, n - 1]] = True
    numbers = first + np.flatnonzero(there)
    at = len(numbers) // 2
    if _is(video, 0, 0) and len(numbers) > 8:
        pair = tuple(numbers[at : at + 3].tolist())
        return FilePlan(first, numbers, pair, pair)
    if _is(video, 0, 1) and len(numbers) > 8:
        return FilePlan(first, numbers, (int(numbers[at]),))
    return FilePlan(first, numbers)


def first_number(video: TwinVideo, dataset: str, played: Sequence[Record] | None = None) -> int:
    """The picture number of source frame 0, whether its length is known or not.

    CAS(ME)^3: 5 to 10, but never above the lowest onset of the records that are played, so that none of them begins
    before the video. ``played``: those records; None: those of the video's script, if it has one.
    """
    if dataset != "cas_me3":
        return 1
    if played is None:
        played = video.script.records if video.script is not None else ()
    return _lowered(_drawn_first(_stream(video)), played)


def _drawn_first(rng: np.random.Generator) -> int:
    return int(rng.integers(5, 11))


def _lowered(first: int, played: Sequence[Record]) -> int:
    """At most the lowest onset, and no number below 0: real onsets go down to 0."""
    onsets = [math.floor(record.onset) for record in played if record.onset is not None]
    return max(0, min([first, *onsets]))


def _stream(video: TwinVideo) -> np.random.Generator:
    return stream(video.seed, "files", video.person, video.number)


def _is(video: TwinVideo, person: int, number: int) -> bool:
    return (video.person, video.number) == (person, number)


# --- names ---


def check_size(dataset: str, part: str, videos: Sequence[TwinVideo]) -> None:
    """SpotlibError if the names of the real data set do not go as far as ``videos``."""
    if dataset not in LARGEST:
        raise SpotlibError(f"{dataset}: no real data set is like this twin; choose {', '.join(DATASETS)}")
    people, each = LARGEST[dataset]
    each = 1 if part == "C" else each
    for video in videos:
        if video.script is None and (video.person >= people or video.number >= each):
            raise SpotlibError(
                f"{dataset}: names for at most {people} people with {each} video{'s' if each > 1 else ''} each;"
                " ask for fewer"
            )


def subject_code(video: TwinVideo, dataset: str, part: str = "A") -> str:
    """The person's name as folders have it: "006", "s15", "spNO.1", in part C "C1"."""
    if video.script is not None:
        return video.script.subject
    if dataset == "samm_lv":
        return f"{video.person + 6:03d}"
    if dataset == "cas_me2":
        return f"s{_cas2_number(video.person)}"
    return f"C{_part_c_number(video.person)}" if part == "C" else f"spNO.{video.person + 1}"


def video_code(video: TwinVideo, dataset: str, part: str = "A") -> str:
    """The video's name as the loaders have it: "006_1", "15_0101", "spNO.1_a", in part C "C1"."""
    if video.script is not None:
        return video.script.video
    subject = subject_code(video, dataset, part)
    if dataset == "samm_lv":
        return f"{subject}_{video.number + 1}"
    if dataset == "cas_me2":
        return f"{subject[1:]}_{FILMS[video.number][0]}"
    return subject if part == "C" else f"{subject}_{chr(ord('a') + video.number)}"


def _cas2_number(person: int) -> int:
    # people were left out of the real set too: the numbers 15 to 40 belong to 22
    return 15 + person + sum(person >= gap for gap in (3, 8, 12, 17))


def _part_c_number(person: int) -> int:
    return person + 1 + (person >= 21)  # 30 of the numbers 1 to 31


# --- places ---


def picture_folder(video: TwinVideo, dataset: str, part: str = "A") -> PurePosixPath:
    """Where the pictures of a video stand below the root of the data set."""
    name = video_code(video, dataset, part)
    if dataset == "samm_lv":
        return PurePosixPath("SAMM_longvideos", name)
    if dataset == "cas_me2":
        subject, code = name.split("_")
        rest = next((rest for film, _, rest in FILMS if film == code), "film")
        if code == MISSPELT[0] and video.person % 2 == 0:
            rest = MISSPELT[1]
        return PurePosixPath("CAS(ME)^2", "rawpic", f"s{subject}", name + rest)
    if part == "C":
        return PurePosixPath("part_C", "data", "part_C", f"spNO.{name[1:]}", "color")
    subject, letter = name.rsplit("_", 1)
    if _is(video, 1, 1):
        letter = letter.upper()  # one folder is written so
    return PurePosixPath("part_A", "data", "part_A", subject, letter, "color")


def picture_pattern(video: TwinVideo, dataset: str) -> str:
    """What makes picture numbers file names: "006_1_0001.jpg", "img001.jpg", "37.jpg"."""
    if dataset == "samm_lv":
        return f"{video_code(video, dataset)}_{{:04d}}.jpg"
    return "img{:03d}.jpg" if dataset == "cas_me2" else "{}.jpg"
