from __future__ import annotations

import pytest

from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.published import alternatives, counts, published, reports
from spotlib.errors import SpotlibError
from tests.datasets.tables_factory import (
    CAS3_HEADER,
    cas2_row,
    cas2_sheets,
    cas3_row,
    samm_row,
    samm_sheet,
    write_xlsx,
)


@pytest.mark.parametrize(
    ("dataset", "part", "events"),
    [
        ("samm_lv", "", (343, 159)),
        ("cas_me2", "", (300, 57)),
        ("cas_me3", "A", (3346, 860)),
        ("cas_me3", "C", (0, 165)),
    ],
)
def test_the_whole_tables(dataset, part, events):
    whole = published(dataset, part=part)
    assert ((whole.macro, whole.micro), whole.convention) == (events, "")


def test_reports_under_conventions_come_after_and_are_smaller():
    for dataset, part in (("cas_me2", ""), ("cas_me3", "A")):
        whole, *others = reports(dataset, part=part)
        assert others
        assert all(o.convention and o.macro < whole.macro and o.micro <= whole.micro and o.source for o in others)
    with pytest.raises(SpotlibError, match="nothing is published of data set 'own'"):
        published("own")


def test_counts_of_a_table_and_of_its_events(tmp_path):
    rows = [
        cas2_row(1, "anger2_1", 10, 20, 0),
        cas2_row(1, "disgust1_1", 10, 0, 30),
        cas2_row(2, "anger2_1", 9, 12, 15),
    ]
    table = read_annotations("cas_me2", write_xlsx(tmp_path / "t.xlsx", cas2_sheets(rows)))
    raw = counts(table)
    assert (raw.subjects, raw.videos, raw.macro, raw.micro) == (2, 3, 3, 0)
    assert (raw.missing_offset, raw.unknown_apex, raw.unknown_onset) == (1, 1, 0)
    dropped = counts(table, Conventions(missing_offset="drop"))
    assert (dropped.subjects, dropped.videos, dropped.macro) == (2, 2, 2)
    zero = counts(table, Conventions(missing_offset="keep_zero"))
    assert (zero.macro, zero.unreachable, zero.unknown_apex) == (3, 1, 1)


def test_counts_under_the_length_rule(tmp_path):
    rows = [cas3_row("spNO.301", "a", 10, 20, 130), cas3_row("spNO.301", "b", 10, 20, 131)]
    table = read_annotations("cas_me3", write_xlsx(tmp_path / "t.xlsx", {"AU": [CAS3_HEADER, *rows]}))
    assert (counts(table, Conventions()).macro, counts(table, Conventions()).videos) == (1, 1)
    assert counts(table, Conventions(max_macro=None)).macro == 2


def test_counts_of_unknown_onsets(tmp_path):
    rows = [samm_row("003_1_1", 0, 20, 30), samm_row("003_1_2", 50, -1, 90, "Micro - 1/2")]
    table = read_annotations("samm_lv", write_xlsx(tmp_path / "t.xlsx", {"FACS": samm_sheet(rows)}))
    made = [counts(table, choice) for choice in alternatives("samm_lv")]
    assert [(c.macro, c.micro) for c in made] == [(1, 1), (0, 1), (1, 1), (1, 0)]


@pytest.mark.parametrize(("dataset", "n"), [("samm_lv", 4), ("cas_me2", 5), ("cas_me3", 2), ("own", 1)])
def test_alternatives_begin_with_the_default_and_differ(dataset, n):
    choices = alternatives(dataset)
    assert choices[0] == Conventions()
    assert len(set(choices)) == len(choices) == n
