from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.datasets.cells import is_empty, number, plain, text


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (12, 12.0),
        (12.0, 12.0),
        ("12", 12.0),
        (" 12.0 ", 12.0),
        ("\u00a012\u3000", 12.0),
        ("１２．５", 12.5),
        ("－1", -1.0),
        ("\N{MINUS SIGN}1", -1.0),
        ("+7", 7.0),
        ("1e3", 1000.0),
        ("566,4", 566.4),
        (566.4000000000001, 566.4),
        (0, 0.0),
    ],
)
def test_number_reads_what_is_one(cell, value):
    assert number(cell) == value


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "-",
        "n/a",
        "12 a",
        "1,234",
        "1 234",
        "1_000",
        "0x10",
        "nan",
        "inf",
        "1e999",
        float("nan"),
        float("inf"),
        10**400,
        True,
        False,
        "1" * 60,
        datetime.datetime(2020, 1, 2),
        datetime.date(2020, 1, 2),
        datetime.time(3, 4),
        datetime.timedelta(days=12),
    ],
)
def test_number_never_guesses(cell):
    assert number(cell) is None


CELLS = st.one_of(
    st.text(),
    st.from_regex(r"[+-]?[0-9]*[.,]?[0-9]*([eE][+-]?[0-9]*)?", fullmatch=True),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
)


@given(CELLS)
def test_no_cell_breaks_the_readers(cell):
    value = number(cell)
    assert value is None or abs(value) <= 1.8e308
    assert text(cell) == text(cell).strip()
    assert plain(plain(cell)) == plain(cell)
    assert isinstance(is_empty(cell), bool)


@given(st.integers(-(10**6), 10**9))
def test_whole_numbers_survive_as_text_and_as_numbers(value):
    assert number(str(value)) == number(value) == number(float(value)) == number(f" {value}.0 ") == value
    assert text(float(value)) == str(value)


def test_plain_is_blind_to_case_width_and_punctuation():
    assert plain(" Action\nUnit(s) ") == plain("ＡＣＴＩＯＮ  unit_s") == "action unit s"


def test_words_for_nothing_are_empty():
    assert [is_empty(cell) for cell in ("", "  ", "-", "N/A", "nan", "?", 0, "0", "x")] == [True] * 6 + [False] * 3
