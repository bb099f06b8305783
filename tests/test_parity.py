"""Parity passes on the stored numbers, and notices everything that is not as stored."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from spotlib.errors import SpotlibError
from spotlib.models import build_model
from spotlib.models.released import released_names
from spotlib.parity import ParityLine, check_directory, format_lines

GOLDEN = Path(__file__).parent / "data" / "golden"
NETWORKS = ("spotformer_T16.npz", "spotformer_T17.npz", "spotformer_gim_T17.npz", "spotgcn_T17.npz")


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / name, allow_pickle=False) as stored:
        return dict(stored)


def only(directory: Path) -> ParityLine:
    (line,) = check_directory(directory)
    return line


def test_every_stored_number() -> None:
    lines = check_directory(GOLDEN)
    assert [line.name for line in lines] == [
        "author_matching.json", "labels.npz", "losses.npz", "proposals.npz", *sorted(NETWORKS),
    ]  # fmt: skip
    assert all(line.ok and line.absolute < 2e-5 for line in lines)
    shown = format_lines(lines).splitlines()
    assert len(shown) == 10
    assert shown[-1] == "8 of 8 fixtures ok"
    assert shown[1].split()[0] == "author_matching.json"
    assert shown[1].split()[3] == "ok"


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("key", ["eval/embedding", "train/embedding", "train/loss", "train/grad_l2"])
def test_a_small_error_in_a_network_is_off(tmp_path: Path, name: str, key: str) -> None:
    arrays = load(name)
    arrays[key] = arrays[key] * np.float32(1.0005)
    np.savez(tmp_path / "changed.npz", **arrays)
    line = only(tmp_path)
    assert not line.ok
    assert key in line.note
    assert 3e-4 < line.relative < 6e-4


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("losses.npz", "expected/supcon"),
        ("losses.npz", "expected/total_lambda_0.5"),
        ("labels.npz", "apex_macro"),
        ("labels.npz", "boundary_micro"),
        ("proposals.npz", "samm_000_1/micro/candidate_scores"),
        ("proposals.npz", "samm_000_1/macro/kept"),
        ("spotgcn_T17.npz", "graph/A1"),
    ],
)
def test_a_changed_number_elsewhere_is_off(tmp_path: Path, name: str, key: str) -> None:
    arrays = load(name)
    arrays[key] = arrays[key] + 1 if arrays[key].dtype.kind == "i" else arrays[key] * 1.001 + 1e-3
    np.savez(tmp_path / name, **arrays)
    line = only(tmp_path)
    assert not line.ok
    assert key in line.note
    assert line.absolute > 5e-4


def test_kinds_are_told_by_content_not_by_name(tmp_path: Path) -> None:
    for i, name in enumerate(("losses.npz", "labels.npz", "proposals.npz", "spotformer_T16.npz")):
        shutil.copy(GOLDEN / name, tmp_path / f"numbers_{i}.npz")
    lines = check_directory(tmp_path)
    assert len(lines) == 4
    assert all(line.ok for line in lines)


@pytest.mark.parametrize(("dim", "heads", "frames", "mlp"), [(24, 2, 17, 40), (16, 1, 11, 16), (32, 3, 31, 32)])
def test_other_widths_and_lengths(tmp_path: Path, dim: int, heads: int, frames: int, mlp: int) -> None:
    torch.manual_seed(dim)
    model = build_model("spotformer", frames=frames, dim=dim, heads=heads, mlp=mlp, dropout=0.0).eval()
    x = torch.randn(5, frames, 10, 2)
    own = model.state_dict()
    weights = {}
    for released, ours in released_names(model).items():
        value = own[ours]
        if released.endswith("downCNN.weight"):
            value = value.view(dim, 3, dim).transpose(1, 2)
        elif released == "temporal_pos_embedding":
            value = value[None]
        weights[f"weights/{released}"] = value.numpy()
    with torch.no_grad():
        expected = {f"eval/{k}": v.numpy() for k, v in model(x)._asdict().items()}
    np.savez(tmp_path / "net.npz", input=x.permute(0, 3, 1, 2).numpy(), **weights, **expected)
    line = only(tmp_path)
    assert line.ok
    assert f"T = {frames}" in line.note


def test_other_macro_weights(tmp_path: Path) -> None:
    arrays = load("losses.npz")
    half, more = (arrays[f"expected/total_lambda_{w}"] for w in (0.5, 0.55))
    arrays["expected/total_lambda_0.7"] = half + (more - half) * 4
    arrays = {k: v for k, v in arrays.items() if k not in ("expected/total_lambda_0.5", "expected/supcon")}
    np.savez(tmp_path / "losses_x.npz", **arrays)
    assert only(tmp_path).ok
    arrays["expected/focal"] = half
    np.savez(tmp_path / "losses_x.npz", **arrays)
    line = only(tmp_path)
    assert not line.ok
    assert "expected/focal: unknown term" in line.note


def test_labels_of_other_lengths(tmp_path: Path) -> None:
    labels = np.zeros((2, 5, 8), dtype=np.int64)
    labels[0, 1, 0] = labels[0, 2, 1] = labels[0, 3, 2] = 1
    labels[0, 1:4, 3] = 1
    near = np.exp(-1 / 32)
    np.savez(
        tmp_path / "l.npz",
        frame_labels=labels,
        apex_micro=np.array([[0, near, 1, near, 0], [0] * 5]),
        boundary_micro=np.array([[0, 0, 1, 1, 1], [2] * 5]),
        supcon_class=np.array([[0, 2, 2, 2, 0], [0] * 5]),
    )
    line = only(tmp_path)
    assert line.ok
    assert line.note == "2 segments of 5 frames, 3 arrays"


def test_unknown_and_damaged_files_are_off_without_a_traceback(tmp_path: Path) -> None:
    whole = (GOLDEN / "spotformer_T17.npz").read_bytes()
    (tmp_path / "truncated.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "noise.npz").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    (tmp_path / "flipped.npz").write_bytes(damaged)
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", input=np.array([{"a": 1}], dtype=object))
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "other.json").write_text("[1]")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "notes.txt").write_text("hello")
    lines = {line.name: line for line in check_directory(tmp_path)}
    assert len(lines) == 10
    assert not any(line.ok for line in lines.values())
    unknown = {name for name, line in lines.items() if line.note.startswith("unknown")}
    assert unknown == {"other.npz", "other.json", "table.csv", "notes.txt"}
    for name in lines.keys() - unknown:
        assert lines[name].note.startswith("cannot be compared: "), name
    assert all("\n" not in line.note for line in lines.values())
    assert format_lines(lines.values()).endswith("0 of 10 fixtures ok")


def test_networks_that_do_not_fit_say_why(tmp_path: Path) -> None:
    arrays = load("spotformer_T17.npz")
    np.savez(tmp_path / "net.npz", **{k: v for k, v in arrays.items() if k != "weights/norm.bias"})
    assert "missing: norm.bias" in only(tmp_path).note
    np.savez(tmp_path / "net.npz", **arrays, **{"weights/extra": np.zeros(2)})
    assert "unused: extra" in only(tmp_path).note
    np.savez(tmp_path / "net.npz", **(arrays | {"input": np.zeros((2, 3, 17, 10), np.float32)}))
    assert "input has shape (2, 3, 17, 10)" in only(tmp_path).note
    np.savez(tmp_path / "net.npz", **{k: v for k, v in arrays.items() if not k.startswith(("eval", "train"))})
    assert "holds nothing to compare" in only(tmp_path).note
    nan = arrays["eval/logits"].copy()
    nan[0, 0] = math.nan
    np.savez(tmp_path / "net.npz", **(arrays | {"eval/logits": nan}))
    line = only(tmp_path)
    assert not line.ok
    assert math.isnan(line.absolute)
    np.savez(tmp_path / "net.npz", **(arrays | {"eval/logits": arrays["eval/logits"][:3]}))
    assert "shape (6, 10), stored (3, 10)" in only(tmp_path).note


def test_matching_needs_its_tables_and_notices_other_hits(tmp_path: Path) -> None:
    for name in ("anno.csv", "author_matching.json"):
        shutil.copy(GOLDEN / name, tmp_path)
    line = only(tmp_path)
    assert not line.ok
    assert "0 tables of the predictions" in line.note
    shutil.copy(GOLDEN / "predictions.csv", tmp_path)
    assert only(tmp_path).ok
    stored = json.loads((tmp_path / "author_matching.json").read_text())
    stored["micro"]["found"] += 1
    (tmp_path / "author_matching.json").write_text(json.dumps(stored))
    line = only(tmp_path)
    assert not line.ok
    assert "micro/found: off by 1" in line.note
    (tmp_path / "author_matching.json").unlink()
    assert {line.note for line in check_directory(tmp_path)} == {"unknown: a table without stored hits"}


def test_no_directory_and_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(SpotlibError, match="no such directory"):
        check_directory(tmp_path / "none")
    (tmp_path / ".hidden").write_text("x")
    with pytest.raises(SpotlibError, match="there is no fixture in it"):
        check_directory(tmp_path)


def test_a_number_that_nothing_is_compared_with_is_off(tmp_path: Path) -> None:
    """A leftover (misspelt) expectation must not pass silently."""
    with np.load(GOLDEN / "spotformer_T17.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["eval/logit"] = arrays.pop("eval/logits")
    np.savez(tmp_path / "spotformer_T17.npz", **arrays)
    (line,) = check_directory(tmp_path)
    assert not line.ok
    assert "eval/logit: unknown, not compared" in line.note
