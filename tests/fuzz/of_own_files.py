"""Files that spotlib writes and reads again: readers as functions of bytes, under checksums that fit."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from spotlib import limits
from spotlib.bundle import FORMAT as BUNDLE_FORMAT
from spotlib.bundle import Bundle
from spotlib.features_file import checksum, load_features, save_features
from spotlib.rows import coverage, done
from spotlib.store import digest, read_row
from spotlib.tables.packed import pack_rows, read_packed
from spotlib.tensors_file import read_tensors, write_tensors
from tests.fuzz.edits import Bytes, edited
from tests.fuzz.place import file, folder
from tests.rows_factory import make_rows


@cache
def _features() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from spotlib.flow import CropSpec
    from spotlib.swmro import PairMotion

    motion = PairMotion.blank(5, extractor="lk", fps=30.0, crop=CropSpec(), max_gap=3, name="video")
    path = save_features(folder() / "seed.npz", motion, half=True)
    arrays = limits.read_arrays(path)
    header = json.loads(arrays.pop("header").tobytes())
    return header, arrays


def features_npz(data: bytes) -> None:
    """A features file: its bytes changed, or its header and arrays with a checksum that fits."""
    path = folder() / "features.npz"
    header, arrays = _features()
    if data[:1] < b"\x40":
        base = _npz(header, arrays)
        source, changed = Bytes(data[1:]), bytearray(base)
        for _ in range(8):
            if source.left:
                changed[source.below(len(changed))] = source.below(256)
        path.write_bytes(bytes(changed))
    else:
        source, arrays = Bytes(data[1:9]), dict(arrays)
        for _ in range(source.below(3)):
            name = sorted(arrays)[source.below(len(arrays))]
            arrays[name] = _odd_array(arrays[name], source)
        header = edited({**header, "sha256": ""}, data[9:])
        if isinstance(header, dict):
            header["sha256"] = checksum({name: arrays[name] for name in arrays})
        path.write_bytes(_npz(header, arrays))
    motion = load_features(path)
    assert motion.flow.shape[0] == motion.n_frames == len(motion.landmarks)
    assert np.isfinite(motion.fps)


def _odd_array(array: np.ndarray, source: Bytes) -> np.ndarray:
    what = source.below(8)
    if not array.ndim:
        return array
    if what == 0:
        return array[:-1]
    if what == 1:
        return array.ravel()
    if what == 2:
        return array.astype(np.complex64)
    if what == 3:
        return np.zeros((0, *array.shape[1:]), array.dtype)
    if what == 4:
        return np.array(["text"])
    if what == 5:
        return array[..., None]
    return np.array(3.0, np.float32) if what == 6 else np.swapaxes(array, 0, -1)


def _npz(header: Any, arrays: dict[str, np.ndarray]) -> bytes:
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    data = io.BytesIO()
    np.savez(data, header=text, **arrays)  # type: ignore[arg-type]
    return data.getvalue()


def some_npz() -> bytes:
    """A small .npz file."""
    return _npz({"a": 1}, {"b": np.zeros(3)})


def arrays_npz(data: bytes) -> None:
    """Any .npz file, bytes as they come."""
    with contextlib.suppress(ValueError):
        limits.read_arrays(file("arrays.npz", data), most=2**20)


def tensors(data: bytes) -> None:
    """A file of weights or a checkpoint: bytes as they come, or an edited header under a checksum that fits."""
    path = folder() / "seed.safetensors"
    if not path.exists():
        write_tensors(path, {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, bool)}, {"t": "x"})
    base = path.read_bytes()
    (length,) = struct.unpack_from("<Q", base)
    if data[:1] < b"\x40":
        changed = data[1:]
    else:
        header = edited(json.loads(base[8 : 8 + length]), data[1:])
        body = base[8 + length :]
        if isinstance(header, dict) and isinstance(header.get("__metadata__"), dict):
            texts = {name: text for name, text in header["__metadata__"].items() if name != "sha256"}
            rest = {name: entry for name, entry in header.items() if name != "__metadata__"}
            seen = hashlib.sha256(json.dumps([rest, texts], sort_keys=True, default=str).encode() + body).hexdigest()
            header["__metadata__"]["sha256"] = seen
        text = json.dumps(header).encode()
        changed = struct.pack("<Q", len(text)) + text + body
    arrays, _ = read_tensors(file("tensors.safetensors", changed))
    assert all(type(array) is np.ndarray for array in arrays.values())


@cache
def _packed() -> tuple[dict[str, Any], list[Any]]:
    rows = make_rows(("spotformer", "peaks"), folds=2, subjects=4, videos=1)
    path = pack_rows(rows, folder() / "seed.jsonl.gz", tables={"": ["T1"]})
    first, *lines = gzip.decompress(path.read_bytes()).splitlines()
    return json.loads(first), [json.loads(line) for line in lines]


def _lines(lines: list[Any]) -> bytes:
    return b"\n".join(json.dumps(line).encode() for line in (lines if isinstance(lines, list) else [])) + b"\n"


def packed_rows(data: bytes) -> None:
    """Rows in one file; what is read has all that tables ask for."""
    header, lines = _packed()
    if data[:1] < b"\x20":
        body = data
    elif data[:1] < b"\x60":
        header, body = edited(header, data[1:]), _lines(lines)
    else:
        body = _lines(edited(lines, data[1:]))
    if isinstance(header, dict):
        header = {**header, "sha256": hashlib.sha256(body).hexdigest()}
    path = file("rows.jsonl.gz", gzip.compress(json.dumps(header).encode() + b"\n" + body, 1, mtime=0))
    rows, _ = read_packed(path)
    coverage(rows)
    for row in done(rows):
        assert row["videos"] is not None


def row_json(data: bytes) -> None:
    """A row of the store: read or not, never an error."""
    row = edited(make_rows(("peaks",), folds=1, subjects=4, videos=1)[0], data)
    if isinstance(row, dict):
        try:
            row = {**row, "checksum": digest(row)}
        except (ValueError, TypeError):
            row["checksum"] = "0"
    read_row(file("row.json", json.dumps(row).encode() if len(data) % 3 else data))


@cache
def _bundle() -> dict[str, Any]:
    from spotlib.params import Params

    event = ["micro", 3, 5, 9, ["4"], "both", True]
    key = {"code": {}, "params": {}, "data": "d", "fold": 0, "seed": 270}
    unit = {
        "variant": "spotformer", "key": key, "params": Params().model_dump(mode="json"),
        "fold": [0, ["s1"], ["s2"], ["s3"]], "head": {"dataset": "demo"}, "truth": "t",
    }  # fmt: skip
    return {
        "format": BUNDLE_FORMAT, "version": 1, "units": [unit],
        "truths": {"t": {"videos": [["s1", "v1", 30.0, "v1-abc", [event]]]}},
        "parts": [{"file": "part-000.npz", "sha256": "0" * 64}],
    }  # fmt: skip


def bundle_json(data: bytes) -> None:
    """The list of a bundle: no name in it leads out of a folder."""
    content = edited(_bundle(), data)
    if isinstance(content, dict):
        content.pop("checksum", None)
        try:
            content["checksum"] = digest(content)
        except (ValueError, TypeError):
            content["checksum"] = "0"
    file("bundle.json", json.dumps(content).encode() if len(data) % 3 else data)
    bundle = Bundle(folder())
    for unit in bundle.units:
        assert Path(unit.variant).name == unit.variant
    assert all(Path(part["file"]).name == part["file"] for part in bundle._content["parts"])
