from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from spotlib.errors import SpotlibError
from spotlib.tensors_file import read_tensors, write_tensors

ARRAYS = {
    "weights": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
    "half": np.arange(5, dtype=np.float16),
    "step": np.array(7.0, dtype=np.float32),
    "valid": np.array([True, False, True]),
    "random": np.arange(9, dtype=np.uint8),
    "none": np.zeros((0, 4), dtype=np.int64),
}


@pytest.fixture
def path(tmp_path):
    write_tensors(tmp_path / "a.checkpoint", ARRAYS, {"state": '{"lr": 0.1}'})
    return tmp_path / "a.checkpoint"


def test_round_trip(path):
    arrays, texts = read_tensors(path)
    assert texts == {"state": '{"lr": 0.1}'}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
    arrays["weights"][0, 0] = 3  # may be written to


def test_the_format_s_own_reader_reads_it(path):
    for name, array in load_file(path).items():
        np.testing.assert_array_equal(array, ARRAYS[name])
    with safe_open(path, framework="numpy") as file:
        assert file.metadata()["state"] == '{"lr": 0.1}'


def test_files_of_others_lack_the_checksum(tmp_path):
    save_file(ARRAYS, tmp_path / "other", metadata={"a": "b"})
    with pytest.raises(SpotlibError, match="damaged \\(KeyError\\)"):
        read_tensors(tmp_path / "other")


def test_every_flipped_bit_and_every_cut_is_noticed(path):
    blob = path.read_bytes()
    for at in range(len(blob)):
        path.write_bytes(blob[:at] + bytes([blob[at] ^ (1 << at % 8)]) + blob[at + 1 :])
        try:
            arrays, texts = read_tensors(path)
        except SpotlibError:
            continue
        # only where it changes nothing: a space of the padding behind the header
        assert texts == {"state": '{"lr": 0.1}'}
        assert all((arrays[name] == ARRAYS[name]).all() for name in ARRAYS)
    for length in range(0, len(blob), 7):
        path.write_bytes(blob[:length])
        with pytest.raises(SpotlibError, match="damaged"):
            read_tensors(path)
    path.write_bytes(blob + b"\0")
    with pytest.raises(SpotlibError, match="something stands behind its arrays"):
        read_tensors(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]},
        {"dtype": "O", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": ["1"], "data_offsets": [0, 4]},
        {"dtype": "F32"},
        [],
    ],
)
def test_headers_that_lie(tmp_path, entry):
    text = json.dumps({"a": entry, "__metadata__": {"sha256": ""}}).encode()
    (tmp_path / "lie").write_bytes(struct.pack("<Q", len(text)) + text + b"\0\0\0\0")
    with pytest.raises(SpotlibError, match="damaged"):
        read_tensors(tmp_path / "lie")


@given(st.binary(max_size=200))
def test_anything_else_is_one_error(tmp_path_factory, blob):
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(blob)
    with pytest.raises(SpotlibError, match="damaged"):
        read_tensors(path)


def test_what_has_no_place_in_it(tmp_path):
    with pytest.raises(SpotlibError, match="a holds object"):
        write_tensors(tmp_path / "a", {"a": np.array([None])}, {})
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none")
