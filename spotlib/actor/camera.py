"""From a clean rendered picture to what a camera and a disk leave of it: sensor noise and JPEG blocks.

Noise is not drawn per frame (5 ms at 640x480) but cut at a random place from one larger tile (0.1 ms). The
place depends on the frame number alone, so any frame can be shot at any time; two frames share their noise
only if they draw the same one of some 260,000 places.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from spotlib.errors import SpotlibError

_MARGIN = (509, 511)  # rows, columns of free play for the place; odd and unequal on purpose
_COMMON = 0.7  # share of the noise that the three colour channels have in common, as after demosaicing


@functools.lru_cache(maxsize=4)
def _noise_tile(size: tuple[int, int], channels: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Noise in whole grey levels, as its positive and its negative part: saturated uint8 sums are fast."""
    rng = np.random.default_rng([round(sigma * 1000), *size, channels])
    shape = (size[0] + _MARGIN[0], size[1] + _MARGIN[1])
    noise = rng.standard_normal((*shape, channels), dtype=np.float32)
    if channels > 1:
        common = rng.standard_normal((*shape, 1), dtype=np.float32)
        noise = _COMMON * common + (1.0 - _COMMON**2) ** 0.5 * noise
    # rounding to whole levels adds a variance of 1/12
    levels = np.rint(noise * max(sigma**2 - 1 / 12, 0.0) ** 0.5).astype(np.int16)
    plus, minus = np.maximum(levels, 0).astype(np.uint8), np.maximum(-levels, 0).astype(np.uint8)
    plus.setflags(write=False)
    minus.setflags(write=False)
    return plus, minus


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera. ``noise`` is the standard deviation of the sensor noise in grey levels (0: none)."""

    noise: float = 1.7
    jpeg_quality: int | None = 92
    grey: bool = False

    def shoot(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The picture as it would be read from disk.

        picture: (H, W, 3) uint8 RGB or (H, W) uint8. Returns (H, W, 3) uint8 RGB, or (H, W) uint8 if `grey`
        is set or the picture was grey. Equal pictures and equal states of ``rng`` give equal bytes.
        """
        if self.jpeg_quality is None:
            return self._taken(picture, rng)
        return decode(self.encode(picture, rng), grey=self.grey or picture.ndim == 2)

    def encode(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The same as a JPEG file, (n,) uint8: `decode` gives just what `shoot` gives, and so does any file of it.

        Raises SpotlibError for a camera without JPEG.
        """
        if self.jpeg_quality is None:
            raise SpotlibError("this camera writes no JPEG (jpeg_quality is None); give it a quality from 10 to 100")
        taken = self._taken(picture, rng)
        # JPEG weighs the channels, so they must be named right
        sent = cv2.cvtColor(taken, cv2.COLOR_RGB2BGR) if taken.ndim == 3 else taken
        _, coded = cv2.imencode(".jpg", sent, [cv2.IMWRITE_JPEG_QUALITY, int(self.jpeg_quality)])
        return coded

    def _taken(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if picture.ndim == 3 and self.grey:
            picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        return self._with_noise(picture, rng) if self.noise > 0 else picture

    def _with_noise(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = picture.shape[:2]
        plus, minus = _noise_tile((height, width), 1 if picture.ndim == 2 else picture.shape[2], self.noise)
        row, column = (int(rng.integers(limit)) for limit in _MARGIN)
        rows, columns = slice(row, row + height), slice(column, column + width)
        plus, minus = plus[rows, columns], minus[rows, columns]
        if picture.ndim == 2:
            plus, minus = plus[..., 0], minus[..., 0]
        noisy = cv2.add(picture, plus)
        return cv2.subtract(noisy, minus, dst=noisy)


def decode(coded: np.ndarray, *, grey: bool) -> np.ndarray:
    """The picture in a JPEG file (n,) uint8: (H, W) uint8 if ``grey``, else (H, W, 3) uint8 RGB."""
    read = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    assert read is not None  # a camera has encoded it
    return read if grey else cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
