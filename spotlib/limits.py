"""How much of a file is taken in, at most: a small file from a stranger may mean more than any memory holds.

Readers here raise ValueError, saying what is wrong, and OSError; those who call them know what the file should be.
"""

from __future__ import annotations

import errno
import json
import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy as np

MAX_TEXT = 64 * 2**20  #: bytes of a table, a list or a parameter file
MAX_JSON = 256 * 2**20  #: bytes of a file that spotlib itself wrote: a row with its curves has kilobytes
MAX_ARRAYS = 4 * 2**30  #: bytes that the arrays of one file unpack to; three hours of video take a quarter
MAX_MEMBERS = 100_000  #: arrays in one file
#: of a picture: an 8K frame has half of it; also the most that a frame of a video may have
MAX_PIXELS = 64 * 2**20
MAX_PICTURE = 512 * 2**20  #: bytes of a picture file: MAX_PIXELS without compression, and as much again
MAX_HOURS = 24  #: of a video
_CHUNK = 2**20


def read_bytes(path: Path | str, most: int = MAX_TEXT) -> bytes:
    """The content of a file. ValueError if it is longer than ``most`` bytes (it is not read to its end)."""
    data = bytearray()
    with open(path, "rb") as file:
        while len(data) <= most and (part := file.read(_CHUNK)):
            data += part
    if len(data) > most:
        raise ValueError(f"larger than {most >> 20} MiB")
    return bytes(data)


def loads(text: str | bytes) -> Any:
    """JSON as spotlib writes it: without NaN and infinity. ValueError also where it is nested too deeply.

    >>> loads('{"a": [1]}')
    {'a': [1]}
    """
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_json(path: Path | str, most: int = MAX_JSON) -> Any:
    """The JSON in a file of at most ``most`` bytes in UTF-8, see `loads`."""
    return loads(read_bytes(path, most).decode("utf-8"))


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def read_arrays(path: Path | str, *, most: int = MAX_ARRAYS) -> dict[str, np.ndarray]:
    """The arrays of an .npz file: plain numbers and texts, nothing is unpickled.

    What an array takes is checked before it is taken: against ``most``, and against what its header promises. Raises
    ValueError for a file that is none, is damaged, holds Python objects or unpacks to more than ``most`` bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if unpacked > most or len(members) > MAX_MEMBERS:
                raise ValueError(f"{len(members)} arrays unpack to {unpacked >> 20} MiB")
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except (
        zipfile.BadZipFile, zlib.error, EOFError, OverflowError, tokenize.TokenError,
        SyntaxError, TypeError, RecursionError, RuntimeError, MemoryError, KeyError, IndexError,
    ) as error:  # a damaged archive, or a header that is none  # fmt: skip
        raise ValueError(str(error) or type(error).__name__) from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ValueError("damaged: it refers to places outside of the file") from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    import numpy as np

    if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("packed in a way that is never used here")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise ValueError(f"array of format {version}")
        if dtype.kind not in "biufUS":
            raise ValueError(f"array of {dtype}")
        promised = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or promised != member.file_size - file.tell():
            raise ValueError("array of another length than its header says")
        data = np.empty(promised, np.uint8)
        _fill(file, data.data)
    return data.view(dtype).reshape(shape, order="F" if fortran else "C") if promised else np.empty(shape, dtype)


def _fill(file: IO[bytes], target: memoryview) -> None:
    at = 0
    while at < len(target):
        part = file.read(min(_CHUNK, len(target) - at))
        if not part:
            raise ValueError("cut off")
        target[at : at + len(part)] = part
        at += len(part)
    if file.read(1):  # reaches the end, where the checksum is compared
        raise ValueError("longer than its header says")
