"""T1 to T13: what each needs, what each says, and what happens to rows that are not there."""

from __future__ import annotations

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.params import make_params
from spotlib.tables import TABLES, Table, applies, build, build_all, chosen, needs, needs_of, tag
from spotlib.variants import VARIANTS, get_variant
from tests.rows_factory import fail, make_rows

SYSTEMS = ("peaks", "auwgcn", "spotgcn", "spotformer_gim", "spotformer")
SEEDS = (270, 271, 272)
DRAWS = 200
SMALL = {"folds": 3, "subjects": 6, "videos": 1}


@pytest.fixture(scope="module")
def rows():
    everything = make_rows((*VARIANTS, "temperature_0.07+normalised"), **SMALL)
    return everything + make_rows(SYSTEMS[1:], seeds=SEEDS[1:], **SMALL)


@pytest.fixture(scope="module")
def made(rows) -> dict[str, Table]:
    tables, problems = build_all(rows, draws=DRAWS)
    assert problems == {}
    return {table.name: table for table in tables}


def of(rows, *variants):
    return [row for row in rows if row["variant"] in variants]


# -- what is asked for ---------------------------------------------------------------------------------------


def test_all_means_the_thirteen_tables_of_the_method() -> None:
    assert chosen("all") == tuple(f"T{i}" for i in range(1, 14))
    assert chosen("T12,t4 , T4") == ("T4", "T12")
    assert chosen("difficulty,T1") == ("T1", "difficulty")
    with pytest.raises(SpotlibError, match=r"^--tables: unknown table 'T14'; did you mean T"):
        chosen("T14")
    with pytest.raises(SpotlibError, match=r"^--tables: no table named"):
        chosen(" , ")


def test_needs_name_variants_seeds_and_changes() -> None:
    t1 = {need.variant: need.seeds for need in needs("T1")}
    assert t1 == {**dict.fromkeys(SYSTEMS, SEEDS), "peaks": (270,)}
    t4 = needs("T4")
    assert [need.variant for need in t4] == ["k7", "k11", "k15", "spotformer", "k23", "k31"]
    assert {need.seeds for need in t4} == {(270,)}
    assert "d256" not in [need.variant for need in needs("T6")]
    small = make_params({"dim": 64})
    assert [n.variant for n in needs("T6", small) if n.variant.startswith("d") and n.variant[1:].isdigit()] == [
        "d128", "d256", "d512",
    ]  # fmt: skip
    assert needs("T12", seeds=(1, 2))[-1] == ("spotformer", (1, 2), ())


def test_conventions_are_asked_for_by_data_set() -> None:
    cas = needs("T11", make_params({"dataset": "cas_me2"}))
    changes = [dict(need.overrides) for need in cas if need.variant == "spotformer"]
    assert changes == [
        {}, {"missing_offset": "apex"}, {"missing_offset": "apex_plus_20"}, {"missing_offset": "drop"},
        {"missing_offset": "keep_zero"},
    ]  # fmt: skip
    other = needs("T11", make_params({"dataset": "cas_me2", "missing_offset": "apex"}))
    assert {"missing_offset": "onset_plus_20"} in [dict(need.overrides) for need in other]
    samm = needs("T11", make_params({"dataset": "samm_lv"}))
    assert [dict(n.overrides) for n in samm if n.variant == "peaks"] == [{}, {"sampling": "every_8th_floor"}]
    assert {"max_macro": None, "max_micro": None} in [
        dict(n.overrides) for n in needs("T11", make_params({"dataset": "cas_me3"}))
    ]


def test_t2_is_t1_on_cas_me3() -> None:
    assert applies("T1", "samm_lv")
    assert not applies("T2", "samm_lv")
    assert applies("T2", "cas_me3")
    assert needs("T1", make_params({"dataset": "cas_me3"})) == []
    assert needs("T2", make_params({"dataset": "cas_me3"})) == [
        (v, s, o) for v, s, o in needs("T1", make_params({"dataset": "cas_me2"}))
    ]


def test_needs_of_several_tables_come_once_with_the_most_seeds() -> None:
    found = needs_of(["T4", "T1", "T6"])
    names = [need.variant for need in found]
    assert len(names) == len(set(names))
    assert {need.variant: need.seeds for need in found}["spotformer"] == SEEDS
    assert {need.variant: need.seeds for need in found}["k7"] == (270,)


# -- what is made --------------------------------------------------------------------------------------------


def test_every_table_is_made_and_says_what_it_is_about(made: dict[str, Table]) -> None:
    assert set(made) == {*chosen("all"), "T1-author", "T3-author"} - {"T2"}
    for name, table in made.items():
        number = name.partition("-")[0]
        start = f"SYNTHETIC DATA (demo twin): not comparable with published numbers. {number}, {TABLES[number].title}."
        assert table.caption.startswith(start)
        assert f"Protocol: {'author' if name.endswith('author') else ''}" in table.caption
        for part in ("Ground truth: the twin's own schedule", "6 subjects, 6 videos", "seed"):
            assert part in table.caption, name
        assert "MISSING" not in table.caption
        assert "NOT COMPUTED" not in table.caption
        assert table.to_latex().isascii()
        assert "paper" not in " ".join(table.shown.columns)
    assert "seeds 270, 271, 272" in made["T1"].caption


def test_lines_stand_in_the_order_of_the_table(made: dict[str, Table]) -> None:
    assert made["T1"].frame.variant.tolist() == list(SYSTEMS)
    assert made["T5"].frame.system.tolist() == [
        "adjacent frames", "fixed gap of 8 frames", "SW-MRO (SpotFormer)", "SW-MRO, head motion left in",
        "SW-MRO, robust head motion (ours)",
    ]  # fmt: skip
    assert made["T4"].frame.system.tolist()[3:5] == ["K = 17", "K = 17 (SpotFormer)"]
    assert "GCN + TCN (SpoT-GCN)" in made["T6"].frame.system.tolist()
    assert made["T6"].frame.system[0] == "SpotFormer (D = 256)"
    assert made["T7"].frame.system.tolist()[-1] == "temperature 0.07, normalised features"
    assert made["T8"].frame.system[0] == "10 nodes (SpotFormer)"


def test_comparison_says_in_words_who_is_better(made: dict[str, Table]) -> None:
    frame = made["T1"].frame.set_index("variant")
    assert frame.verdict["spotformer"] == "reference"
    assert frame.verdict["peaks"].startswith("worse")
    assert frame.difference_overall["peaks"] == pytest.approx(
        frame.f1_overall["peaks"] - frame.f1_overall["spotformer"]
    )
    assert (frame.p_holm_overall.dropna() >= frame.p_overall.dropna()).all()
    assert "Holm correction over 4 systems" in made["T1"].notes[0]
    assert frame.seeds.tolist() == [1, 3, 3, 3, 3]


def test_tables_of_variants_show_costs_and_seeds(made: dict[str, Table]) -> None:
    assert made["T6"].shown.columns.tolist()[-3:] == ["Seeds", "Parameters", "GFLOP"]
    assert set(made["T6"].frame.parameters) == {51234}
    assert any("means over them" in note for note in made["T6"].notes)


def test_cost_comes_from_the_rows(made: dict[str, Table]) -> None:
    frame = made["T9"].frame.set_index("variant")
    assert frame.ms_per_window["spotformer"] == pytest.approx(1000 / 1234.5)
    assert frame.train_seconds_per_fold["spotformer"] == pytest.approx(61.2)
    assert frame.train_hours["spotformer"] == pytest.approx(9 * 61.2 / 3600)
    assert frame.parameters["peaks"] == 0


def test_cost_of_rows_without_a_speed_is_a_dash(rows) -> None:
    own = [{k: v for k, v in row.items() if k != "windows_per_second"} for row in of(rows, "spotformer")]
    shown = build("T9", own).shown
    assert shown["ms per window"].tolist() == ["\N{EN DASH}"]
    assert shown["Training, s per fold"].tolist() == ["61.2"]


def test_optimism_of_the_author_protocol_is_a_number_in_a_sentence(rows) -> None:
    own = of(rows, "spotformer")
    table = build("T10", own, draws=DRAWS)
    line = table.frame[table.frame.kind == "overall"].iloc[0]
    note = next(note for note in table.notes if note.startswith("SpotFormer: the author protocol adds"))
    assert f"{line.difference:+.2f}".replace("0.", ".") in note
    assert "choosing the epoch on the test subject alone" not in note
    # with the author's rule at the last epoch beside it, the part of the choice alone
    lasting = [
        {**row, "videos": [{**v, "author_last": v["author"][:-1] if v["author"] else []} for v in row["videos"]]}
        for row in own
    ]
    table = build("T10", lasting, draws=DRAWS)
    assert "of it by choosing the epoch" in table.shown.columns
    assert np.isfinite(table.frame.choice).all()
    assert any("by choosing the epoch on the test subject alone" in note for note in table.notes)


# -- what is not there ---------------------------------------------------------------------------------------


def test_failed_and_missing_folds_and_variants_are_named(rows) -> None:
    own = of(rows, "spotformer", "k7", "k11", "k15", "k17", "k23")
    own = [fail(row) if (row["variant"], row["fold"]) == ("k7", 1) else row for row in own]
    own = [row for row in own if (row["variant"], row["fold"]) != ("k11", 2)]
    table = build("T4", own, draws=DRAWS)
    assert "FAILED: K = 7 fold 1 (seed 270)." in table.caption
    assert "MISSING: K = 11 fold 2 (seed 270)." in table.caption
    assert table.caption.endswith("NOT COMPUTED: K = 31.")
    assert "K = 7, fold 1, seed 270 failed: RuntimeError: out of memory" in table.notes
    frame = table.frame.set_index("variant")
    assert frame.status["k7"] == "2 of 3, 1 failed"
    assert any("Compared on the subjects that both have" in note for note in table.notes)


def test_a_variant_that_is_the_main_row_is_not_missing(rows) -> None:
    own = of(rows, "spotformer", "k7", "k11", "k15", "k23", "k31")
    assert "NOT COMPUTED" not in build("T4", own, draws=DRAWS).caption
    assert "SpotFormer (D = 64)" in build("T6", _with(of(rows, "spotformer", "joint"), dim=64), draws=DRAWS).caption
    lacking = build("T6", _with(of(rows, "spotformer", "joint"), dim=64), draws=DRAWS).caption
    assert "D = 256" in lacking.partition("NOT COMPUTED")[2]
    assert "D = 64" not in lacking.partition("NOT COMPUTED")[2]


def _with(rows, **params):
    return [{**row, "key": {**row["key"], "params": {**row["key"]["params"], **params}}} for row in rows]


def test_tables_that_cannot_be_made_have_a_reason_and_the_others_are_made(rows) -> None:
    tables, problems = build_all(of(rows, "spotformer", "peaks"), "T1,T4,T8,T13", draws=DRAWS)
    assert [table.name for table in tables] == ["T1", "T1-author", "T4", "T8", "T13"]
    tables, problems = build_all(of(rows, "k7"), "T1,T4", draws=DRAWS)
    assert tables == []
    assert problems["T1"] == (
        "T1 (comparison of systems): nothing of it was computed; `spotlib run demo --tables T1` does it"
    )
    assert problems["T4"].startswith("no finished fold of 'spotformer' to compare with")
    with pytest.raises(SpotlibError, match=r"^T1 \(comparison of systems\): every fold failed"):
        build("T1", [fail(row) for row in of(rows, "spotformer")])


def test_rows_of_two_profiles_or_two_runs_are_not_mixed(rows) -> None:
    own = of(rows, "spotformer", "k7")
    with pytest.raises(SpotlibError, match=r"^T4: rows of several profiles are mixed \(paper, study\)"):
        build("T4", tag(own, profile="paper") + tag(own, profile="study"))
    with pytest.raises(SpotlibError, match=r"^T4: fold 0 of spotformer \(seed 270\) is there twice"):
        build("T4", own + _with(own, lr=0.1))
    assert "profile study" in build("T4", tag(own, profile="study"), draws=DRAWS).caption


def test_rows_under_other_conventions_stay_out_of_the_other_tables(rows) -> None:
    own = of(rows, "spotformer", "k7")
    other = tag([{**row, "videos": []} for row in own], overrides={"missing_offset": "drop"})
    assert build("T4", own + other, draws=DRAWS).to_csv() == build("T4", own, draws=DRAWS).to_csv()


# -- conventions and difficulty ------------------------------------------------------------------------------


def test_conventions_stand_line_by_line_and_are_not_tested_against_each_other() -> None:
    real = {"dataset": "cas_me2", "synthetic": False, **SMALL}
    usual = make_rows(("spotformer", "peaks"), params={"missing_offset": "onset_plus_20"}, **real)
    dropped = make_rows(("spotformer", "peaks"), params={"missing_offset": "drop"}, **real)
    for row in dropped:
        for video in row["videos"]:
            video["truth"] = video["truth"][1:]
    rows = usual + tag(dropped, overrides={"missing_offset": "drop"})
    table = build("T11", rows, draws=DRAWS)
    frame = table.frame
    assert frame.convention.tolist() == 2 * ["missing_offset = onset_plus_20", "missing_offset = drop"]
    assert frame.missing_offset.tolist() == 2 * ["onset_plus_20", "drop"]
    events = (frame.macro + frame.micro).tolist()
    assert events[1] == events[0] - 6
    assert not any(name.startswith("p") and "p_" in name for name in frame.columns)
    assert "not comparable" in table.notes[0]
    assert "Ground truth: as given in each line" in table.caption
    assert "missing_offset = onset_plus_20" in build("T3", rows, draws=DRAWS).caption


def test_a_convention_is_shown_with_the_seeds_that_the_others_have() -> None:
    real = {"dataset": "cas_me2", "synthetic": False, **SMALL}
    usual = make_rows(("spotformer",), params={"missing_offset": "onset_plus_20"}, **real)
    more = make_rows(("spotformer",), params={"missing_offset": "onset_plus_20"}, seeds=(271, 272), **real)
    dropped = make_rows(("spotformer",), params={"missing_offset": "drop"}, **real)
    other = tag(dropped, overrides={"missing_offset": "drop"})
    short, long = build("T11", usual + other, draws=DRAWS), build("T11", [*usual, *more, *other], draws=DRAWS)
    assert long.to_csv() == short.to_csv()
    assert long.notes == [
        short.notes[0], "SpotFormer: rows of seeds 271, 272 are left out, which not every line has.", *short.notes[1:]
    ]  # fmt: skip
    assert build("T11", [*usual, *more], draws=DRAWS).frame.status.tolist() == ["9 of 9"]  # nothing to be fair to


def test_difficulty_reads_changed_twins_and_t11_does_not(rows) -> None:
    hard = tag(of(rows, "spotformer", "peaks"), overrides={"head_rotation": 4.0})
    base = of(rows, "spotformer", "peaks")
    table = build("difficulty", base + hard, draws=DRAWS)
    assert table.frame.convention.tolist() == 2 * ["as usual", "head_rotation = 4.0"]
    assert table.frame.head_rotation.tolist() == 2 * ["as usual", "4.0"]
    noisy = tag(of(rows, "spotformer"), overrides={"noise": 4.0})
    harder = tag(of(rows, "spotformer"), overrides={"head_rotation": 11.0})
    frame = build("difficulty", noisy + harder + hard + base, draws=DRAWS).frame
    own = frame[frame.variant == "spotformer"].convention.tolist()
    assert own == ["as usual", "head_rotation = 4.0", "head_rotation = 11.0", "noise = 4.0"]
    assert set(build("T11", base + hard, draws=DRAWS).frame.convention) == {"the twin's own schedule"}


# -- the paper's numbers -------------------------------------------------------------------------------------


def test_published_values_stand_beside_real_data_and_apart_from_a_twin() -> None:
    real = make_rows(("peaks", "spotformer", "spotgcn", "k7"), dataset="samm_lv", synthetic=False, **SMALL)
    shown = build("T1", real, draws=DRAWS).shown.set_index("System")
    assert shown.loc["SpotFormer", "reported overall"] == ".4401 [U]"
    assert shown.loc["AUW-GCN", "reported overall"] == ".3728"
    t4 = build("T4", real, draws=DRAWS)
    shown = t4.shown.set_index("Variant")
    assert shown.loc["K = 17 (SpotFormer)", "reported overall"] == ".4401 [U]"
    assert shown.loc["K = 7", "reported overall"] == ""
    assert any("[U]: not checked" in note for note in t4.notes)
    twin = make_rows(("peaks", "spotformer"), dataset="samm_lv", **SMALL)
    tables, _ = build_all(twin, "T1", draws=DRAWS)
    assert [table.name for table in tables] == ["T1", "T1-author", "published"]
    assert "reported overall" not in tables[0].shown.columns
    published = tables[2].shown.set_index("Method")
    assert published.loc["SpotFormer", "F1 overall"] == ".4401 [U]"
    assert "on the real SAMM-LV" in tables[2].caption
    assert "nothing here can be compared with results on a synthetic twin" in tables[2].caption


def test_a_data_set_without_published_values_says_so() -> None:
    real = make_rows(("peaks", "spotformer"), dataset="cas_me3", synthetic=False, **SMALL)
    tables, _ = build_all(real, "T1,T2", draws=DRAWS)
    assert [table.name for table in tables] == ["T2", "T2-author"]
    assert "Reported: no published value on this data set is known to us with a source." in tables[0].notes


def test_unverified_numbers_are_in_no_sentence_that_compares(made: dict[str, Table]) -> None:
    real = make_rows(SYSTEMS, dataset="cas_me2", synthetic=False, **SMALL)
    tables, _ = build_all(real, "T1,T3,T10", draws=DRAWS)
    for table in tables:
        for value in (".5061", ".2817", ".4841", ".4340", ".2637", ".4154"):
            assert not any(value in text for text in (table.caption, *table.notes))
            assert not any(value in str(cell) for cell in table.frame.get("verdict", []))


def test_every_variant_of_the_registry_is_known() -> None:
    for spec in TABLES.values():
        for variant in spec.variants:
            assert get_variant(variant).name
