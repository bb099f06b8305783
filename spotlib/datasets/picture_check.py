"""Are the pictures whole? A glance at both ends of each file, or decoding them all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from spotlib.datasets.assemble import unseen_events
from spotlib.datasets.folder import FrameFolder
from spotlib.datasets.pictures import Glance, glance, read_picture
from spotlib.datasets.records import Finding, Origin
from spotlib.errors import ReadError

THREADS = 8  # a glance waits for the disk, most of all for one across a network
_NAMED = 3  # file names in a finding


def check_pictures(
    videos: Sequence[FrameFolder],
    *,
    decode: bool = False,
    where: Callable[[FrameFolder], Origin],
    watch: Callable[[Iterable[FrameFolder]], Iterable[FrameFolder]] = iter,
) -> tuple[Finding, ...]:
    """Look at every picture that the frames use (under SAMM-LV's sampling: every 7th or 8th).

    Args:
        videos: of one data set.
        decode: read and decode them, which takes as long as reading the data set once; else only look at both ends of
            each file (empty, cut off, no picture, of another size).
        where: names a video's folder in findings.
        watch: wraps the videos for a progress bar.

    A damaged picture changes frames (the one before stands in), and loses the video if none is whole.
    """
    findings: list[Finding] = []
    sizes: dict[str, tuple[int, int]] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for video in watch(videos):
            used = np.flatnonzero(video.present).tolist()
            paths = [video.file(index) for index in used]
            seen = list(pool.map(_decoded(video.grey) if decode else glance, paths))
            problems = {i: one.problem for i, one in zip(used, seen, strict=True) if one.problem}
            many = Counter(one.size for one in seen if one.size and not one.problem)
            if many:
                sizes[video.name] = size = many.most_common(1)[0][0]
                for i, one in zip(used, seen, strict=True):
                    if one.size and not one.problem and one.size != size:
                        problems[i] = f"{_px(one.size)} instead of {_px(size)}"
            findings += _findings(video, problems, where(video))
    usual = Counter(sizes.values()).most_common(1)
    for video in videos:
        size_here = sizes.get(video.name)
        if size_here and size_here != usual[0][0]:
            what = f"its pictures are {_px(size_here)}, those of most videos {_px(usual[0][0])}"
            findings.append(Finding(severity="note", what="other-size", message=what, origin=where(video)))
    return tuple(findings)


def _findings(video: FrameFolder, problems: dict[int, str], origin: Origin) -> list[Finding]:
    if not problems:
        return []
    if len(problems) == int(video.present.sum()):
        why = next(iter(problems.values()))
        n = len(video.events)
        lost = f", so that its {f'{n} events are' if n > 1 else '1 event is'} lost" if n else ""
        what = f"none of its {len(problems)} pictures can be used ({why}){lost}"
        return [Finding(severity="loses", what="unreadable-video", message=what, origin=origin)]
    by_problem: dict[str, list[int]] = defaultdict(list)
    for index, problem in problems.items():
        by_problem[problem].append(index)
    found = []
    for problem, indices in by_problem.items():
        names = ", ".join(video.file(index).name for index in indices[:_NAMED])
        more = " ..." if len(indices) > _NAMED else ""
        message = f"{_pictures(len(indices))} not usable ({problem}), the one before stands in: {names}{more}"
        found.append(Finding(severity="changes", what="damaged-pictures", message=message, origin=origin))
    blank = ~video.present
    known = {_span(finding) for finding in unseen_events(video, blank, origin)}
    blank[list(problems)] = True
    return found + [finding for finding in unseen_events(video, blank, origin) if _span(finding) not in known]


def _span(finding: Finding) -> str:
    return finding.message.partition(":")[0]  # "micro event 12 to 20"


def _decoded(grey: bool) -> Callable[..., Glance]:
    def look(path: object) -> Glance:
        try:
            picture = read_picture(str(path), grey=grey)
        except ReadError as error:
            picture = str(error).partition(": ")[2].partition(";")[0]
        if isinstance(picture, str):
            return Glance(None, picture)
        return Glance((picture.shape[0], picture.shape[1]))

    return look


def _pictures(n: int) -> str:
    return "1 picture" if n == 1 else f"{n} pictures"


def _px(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]} px"
