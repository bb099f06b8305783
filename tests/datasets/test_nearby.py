"""Which of several tables is taken: shown on those that lie side by side in the folder of CAS(ME)^3."""

from __future__ import annotations

from pathlib import Path

import pytest

from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.nearby import choose_table, files_named
from spotlib.datasets.tree import visit
from spotlib.errors import SpotlibError
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
    assert all(finding.message.startswith("not used: ") for finding in findings)
    assert [(f.severity, f.what) for f in findings] == [("changes", "unreadable-table"), ("note", "not-the-table")]


def test_an_unreadable_table_is_not_quietly_replaced(root):
    cas3_table(root.parent / "t_v1.xls", [MACRO, MICRO])
    (root / "annotation").mkdir()
    damaged = root / "annotation" / "t_v2.xls"
    for content in (b"", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 cut off", "EncryptedPackage".encode("utf-16-le")):
        damaged.write_bytes(content)
        with pytest.raises(SpotlibError, match=r"t_v2\.xls: .*; mend or remove it, or give .* --annotations") as error:
            chosen(root)
        assert "\n" not in str(error.value)
        assert f"{root.parent / 't_v1.xls'} can be read, but lies outside of {root}" in str(error.value)
    damaged.unlink()
    damaged.symlink_to(root / "gone.xls")
    with pytest.raises(SpotlibError, match=r"t_v2\.xls: no such file; mend or remove it"):
        chosen(root)


def test_a_table_without_permission_is_not_quietly_replaced(root, monkeypatch):
    cas3_table(root.parent / "t_v1.xls", [MACRO, MICRO])
    secret = cas3_table(root / "t_v2.xls", [MACRO])
    read_bytes = Path.read_bytes

    def guarded(path):
        if path == secret:
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)  # a mode would not stop a test that runs as root
    with pytest.raises(SpotlibError, match=r"t_v2\.xls: cannot be read \(Permission denied\); mend or remove it"):
        chosen(root)


def test_an_unreadable_table_beside_a_good_one_is_told(root):
    cas3_table(root / "t_v1.xls", [MACRO, MICRO])
    (root / "t_v2.xls").write_bytes(b"")
    count, names, (finding,) = chosen(root)
    assert (count, names) == (2, ["t_v1.xls"])
    assert (finding.severity, finding.what, finding.origin.file) == ("changes", "unreadable-table", "part_A/t_v2.xls")
    (root / "t_v2.xls").unlink()
    (root.parent / "t_v3.xls").write_bytes(b"")  # elsewhere, it is nobody's business
    assert chosen(root)[2] == []


def test_a_spreadsheet_that_is_another_table_does_not_hinder(root):
    cas3_table(root.parent / "t_v1.xls", [MACRO, MICRO])
    write_xlsx(root / "other.xlsx", {"s": [CAS3_HEADER[:3], ("x", 1, 2)]})
    count, names, (finding,) = chosen(root)
    assert (count, names, finding.severity) == (2, ["t_v1.xls"], "note")


def test_files_by_name_wherever_they_lie(root):
    for place in (root, root.parent, root / "exception"):
        place.mkdir(exist_ok=True)
        (place / "Error_info_DAMAGED.txt").write_text("x")
    seen = visit(root, video=lambda _: None)
    assert len(files_named(seen, r".*damaged.*\.txt")) == 3
