"""Picture files: what is in them and whether they are whole, first by a glance at both ends, then by decoding.

A cut-off JPEG decodes without complaint into a picture with a grey lower half, which would look like a motion of half
the face. Therefore the end marker counts, not only the decoder's word.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spotlib.errors import ReadError
from spotlib.limits import MAX_PICTURE, MAX_PIXELS

_COMMENT = b"spotlib: synthetic picture"
_GLANCE = 4096  # bytes read at each end of a file
_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*")


@dataclass(frozen=True)
class Glance:
    """What the ends of a picture file tell: ``size`` (height, width) in px if known, and what is wrong, or ""."""

    size: tuple[int, int] | None
    problem: str = ""


def glance(path: str | Path) -> Glance:
    """Look at a picture file without decoding it; a broken or missing file is a `Glance` with a problem."""
    try:
        with open(path, "rb") as file:
            head = file.read(_GLANCE)
            length = file.seek(0, 2)
            file.seek(max(0, length - _GLANCE))
            tail = file.read(_GLANCE) if length > _GLANCE else head
            seen = _inspect(head, tail, length)
            if length > _GLANCE and (seen.size is None or seen.problem):
                # a long preview in front of the picture, or something behind its end: look at all of it
                file.seek(0)
                data = file.read()
                seen = _inspect(data, data, length)
    except OSError as error:
        return Glance(None, f"cannot be opened ({error.strerror})")
    return seen


def read_picture(path: str | Path, *, grey: bool) -> np.ndarray | str:
    """Decode a picture: (H, W) uint8 if ``grey``, else (H, W, 3) uint8 RGB; or, as text, why that is impossible.

    Raises ReadError if it is there but cannot be read now: that is no property of the data.
    """
    import cv2

    try:
        if os.stat(path).st_size > MAX_PICTURE:
            return f"larger than {MAX_PICTURE >> 20} MiB"
        data = Path(path).read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        return f"cannot be opened ({error.strerror})"
    except OSError as error:
        raise ReadError(
            f"{path}: cannot be read ({error.strerror}); mend its permissions or the disk, the same command goes on"
        ) from None
    problem = too_large(data) or _inspect(data, data, len(data)).problem
    if problem:
        return problem
    # the header's orientation is ignored: cameras of data sets stand still, and sizes must compare with the header's
    flag = (cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR_RGB) | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        image = None
    return image if image is not None else "cannot be decoded"


def too_large(data: bytes) -> str:
    """Why the picture in a file must not be decoded, or "": its header promises more than any camera takes.

    A few bytes may decode to gigabytes. What is no picture of a known kind is not decoded either.
    """
    size = _tiff(data) if data.startswith(_TIFF) else _inspect(data, data, len(data)).size
    if size is None:
        return _inspect(data, data, len(data)).problem or "no picture"
    if size[0] * size[1] > MAX_PIXELS:
        return f"{size[1]}x{size[0]} px, more than the {MAX_PIXELS / 1e6:.0f} million that a picture may have"
    return ""


def _tiff(data: bytes) -> tuple[int, int] | None:
    """Height and width in px of a TIFF's first picture, those of its tiles if they are larger; None: not told."""
    order = "<" if data[:1] == b"I" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4) if len(data) >= 8 else (len(data),)
    sizes = {256: 0, 257: 0, 322: 0, 323: 0}  # width, height, width and height of tiles
    if at + 2 > len(data):
        return None
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    for k in range(min(entries, (len(data) - at - 2) // 12)):
        place = at + 2 + 12 * k
        tag, kind = struct.unpack_from(f"{order}HH", data, place)
        if tag in sizes:
            if kind not in (3, 4):
                return None
            (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, place + 8)
            sizes[tag] = max(sizes[tag], value)
    height, width = max(sizes[257], sizes[323]), max(sizes[256], sizes[322])
    return (height, width) if height and width else None


def marked_synthetic(jpeg: bytes) -> bytes:
    """A JPEG file with a comment in its header that says it was rendered; its picture stays the same to the bit.

    The mark goes where the picture goes, whatever becomes of the folders around it.
    """
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(_COMMENT) + 2) + _COMMENT + jpeg[2:]


def is_synthetic(path: str | Path) -> bool:
    """Whether a picture file carries the mark of `marked_synthetic`."""
    try:
        with open(path, "rb") as file:
            return file.read(6 + len(_COMMENT))[6:] == _COMMENT
    except OSError:
        return False


def _inspect(head: bytes, tail: bytes, length: int) -> Glance:
    """``head`` and ``tail`` are the ends of a file of ``length`` bytes, or both all of it."""
    if not head:
        return Glance(None, "the file is empty")
    if head.startswith(b"\xff\xd8"):
        return _jpeg(head, tail)
    if head.startswith(_PNG):
        if len(head) < 24:
            return Glance(None, "cut off within its header")
        width, height = struct.unpack(">II", head[16:24])
        return Glance((height, width), "" if b"IEND" in tail[-64:] else "cut off, no end marker")
    if head.startswith(b"BM") and len(head) >= 26:
        promised, old = struct.unpack("<2xI8xI", head[:18])
        width, height = struct.unpack("<HH", head[18:22]) if old == 12 else struct.unpack("<ii", head[18:26])
        return Glance((abs(height), abs(width)), "" if length >= promised else "cut off, shorter than its header says")
    if head.startswith(_TIFF):
        return Glance(None)  # its directory may stand anywhere: decoding tells
    return Glance(None, "filled with zeros" if not any(head) else "no picture")


def _jpeg(head: bytes, tail: bytes) -> Glance:
    """Walk the segments up to the picture's size, then look for the end marker."""
    at, size = 2, None
    while at + 9 <= len(head) and size is None:
        if head[at] != 0xFF:
            return Glance(None, "damaged within its header")
        marker = head[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            size = (height, width)
        elif marker == 0x01 or 0xD0 <= marker <= 0xDA:  # these have no length: nothing of the kind stands in a header
            return Glance(None, "damaged within its header")
        at += 2 + struct.unpack(">H", head[at + 2 : at + 4])[0]
    if size is None:
        return Glance(None, "cut off within its header")
    if tail.endswith(b"\xff\xd9"):
        return Glance(size)
    if tail is head:  # all of it: something may follow the end; a preview's own end, within the header, does not count
        scan = head.find(b"\xff\xda", at)
        if scan >= 0 and head.find(b"\xff\xd9", scan) >= 0:
            return Glance(size)
    return Glance(size, "cut off, no end marker")
