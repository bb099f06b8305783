from __future__ import annotations

from pathlib import Path

import pytest

from spotlib.spot.spotting import spot
from spotlib.spot.weights import Weights, save_weights
from tests.spot.factory import pictures, tiny_weights, write_file


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """A rendered file of 72 frames at 30 frames/s, written once."""
    return write_file(tmp_path_factory.mktemp("clips") / "acted.mp4", pictures())


@pytest.fixture(scope="session")
def weights() -> Weights:
    """Untrained weights that make some events of it."""
    return tiny_weights(1)


@pytest.fixture(scope="session")
def weights_file(weights, tmp_path_factory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, weights, half=False)
    return path


@pytest.fixture(scope="session")
def result(clip, weights):
    """What is spotted in the clip, with pictures."""
    return spot(clip, weights=weights)
