"""Fold rows in one small file: what tables need of them, checksummed, so that results can be committed.

A packed file is gzip'd JSON lines. Line 1 is the header (format, version, number of rows, tables, sha256 of all that
follows); then lines of values that many rows share (parameters, code digests, videos with their true events), then one
line a row, which points to them. The same rows give the same bytes. Curves, scores and tracebacks are left out.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spotlib import limits
from spotlib.errors import SpotlibError
from spotlib.rows import Row, events_of
from spotlib.store import RowStore, atomic, canonical, digest, read_row

FORMAT, VERSION = "spotlib fold rows", 1
#: unpacked; the largest study (CAS(ME)^3, 1,000 rows) stays far below
_MOST_BYTES = 1 << 30
_PLAIN = (
    "dataset", "synthetic", "variant", "system", "fold", "n_folds", "seed", "status", "error", "commit",
    "test_subjects", "chosen", "parameters", "gflop_per_window", "train_seconds", "windows_per_second", "device",
    "device_name", "libraries", "overrides", "profile",
)  # fmt: skip
_NEEDED = ("dataset", "synthetic", "variant", "fold", "n_folds", "seed", "status")
_TYPES = {
    "dataset": str, "synthetic": bool, "variant": str, "system": str, "fold": int, "n_folds": int, "seed": int,
    "status": str, "error": str, "commit": str, "chosen": dict, "overrides": dict, "profile": str, "libraries": dict,
}  # fmt: skip
_LISTS = ("clean", "author", "author_last")
_KINDS = ("macro", "micro")


def newest(store: RowStore) -> list[dict[str, Any]]:
    """Of every variant, seed, fold and parameters in ``store`` the row written last; damaged files are left out."""
    found: dict[str, tuple[float, dict[str, Any]]] = {}
    for path in sorted(store.folder.glob("*/fold*-seed*-*.json")):
        row = read_row(path)
        if row is None:
            continue
        at = canonical([row["variant"], row["seed"], row["fold"], row["key"].get("params")])
        written = path.stat().st_mtime
        if at not in found or written >= found[at][0]:
            found[at] = written, row
    return [row for _, row in found.values()]


def pack_rows(
    rows: RowStore | Iterable[Row], path: Path | str, *, tables: Mapping[str, Sequence[str]] | None = None
) -> Path:
    """Write rows of one data set into one file and return its path.

    rows: a store (its :func:`newest` rows) or rows, tagged with overrides and profile where they have any
    (`spotlib.tables.tag`). ``tables``: names of the tables to be made of them, by profile. Raises SpotlibError without
    rows or with rows of several data sets.
    """
    chosen = newest(rows) if isinstance(rows, RowStore) else list(rows)
    chosen.sort(
        key=lambda r: (str(r.get("profile", "")), r["variant"], canonical(r.get("overrides", {})), r["seed"], r["fold"])
    )
    names = sorted({str(row["dataset"]) for row in chosen})
    if len(names) != 1:
        raise SpotlibError(f"{path}: rows of {len(names)} data sets ({', '.join(names) or 'none'}); pack one at a time")
    shared = _Shared()
    lines = [_pack(row, shared) for row in chosen]
    body = "\n".join([*shared.lines, *(canonical(line) for line in lines)]).encode() + b"\n"
    header = {
        "format": FORMAT, "version": VERSION, "dataset": names[0], "shared": len(shared.lines), "rows": len(lines),
        "tables": {name: list(own) for name, own in (tables or {}).items()},
        "sha256": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    with atomic(Path(path)) as temporary:
        temporary.write_bytes(gzip.compress(canonical(header).encode() + b"\n" + body, mtime=0))
    return Path(path)


def read_packed(path: Path | str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of a packed file, in the form of the row store, and its header.

    Raises SpotlibError, in one line, if the file is missing, damaged, or of another format or version.
    """
    try:
        with gzip.open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such file of rows; results/ holds the committed ones") from None
    except (OSError, EOFError, zlib.error):
        raise SpotlibError(f"{path}: not a whole gzip file; get it again") from None
    if len(data) > _MOST_BYTES:
        raise SpotlibError(f"{path}: more than {_MOST_BYTES >> 20} MiB when unpacked; this is no file of fold rows")
    first, _, body = data.partition(b"\n")
    try:
        header = limits.loads(first)
        known = header["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise SpotlibError(f"{path}: no packed fold rows (its first line is no header of them)")
    if header.get("version") != VERSION:
        raise SpotlibError(f"{path}: packed by another version ({header.get('version')}, known is {VERSION})")
    if hashlib.sha256(body).hexdigest() != header.get("sha256"):
        raise SpotlibError(f"{path}: its checksum does not fit its content; get it again")
    try:  # what a checksum does not tell: whether spotlib wrote it
        lines = [limits.loads(line) for line in body.splitlines()]
        shared, rows = lines[: header["shared"]], lines[header["shared"] :]
        made = [_unpack(row, shared) for row in rows]
        _check(made, header)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError, SpotlibError) as error:
        said = f"{type(error).__name__}: {error}"
        raise SpotlibError(f"{path}: not as spotlib packs rows ({said}); pack them again") from None
    return made, header


def unpack_rows(path: Path | str, store: RowStore, *, dataset: str) -> int:
    """Write every row of a packed file into ``store``, and return how many those are.

    They are rows of other code there, as of another machine: tables take them where they are asked to (``any_code`` of
    `spotlib.studies.study_rows`). Curves and scores are not among them. Raises SpotlibError if the file cannot be read
    or is about another data set than ``dataset``.
    """
    rows, header = read_packed(path)
    if header["dataset"] != dataset:
        raise SpotlibError(f"{path}: rows of {header['dataset']}, not of {dataset}; name the data set of the rows")
    for row in rows:
        own = {name: value for name, value in row.items() if name not in ("key", "overrides", "profile")}
        store.write(row["variant"], row["key"], own)
    return len(rows)


def _check(rows: Sequence[Mapping[str, Any]], header: Mapping[str, Any]) -> None:
    """Raise some error for rows that no table could be made of: files may come from anybody."""
    if not rows or header["rows"] != len(rows):
        raise ValueError("another number of rows than it says")
    for own in header["tables"].values():
        if any(type(name) is not str for name in own):
            raise TypeError("a table's name is no text")
    for row in rows:
        for name, kind in _TYPES.items():
            if (name in row or name in _NEEDED or (name == "error" and row["status"] == "failed")) and type(
                row[name]
            ) is not kind:
                raise TypeError(f"{name} is {row[name]!r}")
        if row["status"] not in ("done", "failed") or not 0 <= row["fold"] < row["n_folds"]:
            raise ValueError(f"fold {row['fold']} of {row['n_folds']}, {row['status']}")
        canonical([row["key"]["params"].get("dataset"), row.get("overrides", {})])  # plain values, no infinities
        for video in row.get("videos", ()):
            texts = isinstance(video["subject"], str) and isinstance(video["video"], str)
            if not texts or not 0 < video["fps"] < 1e6 or not 0 < video["n_frames"] < 1e9:
                raise ValueError(f"video {video['video']!r}")
            for which in ("truth", *(name for name in _LISTS if name in video)):
                events = events_of(video, which)  # says what is wrong with an event
                if which != "truth" and any(type(event.score) not in (int, float) for event in events):
                    raise TypeError(f"an event of {video['video']!r} without a score")


class _Shared:
    """Values that rows point to, each once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._index: dict[str, int] = {}

    def put(self, value: Any) -> int:
        text = canonical(value)
        if text not in self._index:
            self._index[text] = len(self.lines)
            self.lines.append(text)
        return self._index[text]


def _pack(row: Row, shared: _Shared) -> dict[str, Any]:
    key = row.get("key", {})
    code = key.get("code", "unknown")
    line = {name: row[name] for name in _PLAIN if name in row}
    line["params"] = shared.put(key.get("params", {}))
    line["code"] = shared.put(code if isinstance(code, str) else digest(code)[:12])
    line["data"] = key.get("data", "")
    line["videos"] = [
        [
            shared.put(
                {
                    **{name: video[name] for name in ("subject", "video", "n_frames", "fps")},
                    "truth": [_event(e, full=True) for e in video["truth"]],
                }
            ),
            video.get("author_epoch"),
            *([_event(e) for e in video[name]] if name in video else None for name in _LISTS),
        ]
        for video in row.get("videos", ())
    ]
    return line


def _unpack(line: dict[str, Any], shared: Sequence[Any]) -> dict[str, Any]:
    row = {name: line[name] for name in _PLAIN if name in line}
    row["key"] = {
        "params": shared[line["params"]], "code": shared[line["code"]], "data": line["data"],
        "fold": line["fold"], "seed": line["seed"],
    }  # fmt: skip
    if row["status"] == "done":
        row["videos"] = []
        for where, author_epoch, *lists in line["videos"]:
            video = {**shared[where], "author_epoch": author_epoch}
            video["truth"] = [_dict(e) for e in video["truth"]]
            video |= {name: [_dict(e) for e in own] for name, own in zip(_LISTS, lists, strict=True) if own is not None}
            row["videos"].append(video)
    return row


def _event(event: Mapping[str, Any], *, full: bool = False) -> list[Any]:
    values = [_KINDS.index(event["kind"]), event["onset"], event["apex"], event["offset"], event.get("score")]
    if full:
        values += [event.get("reachable", True), list(event.get("aus", ())), event.get("side", "both")]
    return values


def _dict(values: Sequence[Any]) -> dict[str, Any]:
    kind, onset, apex, offset, score, *rest = values
    reachable, aus, side = rest or (True, [], "both")
    event: dict[str, Any] = {"kind": _KINDS[kind], "onset": onset, "apex": apex, "offset": offset}
    if score is not None:
        event["score"] = score
    if not reachable:
        event["reachable"] = False
    return {**event, "aus": aus, "side": side}
