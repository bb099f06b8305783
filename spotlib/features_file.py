"""Pair motions on disk: one ``.npz`` file without pickles, checked when read and never half-written.

The file holds plain arrays and a JSON header (format, version, names, frame rate, sha256 of the arrays).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from spotlib import limits
from spotlib.errors import SpotlibError
from spotlib.flow import CropSpec
from spotlib.store import atomic
from spotlib.swmro import PairMotion

FORMAT = "spotlib-features"
VERSION = 1
#: arrays of a PairMotion, and whether ``half=True`` stores them as float16 (0.004 px at 8 px, below any noise)
ARRAYS = {
    "flow": True,
    "head": True,
    "quality": True,
    "valid": False,
    "detected": False,
    "box": False,
    "landmarks": False,
    "raw_landmarks": False,
}
_TEXTS = ("point_names", "extractor", "fps", "name")


def save_features(path: str | Path, motion: PairMotion, *, half: bool = False) -> Path:
    """Write ``motion`` to ``path`` (all at once: an interrupted run leaves the old file, or none).

    ``half`` stores flow, head and quality as float16, half the size. Raises SpotlibError, one line, if the folder
    cannot be written or has no space left.
    """
    path = Path(path)
    arrays = {name: np.ascontiguousarray(getattr(motion, name)) for name in ARRAYS}
    if half:
        arrays = {name: a.astype(np.float16) if ARRAYS[name] else a for name, a in arrays.items()}
    header: dict[str, Any] = {"format": FORMAT, "version": VERSION, "sha256": checksum(arrays)}
    header |= {name: getattr(motion, name) for name in _TEXTS}
    header["crop"] = dataclasses.asdict(motion.crop)
    text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, header=text, **arrays)  # type: ignore[arg-type]
    return path


def load_features(path: str | Path) -> PairMotion:
    """Read what :func:`save_features` wrote.

    Raises SpotlibError, one line, if the file is missing, not a features file, of another version, or damaged.
    """
    path = Path(path)
    try:
        # nothing in it is compressed: what promises more than the file has is damaged, or was made to fill the memory
        found = limits.read_arrays(path, most=path.stat().st_size)
        if "header" not in found:
            raise _not_ours(path)
        header = limits.loads(found["header"].tobytes())
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise _not_ours(path)
        if header.get("version") != VERSION:
            raise SpotlibError(
                f"{path}: features of version {header.get('version')}, this spotlib reads version {VERSION};"
                " compute them again with `spotlib features`"
            )
        arrays: dict[str, Any] = {name: found[name] for name in ARRAYS}
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such features file; make it with `spotlib features`") from None
    except (KeyError, ValueError, OSError) as error:
        if _looks_like_zip(path):
            raise _damaged(path, error.__class__.__name__) from None
        raise _not_ours(path) from None
    if checksum(arrays) != header.get("sha256"):
        raise _damaged(path, "checksum")
    try:
        texts = {name: header[name] for name in _TEXTS}
        texts["point_names"] = tuple(texts["point_names"])
        arrays = {name: a.astype(np.float32) if ARRAYS[name] else a for name, a in arrays.items()}
        motion = PairMotion(**arrays, **texts, crop=CropSpec(**header["crop"]))
        _check(motion)
        return motion
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error.__class__.__name__) from None


def checksum(arrays: dict[str, np.ndarray]) -> str:
    """sha256 over names, types, shapes and bytes of arrays, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _check(motion: PairMotion) -> None:
    """ValueError or TypeError unless lengths and types fit together: a checksum tells of accidents only."""
    points = len(motion.point_names)
    frames, gaps = motion.flow.shape[:2]
    if gaps < 2 or not all(isinstance(text, str) for text in (motion.extractor, motion.name, *motion.point_names)):
        raise ValueError
    shapes = {
        "flow": (frames, gaps, points, 2), "head": (frames, gaps, 2), "quality": (frames, gaps, points),
        "valid": (frames,), "detected": (frames,), "box": (frames, 4), "landmarks": (frames, 68, 2),
        "raw_landmarks": (frames, 68, 2),
    }  # fmt: skip
    for name, shape in shapes.items():
        array = getattr(motion, name)
        if array.shape != shape or array.dtype != (bool if name in ("valid", "detected") else np.float32):
            raise ValueError
    if not all(map(math.isfinite, (motion.fps, *dataclasses.astuple(motion.crop)))) or motion.fps <= 0:
        raise ValueError


def _looks_like_zip(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def _not_ours(path: Path) -> SpotlibError:
    return SpotlibError(f"{path}: not a spotlib features file; make one with `spotlib features`")


def _damaged(path: Path, why: str) -> SpotlibError:
    return SpotlibError(f"{path}: the features file is damaged ({why}); compute it again with `spotlib features`")
