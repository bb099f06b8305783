from __future__ import annotations

import re
import time
import zipfile
from pathlib import Path

import pytest

from spotlib.datasets.layout_tables import WRITTEN, table_path, write_table
from spotlib.datasets.sheets import read_sheets
from spotlib.datasets.twin_dataset import twin_videos


@pytest.mark.parametrize(("name", "part"), [("samm_lv", "A"), ("cas_me2", "A"), ("cas_me3", "A"), ("cas_me3", "C")])
def test_the_same_twin_is_the_same_file_whenever_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, part: str
):
    suffix = table_path(name, part).suffix
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    videos = twin_videos(name, part=part, seed=3, subjects=2)
    write_table(first, videos, name, part)
    monkeypatch.setenv("TZ", "Asia/Tokyo")  # the times of an archive are local ones
    time.tzset()
    try:
        write_table(second, videos, name, part)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert first.read_bytes() == second.read_bytes()
    assert sum(len(sheet.rows) for sheet in read_sheets(first).values()) > 2


def test_a_spreadsheet_bears_no_date_of_its_writing(tmp_path: Path):
    write_table(tmp_path / "a.xlsx", twin_videos("cas_me2", seed=3, subjects=1), "cas_me2")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        assert {member.date_time for member in archive.infolist()} == {WRITTEN}
        dates = re.findall(r"\d{4}-\d\d-\d\dT", archive.read("docProps/core.xml").decode())
        assert dates == ["2000-01-01T"] * 2
        assert all(member.compress_type == zipfile.ZIP_DEFLATED for member in archive.infolist())
