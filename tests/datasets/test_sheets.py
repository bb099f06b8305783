from __future__ import annotations

import zipfile

import pytest

from spotlib.datasets import sheets
from spotlib.datasets.sheets import best_header, find_header, read_sheets
from spotlib.errors import SpotlibError
from tests.datasets.tables_factory import write_xls, write_xlsx

ROWS = [["Name", "Frame (no.)"], [None, None], ["a", 3], ["  ", None], ["b", "4"]]
NAMES = {"name": ("title",), "frame": ("frame no", "number")}


@pytest.mark.parametrize("write", [write_xlsx, write_xls])
def test_rows_keep_their_numbers_and_blank_ones_are_dropped(tmp_path, write):
    read = read_sheets(write(tmp_path / "table.bin", {"one": ROWS, "two": [["x"]]}))
    assert list(read) == ["one", "two"]
    assert read["one"].rows == [(1, ["Name", "Frame (no.)"]), (3, ["a", 3.0]), (5, ["b", "4"])]


def test_an_area_that_starts_lower_and_further_right_keeps_rows_and_columns(tmp_path):
    read = read_sheets(write_xlsx(tmp_path / "far.xlsx", {"one": ROWS}, top=7, left=3))
    assert read["one"].rows[0] == (7, ["", "", "Name", "Frame (no.)"])
    assert [row for row, _ in read["one"].rows] == [7, 9, 11]


def test_a_cell_merged_downwards_counts_for_all_of_its_rows(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["s1", 1], [None, 2], [None, 3], ["s2", 4]):
        book.active.append(row)
    book.active.merge_cells("A1:A3")
    book.save(tmp_path / "merged.xlsx")
    (sheet,) = read_sheets(tmp_path / "merged.xlsx").values()
    assert [cells[0] for _, cells in sheet.rows] == ["s1", "s1", "s1", "s2"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a,b\n\n1,2\n".encode("utf-8-sig"), [(1, ["a", "b"]), (3, ["1", "2"])]),
        (b"a;b\n1;2,5\n", [(1, ["a", "b"]), (2, ["1", "2,5"])]),
        ("a\tb\n1\t2\n".encode("utf-16"), [(1, ["a", "b"]), (2, ["1", "2"])]),
        ("名,b\n1,2\n".encode("gb18030"), [(1, ["名", "b"]), (2, ["1", "2"])]),
        (b'a,b\n"x\ny",2\n', [(1, ["a", "b"]), (2, ["x\ny", "2"])]),
    ],
)
def test_csv_in_the_encodings_and_separators_of_spreadsheet_programs(tmp_path, data, expected):
    (tmp_path / "table.csv").write_bytes(data)
    assert read_sheets(tmp_path / "table.csv")[""].rows == expected


def bad_file(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SpotlibError) as error:
        read_sheets(tmp_path / name)
    message = str(error.value)
    assert message.startswith(str(tmp_path / name))
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty.xlsx", b"", "the file is empty"),
        ("blank.csv", b"\n ,,\n\n", "all of its sheets are empty"),
        ("page.xls", b"<html><table></table></html>", "not a spreadsheet"),
        ("cut.xlsx", b"PK\x03\x04" + bytes(200), "not a readable spreadsheet"),
        ("cut.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), "not a readable spreadsheet"),
        (
            "locked.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "locked by a password",
        ),
        ("binary.csv", b"a,b\n\0\0\n", "not a text table"),
    ],
)
def test_what_is_no_spreadsheet_is_told_in_one_line(tmp_path, name, data, message):
    assert message in bad_file(tmp_path, name, data)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(SpotlibError, match="no such file"):
        read_sheets(tmp_path / "none.xlsx")
    with pytest.raises(SpotlibError, match="a folder, not a spreadsheet"):
        read_sheets(tmp_path)


def test_a_sheet_without_cells_is_an_error(tmp_path):
    with pytest.raises(SpotlibError, match="all of its sheets are empty"):
        read_sheets(write_xlsx(tmp_path / "nothing.xlsx", {"one": []}))


def test_damage_that_ends_the_reading_library_does_not_end_spotlib(tmp_path):
    data = bytearray(write_xls(tmp_path / "whole.xls", {"one": ROWS}).read_bytes())
    for place in range(48, 80):  # sector numbers of the header
        data[place] = 0x7F
    assert "not a readable spreadsheet" in bad_file(tmp_path, "damaged.xls", bytes(data))


def test_one_cell_far_away_ends_in_a_line_and_not_in_all_memory(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active["A1"] = 1
    book.active.cell(1_048_576, 16_384).value = 2
    book.save(tmp_path / "far.xlsx")
    with pytest.raises(SpotlibError, match=r"far\.xlsx: not a readable spreadsheet .*a cell far from the others"):
        read_sheets(tmp_path / "far.xlsx")


def test_a_file_that_unpacks_to_too_much_is_not_opened(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(3 * 2**20))
    assert sheets.MAX_BYTES == 200 * 2**20
    monkeypatch.setattr(sheets, "MAX_BYTES", 2 * 2**20)
    monkeypatch.setattr(sheets, "_spreadsheet", lambda *_: pytest.fail("it was opened"))
    assert (tmp_path / "bomb.xlsx").stat().st_size < 2**16
    with pytest.raises(SpotlibError, match=r"bomb\.xlsx: unpacks to 3 MB, more than the 2 MB"):
        read_sheets(tmp_path / "bomb.xlsx")


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "huge.xls").open("wb") as file:
        file.truncate(201 * 2**20)
    with pytest.raises(SpotlibError, match="201 MB is too large"):
        read_sheets(tmp_path / "huge.xls")


def test_columns_are_found_by_name_in_any_order_and_row(tmp_path):
    rows = [["A title"], [], ["Remarks", "ＦＲＡＭＥ  no", None, "TITLE "], ["x", 3, None, "a"], ["y", 4]]
    (sheet,) = read_sheets(write_xlsx(tmp_path / "t.xlsx", {"one": rows})).values()
    header = find_header(sheet, NAMES, required=("name", "frame"))
    assert (header.row, dict(header.columns)) == (3, {"name": 3, "frame": 1})
    assert [header.cell(cells, "name") for row, cells in sheet.rows if row > header.row] == ["a", ""]
    assert header.cell(["x"], "unknown") == ""


def test_a_missing_column_is_named_with_the_row_that_comes_nearest(tmp_path):
    (sheet,) = read_sheets(write_xlsx(tmp_path / "t.xlsx", {"one": [["q"], ["Name", "Farme"], ["a", 1]]})).values()
    with pytest.raises(SpotlibError, match=r"^t\.xlsx, sheet 'one', row 2: column 'frame' is missing;.*name, frame"):
        find_header(sheet, NAMES, required=("name", "frame"), where="t.xlsx")
    nearest = best_header(sheet, NAMES, required=("name", "frame"))
    assert nearest is not None
    assert nearest.missing == ("frame",)


def test_no_header_at_all_is_said(tmp_path):
    (sheet,) = read_sheets(write_xlsx(tmp_path / "t.xlsx", {"one": [["a", 1], ["b", 2]]})).values()
    assert best_header(sheet, NAMES, required=("name", "frame")) is None
    with pytest.raises(SpotlibError, match="sheet 'one': no header row; one with the columns name, frame is needed"):
        find_header(sheet, NAMES, required=("name", "frame"), where="t.xlsx")


def test_a_header_far_down_is_not_looked_for(tmp_path):
    rows = [[k] for k in range(60)] + [["name", "frame"]]
    (sheet,) = read_sheets(write_xlsx(tmp_path / "t.xlsx", {"one": rows})).values()
    assert best_header(sheet, NAMES, required=("name", "frame")) is None
