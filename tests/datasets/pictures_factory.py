"""Small picture folders, as the data sets are handed out, for the tests of loaders and doctor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np


def picture(value: int, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    """A flat grey picture; its value comes back from a JPEG within a level or two."""
    return np.full((*size, 3), value % 256, np.uint8)


def write_pictures(
    folder: Path, numbers: Iterable[int], *, name: str = "{n}.jpg", size: tuple[int, int] = (12, 16)
) -> Path:
    """Write one flat picture a number, as bright as its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in numbers:
        assert cv2.imwrite(str(folder / name.format(n=n)), picture(n, size))
    return folder


def cut_off(path: Path, share: float = 0.5) -> None:
    """Leave only the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
