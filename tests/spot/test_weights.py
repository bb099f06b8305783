"""Weights: what is written comes back, other programs read it, and whatever is wrong with a file is one line."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from spotlib.spot import weights as module
from spotlib.spot.card import card
from spotlib.spot.weights import WINDOW_NAMES, load_weights, save_weights
from tests.spot.factory import RULES, tiny_weights


def error(path: Path | str | None) -> str:
    with pytest.raises(SpotlibError) as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_round_trip(tmp_path):
    given = tiny_weights(trained_on={"people": 3, "data sets": ["demo"]}, measured={"F1": {"macro": 0.5}}, commit="abc")
    path = tmp_path / "some.safetensors"
    written = save_weights(path, given)
    read = load_weights(path)
    assert read == written
    assert read.digest == written.digest != given.digest  # matrices were rounded
    assert (read.name, read.commit, read.rules, read.window) == ("some", "abc", RULES, given.window)
    assert read.trained_on == {"people": 3, "data sets": ["demo"]}
    assert read.state["head.weight"].dtype == np.float16
    assert read.state["head.bias"].dtype == np.float32
    windows = np.random.default_rng(0).normal(size=(5, 17, 10, 2)).astype(np.float32)
    np.testing.assert_array_equal(read.scorer()(windows), written.scorer()(windows))
    full = save_weights(tmp_path / "full.safetensors", given, half=False)
    np.testing.assert_array_equal(load_weights(tmp_path / "full.safetensors").scorer()(windows), full.scorer()(windows))


def test_the_formats_own_library_reads_the_same(tmp_path):
    path = tmp_path / "some.safetensors"
    written = save_weights(path, tiny_weights())
    theirs = load_file(path)
    assert theirs.keys() == written.state.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(array, written.state[name])
        assert array.dtype == written.state[name].dtype
    with safe_open(path, "np") as file:
        texts = file.metadata()
    assert (texts["format"], texts["version"]) == ("spotlib-weights", "1")
    assert json.loads(texts["rules"])["micro"]["k_max"] == RULES[Kind.MICRO].k_max
    assert set(json.loads(texts["window"])) == set(WINDOW_NAMES)


def test_digest_tells_weights_apart():
    assert tiny_weights().digest == tiny_weights().digest
    assert len({tiny_weights().digest, tiny_weights(1).digest, tiny_weights(commit="x").digest}) == 3


def test_what_is_wrong_is_one_line(tmp_path):
    assert "no such file of weights" in error(tmp_path / "absent.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, other)
    assert "not spotlib's weights" in error(other)
    odd = tmp_path / "odd.safetensors"
    for content in (b"", b"nothing but text", struct.pack("<Q", 2**40) + b"{}", struct.pack("<Q", 2) + b"[]"):
        odd.write_bytes(content)
        assert "not spotlib's weights" in error(odd)
    whole = tmp_path / "whole.safetensors"
    save_weights(whole, tiny_weights())
    data = bytearray(whole.read_bytes())
    odd.write_bytes(data[:-100])
    assert "damaged" in error(odd)
    data[-50] ^= 1
    odd.write_bytes(data)
    assert "damaged (checksum)" in error(odd)
    assert "cannot be read" in error(tmp_path)


def test_other_kind_version_or_incomplete(tmp_path):
    path = tmp_path / "w.safetensors"
    texts = {name: json.dumps(None) for name in module._TEXTS}
    module.write_tensors(path, {}, {"format": "spotlib-checkpoint", "version": "1"})
    assert "not spotlib's weights" in error(path)
    module.write_tensors(path, {}, {"format": "spotlib-weights", "version": "9", **texts})
    assert "another version of spotlib (version 9, known is 1)" in error(path)
    module.write_tensors(path, {}, {"format": "spotlib-weights", "version": "1", **texts})
    assert "not whole" in error(path)
    given = tiny_weights()
    save_weights(path, tiny_weights(state={n: a for n, a in given.state.items() if n != "head.bias"}))
    assert "not the weights of this spotformer" in error(path)
    with pytest.raises(SpotlibError, match=r"written as \.safetensors"):
        save_weights(tmp_path / "w.npz", given)


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny_weights())
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    monkeypatch.setattr(module, "read_tensors", lambda path: pytest.fail("was read"))
    assert "this is no file of spotlib's weights" in error(path)


def test_packaged_ones_are_picked_up(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ASSETS", tmp_path)
    assert "no weights come with this spotlib" in error(None)
    save_weights(tmp_path / "first.safetensors", tiny_weights())
    assert load_weights().name == "first"
    assert load_weights("first").digest == load_weights(None).digest
    save_weights(tmp_path / "spotlib.safetensors", tiny_weights(1))
    assert load_weights().name == "spotlib"
    assert "second: no such weights; give a .safetensors file, or one of: spotlib, first" in error("second")


def test_the_card_says_what_they_are_and_are_not():
    text = card(tiny_weights(measured={"F1": {"macro": 0.51234, "micro": 0.25}}, trained_on={"people": 12}))
    assert "rendered people only" in text
    assert "no lie detector" in text
    assert "no diagnosis" in text
    assert "F1: macro 0.5123, micro 0.25" in text
    assert "people: 12" in text
    assert "rendered people only" not in card(tiny_weights(synthetic=False))
