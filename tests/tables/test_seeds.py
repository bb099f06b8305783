from __future__ import annotations

import numpy as np
import pytest

from spotlib import tables
from tests.rows_factory import fail, make_rows

SEEDS = (270, 271, 272)


def test_spread_of_seeds_stands_beside_the_interval_over_subjects() -> None:
    rows = make_rows(("spotformer", "no_flgp"), seeds=SEEDS)
    table = tables.seeds(rows, draws=300)
    frame = table.frame.set_index(["variant", "kind"])
    line = frame.loc["spotformer", "overall"]
    for seed in SEEDS:
        alone = tables.comparison([r for r in rows if r["seed"] == seed], draws=100).frame.set_index("variant")
        assert line[f"seed_{seed}"] == pytest.approx(alone.f1_overall["spotformer"])
    values = [line[f"seed_{seed}"] for seed in SEEDS]
    assert line.sd == pytest.approx(np.std(values, ddof=1))
    assert line.range == pytest.approx(max(values) - min(values))
    whole = tables.comparison(rows, draws=300).frame.set_index("variant")
    assert line.f1 == pytest.approx(whole.f1_overall["spotformer"])
    assert [line.f1_low, line.f1_high] == pytest.approx(
        [whole.f1_overall_low["spotformer"], whole.f1_overall_high["spotformer"]]
    )
    assert line.both_high - line.both_low > 0
    wider = line.range > line.f1_high - line.f1_low
    assert line.verdict == (
        "seeds matter more than subjects" if wider else "seeds stay inside the interval over subjects"
    )
    assert table.shown.columns.tolist()[2:5] == ["seed 270", "seed 271", "seed 272"]


def test_seeds_that_are_not_there_are_empty_and_failed_folds_are_named() -> None:
    rows = make_rows(("spotformer",), seeds=SEEDS) + make_rows(("peaks",))
    rows[0] = fail(rows[0])
    table = tables.seeds(rows, draws=200)
    shown = table.shown.set_index(["System", "Kind"])
    assert shown.loc[("Peak detector", "overall"), "seed 271"] == "\N{EN DASH}"
    assert shown.loc[("Peak detector", "overall"), "In words"] == "one seed"
    assert "FAILED: SpotFormer fold 0 (seed 270)" in table.caption
    assert np.isfinite(table.frame.both_low[0])
    broken = tables.seeds([fail(row) for row in make_rows(("spotformer",))] + make_rows(("peaks",)), draws=200)
    assert broken.frame.verdict.tolist()[:3] == ["failed"] * 3
