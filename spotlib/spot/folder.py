"""A `Result` as a folder of files, and back; and whose folder it is.

``result.json`` says everything but the arrays and is written last: where it is, the rest is whole. ``scores.npz`` and
``moments.npz`` hold arrays and JPEG pictures. A folder belongs to one video (``source.json``); while somebody writes
to it, it is locked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spotlib import limits
from spotlib.errors import SpotlibError
from spotlib.exports import FORMATS, write_events
from spotlib.exports.spotted import Spotted
from spotlib.intervals import Event, Kind
from spotlib.progress import log
from spotlib.spot.result import Moment, Result
from spotlib.store import atomic, digest, write_arrays, write_text

SCHEMA = 1
RESULT, SCORES, MOMENTS, REPORT, SOURCE, LOCK = (
    "result.json", "scores.npz", "moments.npz", "report.html", "source.json", ".lock",
)  # fmt: skip


def save_result(
    folder: Path | str,
    result: Result,
    *,
    key: dict[str, Any] | None = None,
    formats: Iterable[str] = (),
    report: bool = True,
) -> list[Path]:
    """Write a result and what people read of it (events.csv, report.html, ``formats``); return the files.

    ``key``: what the result was made of, to tell later whether it has to be made again.
    """
    folder = Path(folder)
    with contextlib.suppress(FileNotFoundError):
        (folder / RESULT).unlink()  # from here on the folder is not whole
    spotted = result.spotted
    seconds = np.arange(spotted.n_frames) / spotted.fps if spotted.seconds is None else spotted.seconds
    write_arrays(
        folder / SCORES,
        {"probabilities": result.probabilities, "valid": result.valid, "seconds": seconds.astype(np.float64)},
    )
    write_arrays(folder / MOMENTS, _pack(result.moments))
    files = [folder / SCORES, folder / MOMENTS]
    for name in dict.fromkeys(["csv", *formats]):
        files.append(write_events(folder / FORMATS[name].file, spotted, format=name))
    if report:
        files += write_report(folder, result)
    content = {
        "spotlib": SCHEMA,
        "key": key or {},
        "path": None if result.path is None else _relative(result.path, folder),
        "spotted": {**spotted.about, "timed": spotted.seconds is not None, "events": _events(spotted)},
        "rules": {kind: dict(rule) for kind, rule in result.rules.items()},
        "settings": dict(result.settings),
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files[:2]},
    }
    text = json.dumps({**content, "checksum": digest(content)}, indent=1, allow_nan=False)
    write_text(folder / RESULT, text + "\n")
    return [*files, folder / RESULT]


def load_result(folder: Path | str) -> Result:
    """Read what `save_result` (`spotlib spot`) wrote.

    Raises SpotlibError, one line, if the folder holds no result, or one that is damaged or of another version.
    """
    folder = Path(folder)
    content = _read(folder)
    for name, expected in content["files"].items():
        try:
            found = hashlib.sha256((folder / Path(name).name).read_bytes()).hexdigest()
        except OSError as error:
            raise SpotlibError(f"{folder / name}: cannot be read ({error.strerror}); spot the video again") from None
        if found != expected:
            raise SpotlibError(f"{folder / name}: not what was written beside {RESULT}; spot the video again")
    try:
        scores, pictures = (limits.read_arrays(folder / name) for name in (SCORES, MOMENTS))
        about = content["spotted"]
        rows = about["events"]
        spotted = Spotted(
            video=about["video"],
            source=about["source"],
            fps=float(about["fps"]),
            n_frames=int(about["n_frames"]),
            events=tuple(_event(row) for row in rows),
            seconds=scores["seconds"] if about["timed"] else None,
            regions=tuple(row["region"] for row in rows),
            warnings=tuple(tuple(row["warnings"]) for row in rows),
            synthetic=bool(about["synthetic"]),
            weights=about["weights"],
        )
        path = content["path"]
        return Result(
            spotted=spotted,
            probabilities=scores["probabilities"],
            valid=scores["valid"],
            rules=content["rules"],
            moments=_unpack(pictures),
            path=None if path is None else Path(os.path.normpath(folder / path)),
            settings=content["settings"],
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError, StopIteration) as error:
        raise SpotlibError(f"{folder}: no whole result ({type(error).__name__}); spot the video again") from None


def made_of(folder: Path | str) -> dict[str, Any] | None:
    """The key of a whole result in ``folder``, or None."""
    try:
        content = _read(Path(folder))
        whole = all(
            hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest() == expected
            for name, expected in content["files"].items()
        )
        return content["key"] if whole else None
    except (SpotlibError, OSError):
        return None


def folder_for(out: Path, source: Path) -> Path:
    """The folder below ``out`` for a video: its name, with a suffix if another video of this name has that already."""
    own = hashlib.sha256(os.fsencode(os.path.realpath(source))).hexdigest()
    for folder in (out / safe_name(source.stem or source.name), out / f"{safe_name(source.stem)}-{own[:8]}"):
        mark = folder / SOURCE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # made in one step: of two at the same time, one makes it and the other sees whose it is
            with open(mark, "x", encoding="utf-8") as file:
                file.write(json.dumps({"source": own}))
            return folder
        except FileExistsError:
            if _owner(mark) == own:
                return folder
        except OSError as error:
            what = os.strerror(error.errno).lower() if error.errno else str(error)
            raise SpotlibError(f"{out}: cannot be written ({what}); choose another folder with --out") from None
    raise SpotlibError(f"{folder}: belongs to another video; choose another folder with --out")


def forget(folder: Path) -> None:
    """Remove a folder that holds nothing but the marks of whose it is."""
    with contextlib.suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {SOURCE, LOCK}:
            for name in (SOURCE, LOCK):
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def _owner(mark: Path) -> str | None:
    for _ in range(20):  # whoever made the file may still be writing it
        try:
            return json.loads(mark.read_text(encoding="utf-8"))["source"]
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(0.02)
    return None


def safe_name(name: str) -> str:
    """``name`` as a folder can be called everywhere.

    >>> safe_name("Entrevista nº 3 'final'"), safe_name("内部 видео"), safe_name("..")
    ('Entrevista_nº_3_final', '内部_видео', 'video')
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return re.sub(r"[^\w.-]+", "_", text)[:60].strip("._-") or "video"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for oneself; waits for another who does, and says so. A killed process holds nothing."""
    try:
        file = open(folder / LOCK, "a")  # noqa: SIM115
    except OSError as error:
        said = (error.strerror or "not writable").lower()
        raise SpotlibError(f"{folder}: cannot be written ({said}); choose another folder with --out") from None
    with file:
        try:
            import fcntl
        except ImportError:  # no such locks on this system: two runs may do the same work twice
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("%s: another run writes to it; waiting for it", folder)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a network folder without locks
            log.warning("%s: this folder cannot be locked; do not run twice at the same time", folder)
        yield


def write_report(folder: Path, result: Result) -> list[Path]:
    """Write ``report.html``; return it, or nothing where this spotlib makes no such page."""
    try:
        from spotlib.report.spot_page import spot_page
    except ImportError:
        return []
    write_text(folder / REPORT, spot_page(result))
    return [folder / REPORT]


def _relative(path: Path, folder: Path) -> str:
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # another drive
        return os.path.abspath(path)


def _events(spotted: Spotted) -> list[dict[str, Any]]:
    count = len(spotted.events)
    regions, warnings = spotted.regions or (None,) * count, spotted.warnings or ((),) * count
    return [
        {
            "kind": str(event.kind), "onset": event.onset, "apex": event.apex, "offset": event.offset,
            "score": event.score, "side": event.side, "aus": list(event.aus), "region": region,
            "warnings": list(said),
        }
        for event, region, said in zip(spotted.events, regions, warnings, strict=True)
    ]  # fmt: skip


def _event(row: dict[str, Any]) -> Event:
    score = row["score"]
    return Event(
        Kind(row["kind"]), row["onset"], row["apex"], row["offset"],
        aus=tuple(row["aus"]), side=row["side"], score=None if score is None else float(score),
    )  # fmt: skip


def _read(folder: Path) -> dict[str, Any]:
    path = folder / RESULT
    try:
        content = limits.read_json(path)
        checksum = content.pop("checksum")
        known = content["spotlib"] == SCHEMA
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no result in this folder; give one that `spotlib spot` wrote") from None
    except OSError as error:
        said = (error.strerror or "unreadable").lower()
        raise SpotlibError(f"{path}: cannot be read ({said}); spot the video again") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SpotlibError(f"{path}: damaged, or no result of `spotlib spot`; spot the video again") from None
    if not known:
        raise SpotlibError(f"{path}: written by another version of spotlib; spot the video again")
    if digest(content) != checksum or not isinstance(content.get("files"), dict):
        raise SpotlibError(f"{path}: damaged (checksum); spot the video again")
    return content


def _pack(moments: tuple[Moment | None, ...]) -> dict[str, np.ndarray]:
    """Pictures behind each other as bytes; ``loops``: pictures of each loop, -1 for an event without any."""
    there = [moment for moment in moments if moment is not None]
    pictures = [picture for moment in there for picture in (*moment.strip, *moment.loop)]
    return {
        "loops": np.array([-1 if moment is None else len(moment.loop) for moment in moments], np.int32),
        "side": np.array([moment.side for moment in there], np.int32),
        "sizes": np.array([len(picture) for picture in pictures], np.int64),
        "pictures": np.frombuffer(b"".join(pictures), np.uint8),
        "arrows": np.stack([m.arrows for m in there]) if there else np.empty((0, 0, 4), np.float32),
    }


def _unpack(arrays: dict[str, np.ndarray]) -> tuple[Moment | None, ...]:
    data = arrays["pictures"].tobytes()
    ends = np.cumsum(arrays["sizes"]).tolist()
    pictures = iter([data[end - size : end] for end, size in zip(ends, arrays["sizes"].tolist(), strict=True)])
    sides, arrows = iter(arrays["side"].tolist()), iter(arrays["arrows"])
    moments: list[Moment | None] = []
    for count in arrays["loops"].tolist():
        if count < 0:
            moments.append(None)
            continue
        strip = (next(pictures), next(pictures), next(pictures))
        loop = tuple(next(pictures) for _ in range(count))
        moments.append(Moment(strip, loop, next(sides), next(arrows)))
    return tuple(moments)


def write_summary(out: Path, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Path:
    """``summary.csv`` of a folder of results: these rows, and those of earlier runs about other videos."""
    import csv
    import io

    from spotlib.formulas import guarded, unguarded

    path = out / "summary.csv"
    with locked(out):
        known: dict[str, dict[str, Any]] = {}
        with (
            contextlib.suppress(OSError, UnicodeDecodeError, csv.Error),
            open(path, encoding="utf-8", newline="") as file,
        ):
            before = [{name: unguarded(cell or "") for name, cell in row.items()} for row in csv.DictReader(file)]
            known = {row["path"]: row for row in before if row.get("path")}
        known |= {row["path"]: row for row in rows}
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: guarded(str(cell)) for name, cell in row.items()} for row in known.values())
        with atomic(path) as temporary:
            temporary.write_bytes(text.getvalue().encode("utf-8", "replace"))
    return path
