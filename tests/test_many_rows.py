"""A thousand rows: how often files are read and keys made grows with the rows, not with what is shown of them."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotlib import figures, runner, store, tables, views
from spotlib.runner import Run
from spotlib.store import RowStore
from spotlib.variants import VARIANTS
from tests.many_rows import NAMES as ALL
from tests.many_rows import open_many, write_rows
from tests.rows_factory import make_rows

NAMES = ALL[:12]
FOLDS = 6


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose rows all exist, as if it had been trained."""
    assert write_rows(open_many(tmp_path, folds=FOLDS, videos=1), NAMES, videos=1) == len(NAMES) * FOLDS
    return open_many(tmp_path, folds=FOLDS, videos=1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file of rows is read."""
    count: Counter[str] = Counter()
    plain = store.read_row

    def counted(path: Path) -> dict[str, Any] | None:
        count[path.name + path.parent.name] += 1
        return plain(path)

    monkeypatch.setattr(store, "read_row", counted)
    return count


def test_a_report_reads_every_row_once(run: Run, read: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    plain = runner.code_digest
    monkeypatch.setattr(runner, "code_digest", lambda modules: digests.append(modules) or plain(modules))
    rows = run.train(*NAMES)  # finds all there
    assert len(rows) == len(NAMES) * FOLDS
    views.summary(run, *NAMES)
    views.comparison_table(run, "spotformer", "peaks")
    views.ablation_table(run, NAMES[2:])
    views.forest_figure(run, *NAMES)
    views.detail_table(run, "spotformer")
    views.fold_results_table(run, "peaks")
    run.provenance()
    assert set(read.values()) == {1}
    assert len(read) == len(rows)
    # each variant's key once, also of those without rows, and the features' key
    assert len(digests) <= len(VARIANTS) + 1


def test_rows_that_are_not_there_are_not_looked_into(run: Run, read: Counter[str]) -> None:
    run.rows("peaks")
    run.changed(lr=0.5).rows("spotformer")
    assert sum(read.values()) == FOLDS


def test_a_row_is_what_it_says_whatever_the_reader_does_to_it(run: Run) -> None:
    first = run.rows("peaks")[0]
    first["status"] = "changed by a reader"
    first["more"] = 1
    again = run.rows("peaks")[0]
    assert again["status"] == "done"
    assert "more" not in again


def test_a_key_is_not_shared_with_those_who_got_it(run: Run) -> None:
    run.key("peaks", 0)["params"]["dataset"] = "other"
    assert run.key("peaks", 0)["params"]["dataset"] == "demo"
    assert [run.key("peaks", fold)["fold"] for fold in range(FOLDS)] == list(range(FOLDS))
    assert len({run.key("peaks", fold)["subjects"] for fold in range(FOLDS)}) == FOLDS


def test_files_that_change_are_read_again(tmp_path: Path, read: Counter[str]) -> None:
    rows, key = RowStore(tmp_path), {"fold": 0, "seed": 1}
    path = rows.write("peaks", key, {"status": "failed"}, {"a": np.zeros(3)})
    for _ in range(3):
        assert rows.read("peaks", key)["status"] == "failed"  # type: ignore[index]
    assert sum(read.values()) == 1
    rows.write("peaks", key, {"status": "done"}, {"a": np.ones(3)})
    assert rows.read("peaks", key)["status"] == "done"  # type: ignore[index]
    arrays = path.with_suffix(".npz")
    arrays.write_bytes(arrays.read_bytes() + b"x")  # the row is no longer whole
    assert rows.read("peaks", key) is None
    rows.write("peaks", key, {"status": "done"}, {"a": np.ones(3)})
    assert rows.read("peaks", key) is not None
    path.write_text(path.read_text().replace("done", "gone"))
    assert rows.read("peaks", key) is None
    path.unlink()
    assert rows.read("peaks", key) is None


def test_a_row_of_another_key_in_its_place_is_none(tmp_path: Path) -> None:
    rows = RowStore(tmp_path)
    path = rows.write("peaks", {"fold": 0, "seed": 1}, {"status": "done"})
    other = rows.path("peaks", {"fold": 0, "seed": 1, "more": 2})
    os.link(path, other)
    for _ in range(2):
        assert rows.read("peaks", {"fold": 0, "seed": 1, "more": 2}) is None
    assert json.loads(other.read_text())["status"] == "done"


def test_a_figure_that_is_saved_and_shown_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    plain = figures.Figure.render

    def counted(self: Any, kind: str = "png", **options: Any) -> bytes:
        drawn.append(kind)
        return plain(self, kind, **options)

    monkeypatch.setattr(figures.Figure, "render", counted)
    figure = figures.confusion(make_rows(("spotformer",)))
    (path,) = figure.save(tmp_path)
    figure._repr_html_()
    assert figure._repr_png_() == path.read_bytes()
    assert drawn == ["png"]
    assert tables.folds(make_rows(("peaks",))).shown.shape[0] > 1
