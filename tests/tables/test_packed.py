"""Packed rows: small, whole, the same tables, the same bytes."""

from __future__ import annotations

import copy
import gzip
import json

import pytest

from spotlib.errors import SpotlibError
from spotlib.store import RowStore, canonical
from spotlib.tables import build_all, tag
from spotlib.tables.from_rows import rebuild, tables_of
from spotlib.tables.packed import newest, pack_rows, read_packed, unpack_rows
from tests.rows_factory import fail, make_rows

DRAWS = 200
SMALL = {"folds": 3, "subjects": 6, "videos": 2}


@pytest.fixture(scope="module")
def rows():
    made = make_rows(("spotformer", "peaks", "k7", "neutral"), **SMALL) + make_rows(
        ("spotformer",), seeds=(271, 272), **SMALL
    )
    made[4] = fail(made[4])
    for row in made:
        row["commit"] = "0123456789ab"
    first = made[0]["videos"][0]["truth"][0]
    first["reachable"], first["aus"], first["side"], first["apex"] = False, ["4", "7"], "left", None
    return made


@pytest.fixture
def packed(rows, tmp_path):
    return pack_rows(tag(rows), tmp_path / "demo.jsonl.gz", tables={"": ["T1", "T3", "T4", "T12", "T13"]})


def test_tables_from_packed_rows_are_those_of_the_rows(rows, packed) -> None:
    expected, _ = build_all(rows, "T1,T3,T4,T12,T13", draws=DRAWS)
    made, problems = tables_of(packed, draws=DRAWS)
    assert problems == {}
    assert [table.name for table in made] == [table.name for table in expected]
    for ours, theirs in zip(made, expected, strict=True):
        assert ours.to_csv() == theirs.to_csv()
        assert ours.caption.startswith(theirs.caption)
        assert "Made again from stored rows, computed at commit 0123456789ab (code " in ours.caption


def test_what_tables_need_survives(rows, packed) -> None:
    back, header = read_packed(packed)
    assert header["rows"] == len(rows) == len(back)
    assert header["tables"] == {"": ["T1", "T3", "T4", "T12", "T13"]}
    at = {(r["variant"], r["seed"], r["fold"]): r for r in back}
    for row in rows:
        other = at[row["variant"], row["seed"], row["fold"]]
        assert other["status"] == row["status"]
        assert other["key"]["params"] == row["key"]["params"]
        if row["status"] == "failed":
            assert other["error"] == row["error"]
            continue
        for one, two in zip(row["videos"], other["videos"], strict=True):
            for name in ("subject", "video", "n_frames", "fps", "truth", "clean", "author", "author_epoch"):
                assert two[name] == one[name], name


def test_same_rows_same_bytes_in_any_order_and_much_smaller(rows, packed, tmp_path) -> None:
    again = pack_rows(tag(reversed(rows)), tmp_path / "again.gz", tables={"": ["T1", "T3", "T4", "T12", "T13"]})
    assert again.read_bytes() == packed.read_bytes()
    assert len(packed.read_bytes()) < 0.05 * sum(len(json.dumps(row)) for row in rows)


def test_saved_tables(packed, tmp_path) -> None:
    paths, problems = rebuild(packed, tmp_path / "tables", "T3,T8", draws=DRAWS)
    assert sorted(path.name for path in paths) == [
        f"T3{end}" for end in ("-author.csv", "-author.md", "-author.tex", ".csv", ".md", ".tex")
    ]
    assert problems == {}  # T8 is not what this file is for


def test_two_profiles_make_their_own_tables_and_are_compared(tmp_path) -> None:
    main = tag(make_rows(("spotformer", "peaks", "spotgcn"), **SMALL), profile="paper")
    small = tag(make_rows(("spotformer", "k7", "spotgcn"), **SMALL), profile="study")
    path = pack_rows(main + small, tmp_path / "x.gz", tables={"paper": ["T1"], "study": ["T4"]})
    made, problems = tables_of(path, draws=DRAWS)
    assert [table.name for table in made] == ["T1", "T1-author", "T4", "profiles"]
    assert problems == {}
    assert "profile paper" in made[0].caption
    assert "profile study" in made[2].caption
    assert set(made[3].frame.variant) == {"spotformer", "spotgcn"}
    mixed, _ = tables_of(pack_rows(main + small, tmp_path / "y.gz"), draws=DRAWS)  # every table of both
    assert len({table.name for table in mixed}) == len(mixed) > len(made)


def test_a_table_of_two_profiles_is_made_for_each(tmp_path) -> None:
    main = tag(make_rows(("spotformer", "peaks", "spotgcn"), **SMALL), profile="paper")
    small = tag(make_rows(("spotformer", "spotgcn"), **SMALL), profile="study")
    other = tag(make_rows(("spotformer",), **SMALL), profile="study", overrides={"unknown_apex": "drop"})
    for row in other:  # another truth under that convention
        row["videos"] = [{**video, "truth": video["truth"][:1]} for video in row["videos"]]
    tables = {"paper": ["T1", "T9"], "study": ["T1", "T12"]}
    path = pack_rows(small + other + main, tmp_path / "x.gz", tables=tables)
    made, problems = tables_of(path, draws=DRAWS)
    names = ["T1", "T1-author", "T9", "T1-study", "T1-author-study", "T12", "profiles"]
    assert [table.name for table in made] == names
    by_name = {table.name: table for table in made}
    assert set(by_name["T1"].frame.variant) == {"peaks", "spotgcn", "spotformer"}
    assert set(by_name["T1-study"].frame.variant) == {"spotgcn", "spotformer"}
    assert "profile study" in by_name["T1-study"].caption
    assert problems == {}


def test_packed_rows_come_back_into_a_store(packed, tmp_path) -> None:
    rows, header = read_packed(packed)
    store = RowStore(tmp_path / "rows")
    assert unpack_rows(packed, store, dataset=header["dataset"]) == len(rows)
    for row in rows:
        back = store.read(row["variant"], row["key"])
        assert back is not None
        assert back.get("videos") == row.get("videos")  # a failed one has none
    key = {**rows[0]["key"], "code": {"spotlib.fold": "a"}}
    assert store.why(rows[0]["variant"], key) == "code changed"
    with pytest.raises(SpotlibError, match=f"rows of {header['dataset']}, not of cas_me2; name the data set"):
        unpack_rows(packed, store, dataset="cas_me2")


def test_damage_is_found(packed, tmp_path) -> None:
    whole = packed.read_bytes()
    text = gzip.decompress(whole)
    for name, content, message in (
        ("cut.gz", whole[: len(whole) // 2], "not a whole gzip file"),
        ("plain.gz", b"nothing", "not a whole gzip file"),
        ("other.gz", gzip.compress(b"[1, 2]\n"), "no packed fold rows"),
        ("changed.gz", gzip.compress(text.replace(b'"peaks"', b'"Peaks"')), "its checksum does not fit its content"),
        ("newer.gz", gzip.compress(text.replace(b'"version":1', b'"version":2', 1)), "packed by another version"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SpotlibError, match=message) as caught:
            read_packed(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(SpotlibError, match="no such file of rows"):
        read_packed(tmp_path / "absent.gz")
    with pytest.raises(SpotlibError, match=r"rows of 2 data sets \(demo, samm_lv\)"):
        pack_rows(make_rows(("peaks",)) + make_rows(("peaks",), dataset="samm_lv"), tmp_path / "z.gz")
    with pytest.raises(SpotlibError, match=r"rows of 0 data sets \(none\)"):
        pack_rows([], tmp_path / "z.gz")


def test_a_store_gives_its_newest_rows(rows, tmp_path) -> None:
    store = RowStore(tmp_path / "rows")
    for row in rows:
        store.write(row["variant"], row["key"], {k: v for k, v in row.items() if k not in ("schema", "digest", "key")})
    # the same fold again after a change of code, and a damaged file
    changed = copy.deepcopy(rows[0])
    changed["key"]["code"] = {"spotlib.fold": "1" * 12}
    changed["train_seconds"] = 5.0
    store.write(
        "spotformer", changed["key"], {k: v for k, v in changed.items() if k not in ("schema", "digest", "key")}
    )
    next((tmp_path / "rows" / "peaks").glob("*.json")).write_text("{", encoding="utf-8")
    found = newest(store)
    assert len(found) == len(rows) - 1
    again = [r for r in found if (r["variant"], r["fold"], r["seed"]) == ("spotformer", 0, 270)]
    assert [r["train_seconds"] for r in again] == [5.0]
    path = pack_rows(store, tmp_path / "packed.gz")
    assert len(read_packed(path)[0]) == len(rows) - 1
    assert canonical(sorted(r["variant"] for r in found)) == canonical(
        sorted(r["variant"] for r in read_packed(path)[0])
    )


def test_studies_of_one_profile_share_a_file_and_extra_tables_are_made_where_named(tmp_path, monkeypatch) -> None:
    import spotlib.study_runs as study_runs
    from spotlib.studies import Study

    variants = ("spotformer", "peaks", "no_contrastive", "no_contrastive+adjacent")
    made = tag(make_rows(variants, **SMALL), profile="study")
    main = Study(name="main", dataset="demo", profile="study", tables=("T1", "T5"))
    plain = Study(name="plain", dataset="demo", profile="study", tables=("T5b", "T1b"))
    folds = SMALL["folds"]
    of = {"main": made[: 2 * folds], "plain": made[folds:]}  # both ask for the peak detector
    monkeypatch.setattr(study_runs, "study_rows", lambda study, **where: of[study.name])
    packed, problems = study_runs.pack_studies([main, plain], path=tmp_path / "rows.jsonl.gz")
    assert problems == []
    assert read_packed(packed)[1]["rows"] == len(made)
    assert read_packed(packed)[1]["tables"] == {"study": ["T1", "T5", "T5b", "T1b"]}
    names = {path.stem for path in (tmp_path / "tables").glob("*.csv")}
    assert {"T1", "T5", "T1b", "T5b"} <= names
    table = (tmp_path / "tables" / "T5b.md").read_text(encoding="utf-8")
    assert "Variants against SW-MRO" in table
    assert "adjacent frames" in table
    only, _ = tables_of(packed, "T5b", draws=DRAWS)
    assert [one.name for one in only] == ["T5b"]


def test_an_extra_table_is_made_when_asked_for_where_the_header_names_none(tmp_path) -> None:
    plain = pack_rows(tag(make_rows(("peaks", "no_contrastive"), **SMALL)), tmp_path / "plain.jsonl.gz")
    only, problems = tables_of(plain, "T1b", draws=DRAWS)
    assert ([one.name for one in only], problems) == (["T1b"], {})
    everything, _ = tables_of(plain, draws=DRAWS)
    assert "T1b" not in {one.name for one in everything}
