from __future__ import annotations

import shutil

import pytest

from spotlib.datasets.annotations import DATASETS, read_annotations, recognise
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

SHEETS = {
    "samm_lv": {"FACS": samm_sheet([samm_row("003_1_1", 100.4, 110, 120)])},
    "cas_me2": cas2_sheets([cas2_row(1, "anger2_1", 10, 20, 30)]),
    "cas_me3": {"AU+Emotion": [CAS3_HEADER, cas3_row("spNO.301", "a", "41", "57", "83")]},
}


@pytest.fixture
def tables(tmp_path):
    return {name: write_xlsx(tmp_path / f"{name}.xlsx", sheets) for name, sheets in SHEETS.items()}


def test_tables_are_recognised_by_content(tables, tmp_path):
    assert recognise(tables["samm_lv"]) == ("samm_lv", "")
    assert recognise(tables["cas_me2"]) == ("cas_me2", "")
    assert recognise(tables["cas_me3"]) == ("cas_me3", "A")
    other = shutil.copy(tables["cas_me2"], tmp_path / "renamed.xls")
    assert recognise(other) == ("cas_me2", "")


def test_other_files_are_recognised_as_none(tmp_path):
    assert recognise(write_xlsx(tmp_path / "list.xlsx", {"one": [["vid", "frames"], ["a", 3]]})) is None
    assert recognise(tmp_path / "missing.xlsx") is None
    (tmp_path / "text.txt").write_text("a b c")
    assert recognise(tmp_path / "text.txt") is None


@pytest.mark.parametrize("wanted", DATASETS)
@pytest.mark.parametrize("given", DATASETS)
def test_each_is_read_as_itself_and_no_other(tables, wanted, given):
    if wanted == given:
        assert len(read_annotations(wanted, tables[given]).records) == 1
        return
    with pytest.raises(SpotlibError, match=rf"{given}\.xlsx: looks like the annotation table of .*, not of") as error:
        read_annotations(wanted, tables[given])
    seen, _, rest = str(error.value).partition(", not of ")
    assert DATASETS[given] in seen
    assert DATASETS[wanted] in rest


def test_csv_tables_are_read_too(tmp_path):
    rows = [CAS3_HEADER, *SHEETS["cas_me3"]["AU+Emotion"][1:]]
    (tmp_path / "a.csv").write_text("\n".join(";".join(map(str, row)) for row in rows), encoding="utf-8")
    (record,) = read_annotations("cas_me3", tmp_path / "a.csv").records
    assert (record.video, record.onset, str(record.origin)) == ("spNO.301_a", 41, "a.csv, row 2")


def test_unknown_data_sets_and_empty_lists(tables):
    with pytest.raises(SpotlibError, match="'samm'; known are samm_lv, cas_me2, cas_me3"):
        read_annotations("samm", tables["samm_lv"])
    with pytest.raises(SpotlibError, match="no annotation table is given"):
        read_annotations("cas_me3", [])


def test_other_counts_than_the_published_are_noted(tables):
    table = read_annotations("samm_lv", tables["samm_lv"])
    note = table.findings[-1]
    assert (note.what, note.severity) == ("other-counts", "note")
    assert "1 MaE and 0 ME; published are 343 and 159" in note.message


def test_the_published_counts_tell_the_version(tmp_path, monkeypatch):
    from spotlib.datasets import published

    known = published.published("cas_me3", part="A")
    small = [published.Published(**{**vars(known), "macro": 1, "micro": 0})]
    monkeypatch.setattr(published, "PUBLISHED", tuple(small))
    table = read_annotations("cas_me3", write_xlsx(tmp_path / "a.xlsx", SHEETS["cas_me3"]))
    assert table.version == "A v2"
    assert table.findings == ()


@pytest.mark.parametrize(("kind", "missing"), [("Macro", "micro"), ("Micro", "macro")])
def test_a_table_of_one_kind_is_told(tmp_path, kind, missing):
    path = write_xlsx(tmp_path / "t.xlsx", {"FACS": samm_sheet([samm_row("003_1_1", 100.4, 110, 120, kind)])})
    (finding,) = [f for f in read_annotations("samm_lv", path).findings if f.what == "one-kind"]
    assert finding.severity == "changes"
    assert f"no {missing}-expression found" in finding.message


def test_one_kind_is_judged_over_all_files(tmp_path):
    paths = [
        write_xlsx(tmp_path / f"{kind}.xlsx", {"FACS": samm_sheet([samm_row("003_1_1", onset, 510, 520, kind)])})
        for kind, onset in (("Macro", 100.4), ("Micro", 500.4))
    ]
    assert "one-kind" not in {f.what for f in read_annotations("samm_lv", paths).findings}
