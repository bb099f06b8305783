"""Folds computed together leave the rows that each leaves by itself."""

from __future__ import annotations

import pytest

from spotlib.params import Params
from spotlib.splits import make_folds
from spotlib.store import RowStore
from spotlib.units import Unit, compute, compute_together
from tests.clips import planted_clip

SMALL = Params(
    dim=16, heads=2, head_dim=8, dropout=0.0, epochs=2, steps_per_epoch=3, segments_per_batch=4, candidate_epochs=2
)
TIMES = ("train_seconds", "windows_per_second", "written", "checksum")


@pytest.fixture(scope="module")
def clips():
    return [planted_clip(f"s{i}", 0) for i in range(4)]


@pytest.fixture(scope="module")
def units(clips):
    folds = make_folds([clip.subject for clip in clips], folds=2, inner_share=0.3, seed=1)
    return [Unit("spotformer", {"fold": fold.index, "seed": 1}, SMALL, fold, {"seed": 1}) for fold in folds]


def test_the_same_rows(clips, units, tmp_path):
    def of(subjects):
        return [clip for clip in clips if clip.subject in set(subjects)]

    alone, together = RowStore(tmp_path / "alone"), RowStore(tmp_path / "together")
    for unit in units:
        compute(unit, of, alone, libraries={"torch": "x"})
    beats: list[float] = []
    said = list(
        compute_together(
            units, of, together, device="cpu", workers=0, libraries={"torch": "x"}, beat=lambda d, _: beats.append(d)
        )
    )
    assert sorted(name for name, _ in said) == ["fold 0 of spotformer", "fold 1 of spotformer"]
    assert beats[-1] == 4
    assert beats == sorted(beats)
    for unit in units:
        one, two = alone.read(unit.variant, unit.key), together.read(unit.variant, unit.key)
        assert one is not None
        assert two is not None
        assert one["status"] == "done"
        assert {k: v for k, v in one.items() if k not in TIMES} == {k: v for k, v in two.items() if k not in TIMES}


def test_no_videos_is_a_failed_row_for_each(units, tmp_path):
    def none(subjects):
        raise OSError("disk gone")

    store = RowStore(tmp_path)
    said = list(compute_together(units, none, store, device="cpu"))
    assert [outcome for _, outcome in said] == ["failed (OSError: disk gone)"] * 2
    rows = [store.read(unit.variant, unit.key) for unit in units]
    assert all(row is not None and row["status"] == "failed" and row["train_subjects"] for row in rows)
