"""Pair motions on disk: one ``.npz`` file without pickles, checked when read and never half-written.

The file holds plain arrays and a JSON header (format, version, names, frame rate, sha256 of the arrays).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

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
        with np.load(path, allow_pickle=False) as file:
            if "header" not in file.files:
                raise _not_ours(path)
            header = json.loads(bytes(file["header"]))
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise _not_ours(path)
            if header.get("version") != VERSION:
                raise SpotlibError(
                    f"{path}: features of version {header.get('version')}, this spotlib reads version {VERSION};"
                    " compute them again with `spotlib features`"
                )
            arrays = {name: file[name] for name in ARRAYS}
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such features file; make it with `spotlib features`") from None
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError, json.JSONDecodeError) as error:
        if _looks_like_zip(path):
            raise _damaged(path, error.__class__.__name__) from None
        raise _not_ours(path) from None
    if checksum(arrays) != header.get("sha256"):
        raise _damaged(path, "checksum")
    try:
        texts = {name: header[name] for name in _TEXTS}
        texts["point_names"] = tuple(texts["point_names"])
        arrays = {name: a.astype(np.float32) if ARRAYS[name] else a for name, a in arrays.items()}
        return PairMotion(**arrays, **texts, crop=CropSpec(**header["crop"]))
    except (KeyError, TypeError) as error:
        raise _damaged(path, error.__class__.__name__) from None


def checksum(arrays: dict[str, np.ndarray]) -> str:
    """sha256 over names, types, shapes and bytes of arrays, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


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
