"""Arrays and some text in one file of the safetensors format, written and read without anything that runs code.

The format: eight bytes with the length of a JSON header, the header (name -> type, shape, bytes from and to), then
the arrays behind each other. Read strictly: whatever is not exactly that is an error, and nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.store import atomic

_TYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64,
    "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}
_HEADER_LIMIT = 100 * 2**20  # as in the format's own reader


def write_tensors(path: Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, str]) -> None:
    """Write ``arrays`` and ``texts`` to ``path`` all at once, with a checksum over both.

    Raises SpotlibError, one line, if the folder cannot be written or the disk is full.
    """
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    at = 0
    # widest first, so that every array begins at a multiple of its own size
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        kind = _NAMES.get(array.dtype)
        if kind is None:
            raise SpotlibError(f"{path}: {name} holds {array.dtype}, which has no place in such a file")
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + len(blob)]}
        parts.append(blob)
        at += len(blob)
    header["__metadata__"] = {**texts, "sha256": _checksum(header, texts, b"".join(parts))}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with atomic(path) as temporary, open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for blob in parts:
            file.write(blob)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """What `write_tensors` wrote: arrays and texts.

    Raises FileNotFoundError if there is no such file, SpotlibError (one line) if it is damaged or of another kind.
    """
    try:
        blob = Path(path).read_bytes()
        return _parse(blob)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError) as error:
        said = str(error) if type(error) is ValueError else type(error).__name__
        raise SpotlibError(f"{path}: damaged ({said})") from None


def _parse(blob: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    (length,) = struct.unpack_from("<Q", blob)
    if length > min(_HEADER_LIMIT, len(blob) - 8):
        raise ValueError("its header is cut off")
    header = json.loads(blob[8 : 8 + length].decode())
    data = memoryview(blob)[8 + length :]
    texts = header.pop("__metadata__")
    checksum = texts.pop("sha256")
    arrays: dict[str, np.ndarray] = {}
    at = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        kind, shape = np.dtype(_TYPES[entry["dtype"]]), entry["shape"]
        begin, end = entry["data_offsets"]
        if any(type(size) is not int or size < 0 for size in shape):
            raise ValueError("a shape is wrong")
        count = 1
        for size in shape:
            count *= size
        if begin != at or end - begin != count * kind.itemsize or end > len(data):
            raise ValueError("its arrays do not fit")
        arrays[name] = np.frombuffer(data[begin:end], kind).reshape(shape).copy()
        at = end
    if at != len(data):
        raise ValueError("something stands behind its arrays")
    if _checksum(header, texts, data) != checksum:
        raise ValueError("checksum")
    return arrays, texts


def _checksum(header: Mapping[str, Any], texts: Mapping[str, str], data: bytes | memoryview) -> str:
    digest = hashlib.sha256(json.dumps([header, texts], sort_keys=True).encode())
    digest.update(data)
    return digest.hexdigest()
