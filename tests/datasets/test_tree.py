from __future__ import annotations

import pytest

from spotlib.datasets import tree
from spotlib.datasets.tree import visit
from spotlib.errors import SpotlibError


def nothing(_):
    return None


def test_not_endless(tmp_path, monkeypatch):
    for n in range(12):
        (tmp_path / str(n)).mkdir()
    monkeypatch.setattr(tree, "MAX_FOLDERS", 10)
    with pytest.raises(SpotlibError, match="more than 10 folders; give the folder of the data set itself"):
        visit(tmp_path, video=nothing)


def test_not_deeper_than_any_data_set(tmp_path):
    deep = tmp_path.joinpath(*"abcdefghijk")
    deep.mkdir(parents=True)
    seen = visit(tmp_path, video=nothing)
    assert len(seen.folders) == tree.DEPTH + 1
    assert seen.folders[-1].path.name == "h"


def test_order_is_natural_and_hidden_folders_are_not_entered(tmp_path):
    for name in ("s10", "s2", ".git", "__MACOSX", "skipped"):
        (tmp_path / name / "within").mkdir(parents=True)
    seen = visit(tmp_path, video=nothing, skip=lambda path: path.name == "skipped")
    inner = [folder.path.name for folder in seen.folders if folder.path.parent == seen.root]
    assert inner == ["s2", "s10"]


def test_names_of_pictures_are_not_kept(tmp_path):
    for name in ("1.jpg", "2.jpg", "table.xlsx", "readme.txt"):
        (tmp_path / name).write_text("x")
    (folder,) = visit(tmp_path, video=nothing).folders
    assert folder.files == ("readme.txt", "table.xlsx")


def test_unreadable_folders_are_findings(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    (tmp_path / "open").mkdir()
    scan = tree.os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(tree.os, "scandir", refuse)
    (finding,) = visit(tmp_path, video=nothing).findings
    assert (finding.severity, finding.what) == ("loses", "unreadable-folder")
    assert str(finding) == f"{tmp_path.name}/locked: no permission to open it; change its permissions"
    with pytest.raises(SpotlibError, match="locked: no permission to open it"):
        visit(tmp_path / "locked", video=nothing)
