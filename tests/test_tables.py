"""Tables: right numbers from the rows, honest captions, nothing dropped, nothing unescaped."""

from __future__ import annotations

import copy
import csv
import io

import numpy as np
import pandas as pd
import pytest

from spotlib import tables
from spotlib.errors import SpotlibError
from spotlib.metrics import SpottingMetric
from spotlib.reported import reported
from spotlib.rows import count, coverage, events_of, of_subjects, pooled
from spotlib.tables import Column, Table, escape
from tests.rows_factory import fail, make_rows

EVIL = '<script>alert("x")</script>|$a_b$ & 50% \\end{table} [l](javascript:x)\n=cmd'


@pytest.fixture(scope="module")
def rows():
    return make_rows(("spotformer", "peaks", "no_flgp"))


def of(rows, variant):
    return [row for row in rows if row["variant"] == variant]


def direct_metric(rows, protocol="clean", iou=0.5):
    metric = SpottingMetric(protocol=protocol, iou=iou)
    for row in rows:
        for v in row["videos"]:
            metric.add(v["video"], events_of(v, "truth"), events_of(v, protocol), subject=v["subject"])
    return metric


# -- counting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["clean", "author"])
def test_counts_are_those_of_the_metric(rows, protocol):
    counts = count(of(rows, "peaks"), protocol=protocol)
    metric = direct_metric(of(rows, "peaks"), protocol)
    for measure in ("macro", "micro"):
        sums, expected = pooled(counts, measure), metric.counts(measure)
        assert (sums.tp, sums.predicted, sums.truth) == (expected.tp, expected.predicted, expected.truth)
        assert sums.iou_sum == pytest.approx(expected.iou_sum)
    by_subject = metric.counts_by_subject()
    for subject, line in of_subjects(counts).iterrows():
        assert line.tp == by_subject[subject].tp
        assert line.predicted == by_subject[subject].predicted


def test_seeds_are_averaged_not_added():
    one = make_rows(("spotformer",))
    doubled = one + [{**row, "seed": 271} for row in one]
    pd.testing.assert_series_equal(pooled(count(one)), pooled(count(doubled)))
    pd.testing.assert_frame_equal(of_subjects(count(one)), of_subjects(count(doubled)))
    assert tables.comparison(doubled).frame.seeds.tolist() == [2]
    assert "Counts are means over seeds." in tables.detail(doubled).notes
    assert "seeds 270, 271" in tables.comparison(doubled).caption


def test_iou_of_the_rows_parameters_is_used(rows):
    strict = copy.deepcopy(of(rows, "peaks"))
    for row in strict:
        row["key"]["params"]["iou"] = 0.75
    loose = pooled(count(of(rows, "peaks"))).tp
    assert pooled(count(strict)).tp < loose
    assert pooled(count(strict, iou=0.5)).tp == loose
    assert "IoU ≥ 0.75" in tables.detail(strict).caption


def test_coverage_names_missing_and_failed_folds(rows):
    some = [row for row in rows if (row["variant"], row["fold"]) != ("peaks", 2)]
    some[0] = fail(some[0])
    covered = coverage(some)
    assert covered.failed == ("SpotFormer fold 0 (seed 270)",)
    assert covered.missing == ("Peak detector fold 2 (seed 270)",)
    assert covered.subjects == 12
    assert covered.videos == 24


# -- single tables -------------------------------------------------------------------------------------------


def test_comparison_shows_f1_with_interval(rows):
    table = tables.comparison(rows)
    assert table.shown.columns.tolist() == ["System", "F1 MaE", "F1 ME", "F1 overall", "Folds", "Seeds"]
    line = table.frame.iloc[0]
    expected = direct_metric(of(rows, "spotformer"))
    assert line.f1_overall == pytest.approx(expected.f1())
    assert line.f1_macro == pytest.approx(expected.f1("macro"))
    assert line.f1_overall_low < line.f1_overall < line.f1_overall_high
    assert table.shown.iloc[0, 3].startswith(f"{expected.f1():.2f}"[1:] + " [.")


def test_twins_have_no_published_columns_and_say_what_they_are(rows):
    for table in (tables.comparison(rows), tables.detail(rows), tables.ablation(rows), tables.protocols(rows),
                  tables.folds(rows), tables.subjects(rows)):  # fmt: skip
        assert table.caption.startswith("SYNTHETIC DATA (demo twin): not comparable with published numbers. ")
        assert not any("reported" in name for name in table.frame.columns)
        assert table.frame.synthetic.all()
        for text in (table.to_markdown(), table.to_latex(), table._repr_html_()):
            assert "SYNTHETIC DATA (demo twin)" in text
    twin = make_rows(("spotformer",), dataset="samm_lv", synthetic=True)
    assert tables.comparison(twin).caption.startswith("SYNTHETIC DATA (twin of SAMM-LV): not comparable")
    assert "MDMD" not in tables.comparison(twin).to_markdown()


def test_caption_says_what_was_done(rows):
    text = tables.comparison(rows, draws=500).caption
    for part in ("Protocol: clean", "IoU ≥ 0.5", "4 subject-wise folds", "seed 270", "500 draws"):
        assert part in text
    assert "12 subjects, 24 videos (8.0 min), 72 MaE, 94 ME." in text
    assert "Ground truth: the twin's own schedule" in text
    assert "FAILED" not in text
    assert "MISSING" not in text


def test_ground_truth_convention_is_in_the_caption():
    real = make_rows(("spotformer",), dataset="cas_me2", synthetic=False)
    for row in real:
        row["key"]["params"] |= {"missing_offset": "onset_plus_20", "folds": 0}
    text = tables.detail(real).caption
    assert "missing_offset = onset_plus_20" in text
    assert "Data: CAS(ME)²" in text
    assert "leave one subject out" in text
    assert "SYNTHETIC" not in text


def test_published_numbers_stand_beside_real_data_only_and_unverified_ones_are_marked():
    table = tables.comparison(make_rows(("spotformer", "peaks"), dataset="samm_lv", synthetic=False))
    shown = table.shown.set_index("System")
    assert shown.loc["SpotFormer", "reported MaE"] == ".4447 [U]"
    assert shown.loc["MDMD", "reported overall"] == ".0445"
    assert shown.loc["MDMD", "F1 MaE"] == ""
    assert shown.loc["LGSNet", "reported MaE"] == ""
    assert shown.loc["LGSNet", "reported overall"] == ".388"
    assert shown.loc["Peak detector", "reported MaE"] == ""
    assert any("[U]" in note for note in table.notes)


def test_reported_file_has_a_source_for_every_number():
    for dataset in ("samm_lv", "cas_me2"):
        table = reported(dataset)
        assert len(table) == 38
        assert table.source.str.len().gt(5).all()
        assert table.f1.between(0, 1).all()
        assert set(table[table.unverified].method) == {"SpoT-GCN", "SpotFormer"}
    assert reported("demo").empty


def test_detail_adds_up(rows):
    frame = tables.detail(rows).frame
    np.testing.assert_allclose(frame.tp + frame.fp, frame.predicted)
    np.testing.assert_allclose(frame.tp + frame.fn, frame.truth)
    np.testing.assert_allclose(frame.f1, 2 * frame.tp / (frame.predicted + frame.truth))
    np.testing.assert_allclose(frame.false_alarms_per_minute, frame.fp / 8)
    own = frame[frame.variant == "peaks"].set_index("kind")
    assert own.truth["overall"] == own.truth["MaE"] + own.truth["ME"]
    metric = direct_metric(of(rows, "peaks"))
    assert own.average_precision["ME"] == pytest.approx(metric.average_precision("micro"))
    assert own.mean_iou["overall"] == pytest.approx(metric.counts().mean_iou)
    assert own.apex_error["MaE"] == pytest.approx(metric.counts("macro").apex_error)


def test_ablation_pairs_and_speaks(rows):
    same = [{**row, "variant": "copy", "system": "a copy"} for row in of(rows, "spotformer")]
    table = tables.ablation(rows + same)
    frame = table.frame.set_index("variant")
    assert frame.verdict["spotformer"] == "reference"
    assert frame.difference_overall["copy"] == 0
    assert frame.verdict["copy"] == "tie (MaE: tie; ME: tie)"
    assert frame.verdict["peaks"].startswith("worse (")
    f1 = tables.comparison(rows).frame.set_index("variant").f1_overall
    assert frame.difference_overall["peaks"] == pytest.approx(f1["peaks"] - f1["spotformer"])
    assert frame.p_holm_overall["peaks"] >= frame.p_overall["peaks"]
    assert any("Holm correction over 3 variants" in note for note in table.notes)


def test_ablation_without_its_reference_says_what_to_do(rows):
    with pytest.raises(SpotlibError, match=r"^no finished fold of 'spotformer' to compare with; train"):
        tables.ablation(of(rows, "peaks"))


def test_protocols_shows_the_price(rows):
    frame = tables.protocols(of(rows, "spotformer")).frame
    np.testing.assert_allclose(frame.author - frame.clean, frame.difference)
    author = direct_metric(of(rows, "spotformer"), "author")
    assert frame.set_index("kind").author["overall"] == pytest.approx(author.f1())


def test_folds_have_a_line_each_and_failed_ones_say_why(rows):
    some = of(rows, "spotformer")
    some[1] = fail(some[1], "ValueError: no face in any frame")
    table = tables.folds(some)
    assert len(table.frame) == 4
    assert table.shown.Status.tolist() == ["done", "failed: ValueError: no face in any frame", "done", "done"]
    assert np.isnan(table.frame.f1_overall[1])
    assert "FAILED: SpotFormer fold 1 (seed 270)" in table.caption


def test_a_system_whose_folds_all_failed_stays_in_every_table(rows):
    some = of(rows, "spotformer") + [fail(row) for row in of(rows, "no_flgp")]
    shown = tables.comparison(some).shown.set_index("System")
    assert shown.loc["without FLGP", "F1 overall"] == "failed"
    assert shown.loc["without FLGP", "Folds"] == "0 of 4, 4 failed"
    assert tables.detail(some).frame.set_index("system").kind["without FLGP"] == "failed"
    assert tables.ablation(some).frame.set_index("system").verdict["without FLGP"] == "failed"
    assert (tables.protocols(some).frame.set_index("system").verdict["without FLGP"] == "failed").all()
    for make in (tables.comparison, tables.detail, tables.ablation, tables.protocols, tables.subjects):
        assert sum("without FLGP, fold" in note for note in make(some).notes) == 4


def test_only_failed_rows_still_make_tables(rows):
    broken = [fail(row) for row in of(rows, "spotformer")]
    assert tables.comparison(broken).shown["F1 MaE"].tolist() == ["failed"]
    assert len(tables.folds(broken).frame) == 4
    assert len(tables.detail(broken).shown) == 1


def test_subjects_are_all_there(rows):
    frame = tables.subjects(of(rows, "peaks")).frame
    assert sorted(frame.subject) == [f"s{i:02d}" for i in range(1, 13)]
    assert frame.truth.sum() == 166


def test_no_rows_and_mixed_data_sets_are_refused(rows):
    with pytest.raises(SpotlibError, match=r"^no fold rows"):
        tables.comparison([])
    with pytest.raises(SpotlibError, match=r"^rows of several data sets are mixed \(demo, samm_lv\)"):
        tables.comparison(rows + make_rows(("peaks",), dataset="samm_lv"))


# -- saving and escaping -------------------------------------------------------------------------------------


def evil_table():
    frame = pd.DataFrame({"subject": [EVIL, "s2"], "f1": [0.5, np.nan]})
    columns = [Column.text("Subject", "subject"), Column.share("F1", "f1")]
    return Table("evil", f"About {EVIL}", frame, columns, [f"Note {EVIL}"])


def test_csv_holds_raw_numbers_and_survives_any_text(tmp_path):
    paths = evil_table().save(tmp_path / "new" / "folder")
    assert sorted(p.name for p in paths) == ["evil.csv", "evil.md", "evil.tex"]
    lines = list(csv.reader(io.StringIO((tmp_path / "new/folder/evil.csv").read_text(encoding="utf-8"))))
    assert lines == [["subject", "f1"], [EVIL, "0.5"], ["s2", ""]]
    assert sorted(p.name for p in (tmp_path / "new/folder").iterdir()) == ["evil.csv", "evil.md", "evil.tex"]


def test_html_is_escaped():
    html = evil_table()._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 3


def test_markdown_keeps_its_cells_apart():
    text = evil_table().to_markdown()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)
    assert "<script" not in text
    assert "](javascript" not in text


def test_latex_is_escaped():
    text = evil_table().to_latex()
    assert r"\textbackslash{}end\{table\}" in text
    assert text.count(r"\end{table}") == 1
    assert r"\$a\_b\$ \& 50\%" in text
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:evil}"):
        assert text.count(rule) == 1


def test_latex_has_plain_ascii_only_where_fonts_need_it(rows):
    twin = make_rows(("peaks",), dataset="cas_me2")
    text = tables.ablation(rows).to_latex() + tables.comparison(twin).to_latex()
    assert text.isascii()
    assert r"$\Delta$" in text
    assert "$-$." in text


def test_names_cannot_leave_the_folder(tmp_path):
    for name in ("../x", "a/b", "", "x y"):
        with pytest.raises(SpotlibError, match=r"^table name"):
            Table(name, "c", pd.DataFrame({"a": [1]})).save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_frame_shows_itself():
    frame = pd.DataFrame({"who": ["total"], "videos": [12345], "minutes": [1.5], "ok": [True], "none": [None]})
    assert Table("t", "c", frame).shown.iloc[0].tolist() == ["total", "12 345", "1.50", "True", ""]


def test_markup_in_a_subject_name_comes_out_as_text(rows):
    some = copy.deepcopy(of(rows, "spotformer"))
    for video in some[0]["videos"]:
        video["subject"] = EVIL
    some[1] = fail(some[1], f"ValueError: {EVIL}")
    for make in (tables.subjects, tables.folds, tables.comparison, tables.detail, tables.protocols):
        assert "<script" not in make(some)._repr_html_()
    assert escape.html(EVIL) in tables.subjects(some)._repr_html_()
