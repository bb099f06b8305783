from __future__ import annotations

import pytest

from spotlib.errors import SpotlibError
from spotlib.tables import same_order, tag
from tests.rows_factory import make_rows

SMALL = {"folds": 3, "subjects": 9, "videos": 1}


def test_the_same_rows_stand_in_the_same_order() -> None:
    rows = make_rows(("spotformer", "peaks", "no_flgp"), **SMALL)
    table = same_order(tag(rows, profile="study"), tag(rows, profile="paper"), draws=200)
    assert table.notes[0] == "3 of 3 pairs of rows stand in the same order under both profiles."
    assert table.frame.rank_small.tolist() == table.frame.rank_full.tolist()
    assert table.shown.columns.tolist()[1] == "F1 overall, study"
    assert "Order of rows under profile study and profile paper" in table.caption


def test_a_turned_pair_is_named_and_weighed() -> None:
    full = tag(make_rows(("spotformer", "peaks"), **SMALL), profile="paper")
    swap = {"spotformer": "peaks", "peaks": "spotformer"}
    names = {row["variant"]: row["system"] for row in full}
    small = [
        {**row, "variant": swap[row["variant"]], "system": names[swap[row["variant"]]], "profile": "study"}
        for row in full
    ]
    table = same_order(small, full, draws=200)
    assert table.notes[0] == (
        "0 of 1 pairs of rows stand in the same order under both profiles; turned around: SpotFormer and Peak detector."
    )
    assert table.notes[1].startswith("1 of the 1 turned pairs differ beyond their intervals under both")
    assert table.frame.set_index("variant").rank_small.to_dict() == {"spotformer": 2, "peaks": 1}


def test_two_rows_are_needed() -> None:
    rows = make_rows(("spotformer", "peaks"), **SMALL)
    with pytest.raises(SpotlibError, match=r"^order of rows: spotformer and one variant at least .* found spotformer$"):
        same_order(rows[:3], rows)
