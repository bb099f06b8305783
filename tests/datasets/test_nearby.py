"""Which of several tables is taken: shown on those that lie side by side in the folder of CAS(ME)^3."""

from __future__ import annotations

import pytest

from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.nearby import choose_table, files_named
from spotlib.datasets.tree import visit
from tests.datasets.layouts_factory import CAS3_HEADER, cas3_table, cas3_table_c, write_xlsx

MACRO = ("spNO.1", "a", 20, 25, 30, "Macro")
MICRO = ("spNO.1", "a", 40, 44, 50, "Micro")


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "1" / "2" / "3" / "part_A"
    root.mkdir(parents=True)
    return root


def chosen(root, part="A"):
    seen = visit(root, video=lambda _: None)
    table, paths, findings = choose_table(seen, lambda path: read_annotations("cas_me3", path, part=part))
    return (len(table.records) if table else 0), [path.name for path in paths], findings


def test_the_highest_version_in_a_name(root):
    for name in ("t_v1.xls", "t_v10.xls", "t_v9.xls"):
        cas3_table(root / name, [MACRO, MICRO])
    count, names, findings = chosen(root)
    assert (count, names) == (2, ["t_v10.xls"])
    assert [finding.what for finding in findings] == ["several-tables"] * 2


def test_a_newer_table_of_one_kind_does_not_lose_the_other(root):
    cas3_table(root / "t_v1.xls", [MACRO, MICRO])
    cas3_table(root / "t_ME_v2.xls", [MICRO])
    assert chosen(root)[:2] == (2, ["t_v1.xls"])
    (root / "t_v1.xls").unlink()
    assert chosen(root)[:2] == (1, ["t_ME_v2.xls"])


def test_two_halves_are_joined_with_the_half_of_their_version(root):
    for version in ("v1", "v2"):
        cas3_table(root / f"MaE_{version}.xls", [MACRO])
        cas3_table(root / f"ME_{version}.xls", [MICRO])
    count, names, findings = chosen(root)
    assert (count, set(names)) == (2, {"MaE_v2.xls", "ME_v2.xls"})
    assert len(findings) == 2


def test_the_published_counts_decide_between_equals(root):
    rows = [(1 + k % 30, 100 * k, 100 * k + 9) for k in range(165)]
    cas3_table_c(root / "part_C.xlsx", rows[:100])
    cas3_table_c(root / "part_C_ME.xlsx", rows)
    assert chosen(root, part="C")[:2] == (165, ["part_C_ME.xlsx"])


def test_below_comes_before_beside(root):
    cas3_table(root.parent / "t_v2.xls", [MACRO, MICRO])
    assert chosen(root)[1] == ["t_v2.xls"]
    cas3_table(root / "annotation" / "t_v1.xls", [MACRO])
    assert chosen(root)[1] == ["t_v1.xls"]


def test_annotation_folders_beside_the_parents(root):
    cas3_table(root.parents[1] / "annotation" / "t.xls", [MACRO])
    cas3_table(root.parents[1] / "elsewhere" / "t.xls", [MACRO])
    assert chosen(root)[1] == ["t.xls"]
    (root.parents[1] / "annotation" / "t.xls").unlink()
    assert chosen(root)[1] == []


def test_what_is_no_table_says_why(root):
    (root / "broken.xlsx").write_bytes(b"PK nonsense")
    write_xlsx(root / "other.xlsx", {"s": [CAS3_HEADER[:3], ("x", 1, 2)]})
    count, _, findings = chosen(root)
    assert count == 0
    assert [finding.origin.file for finding in findings] == ["part_A/broken.xlsx", "part_A/other.xlsx"]
    assert all(finding.message.startswith("not used: ") and finding.severity == "note" for finding in findings)


def test_files_by_name_wherever_they_lie(root):
    for place in (root, root.parent, root / "exception"):
        place.mkdir(exist_ok=True)
        (place / "Error_info_DAMAGED.txt").write_text("x")
    seen = visit(root, video=lambda _: None)
    assert len(files_named(seen, r".*damaged.*\.txt")) == 3
