"""Finding the videos of a data set below a folder, however deep they were unpacked.

Everybody unpacks differently, so nothing is expected at a fixed place: a video's folder is known by how it is called
and by what lies around it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from spotlib.datasets.base import natural
from spotlib.datasets.frame_names import FrameNames, is_picture
from spotlib.datasets.records import Annotations, Finding, Origin, Severity
from spotlib.errors import SpotlibError

DEPTH = 8  # folders below the root; the deepest data set needs six
MAX_FOLDERS = 100_000
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".z01", ".001")
#: what a folder of video pictures is called in each data set, to say which one lies there instead
_SIGNS = {
    "samm_lv": re.compile(r"0*\d{1,3}_\d{1,2}"),
    "cas_me2": re.compile(r"\d{2}_\d{4}[a-z]*", re.IGNORECASE),
    "cas_me3": re.compile(r"spno\.?\s*\d+", re.IGNORECASE),
}


@dataclass(frozen=True)
class Folder:
    """One visited folder: where it is, and the names of the files and folders directly in it."""

    path: Path
    files: tuple[str, ...]
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FoundVideo:
    """One video folder, its pictures, and what else lies there (stray files)."""

    subject: str
    video: str
    folder: Path
    names: FrameNames = field(repr=False)
    stray: tuple[str, ...] = field(default=(), repr=False)


def video_of(folder: Folder, *, subject: str, video: str) -> FoundVideo | None:
    """A folder that is called like a video; None if only folders lie in it (archives unpack into themselves)."""
    names, stray = FrameNames.of(folder.files)
    if not len(names) and folder.folders:
        return None
    return FoundVideo(subject=subject, video=video, folder=folder.path, names=names, stray=tuple(stray))


@dataclass(frozen=True, kw_only=True)
class Found:
    """A data set on disk: its table, its videos in natural order, and what is odd."""

    dataset: str
    root: Path
    synthetic: bool  # written by `spotlib twin --layout`
    table: Annotations = field(repr=False)
    table_paths: tuple[Path, ...]  # its files
    videos: tuple[FoundVideo, ...] = field(repr=False)
    findings: tuple[Finding, ...] = field(default=(), repr=False)

    def name(self, path: Path) -> str:
        """How a place is called in messages: from the root on where it lies below it."""
        return _name(self.root, path)


@dataclass
class Visit:
    """What one walk through a tree brought: the videos, and all other folders with their files but pictures."""

    root: Path
    videos: list[FoundVideo] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)

    def finding(self, severity: Severity, what: str, path: Path, message: str) -> Finding:
        """A finding about a place in this tree, named from its root on."""
        return Finding(severity=severity, what=what, message=message, origin=Origin(file=self.name(path)))

    def name(self, path: Path) -> str:
        """How a place is called in messages: from the root on where it lies below it."""
        return _name(self.root, path)

    @property
    def findings(self) -> list[Finding]:
        """Folders that could not be opened."""
        return [
            self.finding("loses", "unreadable-folder", path, "no permission to open it; change its permissions")
            for path in self.unreadable
        ]


def _name(root: Path, path: Path) -> str:
    try:
        inner = path.relative_to(root).as_posix()
    except ValueError:
        return str(path)
    return root.name + ("" if inner == "." else f"/{inner}")


def visit(
    root: Path | str, *, video: Callable[[Folder], FoundVideo | None], skip: Callable[[Path], bool] = lambda _: False
) -> Visit:
    """Walk through ``root`` in natural order, links included, each folder once.

    ``video`` says of every folder what video it is, if any (whose inside is then not entered); a ``skip`` folder is not
    even opened. Raises SpotlibError if the root does not exist, is no folder, or holds far more folders than any data
    set.
    """
    root = Path(root).expanduser()
    if not root.exists():
        raise SpotlibError(f"{root}: no such folder; give the folder into which the data set was unpacked")
    if not root.is_dir():
        hint = "unpack it and give the folder" if root.suffix.lower() in _ARCHIVES else "give the data set's folder"
        raise SpotlibError(f"{root}: a file, not a folder; {hint}")
    found = Visit(root.resolve())
    seen: set[tuple[int, int]] = set()

    def enter(path: Path, depth: int) -> None:
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in seen:  # a link back, or a second one to the same place
                return
            seen.add((status.st_dev, status.st_ino))
            if len(seen) > MAX_FOLDERS:
                raise SpotlibError(f"{root}: more than {MAX_FOLDERS} folders; give the folder of the data set itself")
            folders: list[str] = []
            files: list[str] = []
            with os.scandir(path) as entries:
                for entry in entries:
                    (folders if _is_dir(entry) else files).append(entry.name)
        except OSError:
            found.unreadable.append(path)
            return
        one = video(Folder(path, tuple(files), tuple(folders)))
        if one is not None:
            found.videos.append(one)
            return
        # a long video's names are not kept beyond this point: a data set has millions
        others = tuple(sorted((name for name in files if not is_picture(name)), key=natural))
        found.folders.append(Folder(path, others, tuple(folders)))
        if depth < DEPTH:
            for name in sorted(folders, key=natural):
                if not name.startswith(".") and name != "__MACOSX" and not skip(path / name):
                    enter(path / name, depth + 1)

    enter(found.root, 0)
    if found.unreadable == [found.root]:
        raise SpotlibError(f"{root}: no permission to open it; change its permissions")
    return found


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def usable(seen: Visit, videos: list[FoundVideo], dataset: str, wanted: str) -> tuple[list[FoundVideo], list[Finding]]:
    """Videos with pictures, each name once, in natural order; the rest and all stray files as findings.

    Of two folders of one video the one with more pictures counts, then the first. Raises SpotlibError if none is left.
    """
    findings: list[Finding] = []
    kept: dict[str, FoundVideo] = {}
    for one in sorted(videos, key=lambda one: -len(one.names)):  # stable: natural order of paths among equals
        if not len(one.names):
            also = f", only other files such as {one.stray[0]}" if one.stray else ""
            findings.append(seen.finding("loses", "no-pictures", one.folder, f"no numbered pictures in it{also}"))
        elif one.video in kept:
            first = kept[one.video]
            what = f"a second folder of video {one.video}, not used; {seen.name(first.folder)} is"
            findings.append(seen.finding("note", "second-folder", one.folder, what))
        else:
            kept[one.video] = one
    if not kept:
        raise no_videos(seen, dataset, wanted)
    ordered = sorted(kept.values(), key=lambda one: (natural(one.subject), natural(one.video)))
    for one in ordered:
        if one.stray:
            n, names = len(one.stray), ", ".join(one.stray[:3]) + (" ..." if len(one.stray) > 3 else "")
            told = "1 file is not a picture" if n == 1 else f"{n} files are not pictures"
            what = f"{told} of this video and ignored: {names}"
            findings.append(seen.finding("note", "stray-files", one.folder, what))
    return ordered, findings


def no_videos(seen: Visit, dataset: str, wanted: str) -> SpotlibError:
    """The error for a root without video folders; ``wanted`` says what was looked for."""
    names = {folder.path.name for folder in seen.folders}
    for other, sign in _SIGNS.items():
        example = next((name for name in sorted(names, key=natural) if sign.fullmatch(name)), None)
        if other != dataset and example is not None:
            return SpotlibError(
                f"{seen.root}: no {dataset} here (looked for {wanted}); folder {example!r} looks like {other}:"
                f" give that name, or another folder"
            )
    archives = [name for folder in seen.folders for name in folder.files if name.lower().endswith(_ARCHIVES)]
    if archives:
        return SpotlibError(
            f"{seen.root}: no {dataset} here (looked for {wanted}), but {len(archives)} archives such as"
            f" {archives[0]!r}: unpack them first"
        )
    return SpotlibError(f"{seen.root}: no {dataset} here; looked for {wanted}, up to {DEPTH} folders deep")
