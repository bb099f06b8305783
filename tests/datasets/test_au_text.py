from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.datasets.au_text import format_aus, parse_aus


@pytest.mark.parametrize(
    ("text", "aus", "side", "doubtful"),
    [
        ("", "", "both", False),
        (None, "", "both", False),
        (12.0, "12", "both", False),
        (7, "7", "both", False),
        (-1.0, "", "both", False),
        # intensities
        ("4(B/C)+7B", "4 7", "both", False),
        ("A12D", "12", "both", False),
        ("10A/B", "10", "both", False),
        ("1D/E+4D/E", "1 4", "both", False),
        ("B17(C/D)", "17", "both", False),
        ("A(7B/C)+9B", "7 9", "both", False),
        # sides
        ("L4+R10", "4 10", "both", False),
        ("L4+L10", "4 10", "left", False),
        ("r18", "18", "right", False),
        ("12L", "12", "left", False),
        ("L12+25", "12 25", "left", False),
        ("L12+6", "12 6", "both", False),
        ("L12+A14", "12 14", "both", False),
        ("L2+R2", "2", "both", False),
        ("14+L14", "14", "both", False),
        ("L14+L14+L14", "14", "left", False),
        ("R4,5", "4 5", "both", False),
        ("R9,26", "9 26", "right", False),
        ("27+ADR30", "27 30", "right", False),
        ("left 12", "12", "left", False),
        ("L(1+2)+25", "1 2 25", "left", False),
        ("T23+B22+18", "23 22 18", "both", False),
        ("(L/A)14(C/B)", "14", "both", True),
        ("A/L14", "14", "both", True),
        # alternatives
        ("(R6 or R12)+R15", "6 12 15", "right", True),
        ("R(10or12)C", "10 12", "right", True),
        ("12Bor14", "12 14", "both", True),
        ("5B+(17/23) ", "5 17 23", "both", True),
        ("12C/D", "12", "both", False),
        ("7B+((23+26)or(60))", "7 23 26 60", "both", True),
        ("(4B+7A)or(loses AU9)", "4 7", "both", True),
        ("(loses 4+5) or (9(B/C))", "9", "both", True),
        # reference and doubt
        ("ref(7)", "7", "both", True),
        ("Ref(L9)+A15B", "9 15", "both", True),
        ("4C/D+ref(6)10E+26", "4 6 10 26", "both", True),
        ("6A ref (L14 or L15)", "6 14 15", "both", True),
        ("31?", "31", "both", True),
        # words
        ("Chewing", "", "both", True),
        ("7+shine", "7", "both", True),
        ("85 (small nod) ", "85", "both", True),
        ("double 43", "43", "both", False),
        ("twice - R4B+R5B+26", "4 5 26", "right", False),
        ("he does 3x  R4(D and then C)", "4", "right", True),
        # separators, repeats, width, damage
        ("15,L14,", "15 14", "both", False),
        ("5，12", "5 12", "both", False),
        ("４＋Ｌ１０", "4 10", "both", False),
        ("AU4; AU12 & AU25", "4 12 25", "both", False),
        ("12+12+6+4+4", "12 6 4", "both", False),
        ("6A/B+L9A/B)+ref(13)+15C", "6 9 13 15", "both", True),
        ("4.10", "4 10", "both", True),
        ("04", "4", "both", False),
        ("123+4", "4", "both", True),
        ("0", "", "both", True),
        ("۴+4", "4", "both", True),
    ],
)
def test_the_forms_of_the_tables(text, aus, side, doubtful):
    parsed = parse_aus(text)
    assert (" ".join(parsed.aus), parsed.side, parsed.doubtful) == (aus, side, doubtful)


ALPHABET = "0123456789ABCDELRTabcdelrt+,;/()?. -" + "ref or and AU"


@given(st.one_of(st.text(), st.text(alphabet=ALPHABET), st.floats(), st.integers(), st.none()))
def test_no_text_breaks_it(text):
    parsed = parse_aus(text)
    assert parsed.side in ("left", "right", "both")
    assert len(set(parsed.aus)) == len(parsed.aus)
    assert all(1 <= int(au) <= 99 and au == str(int(au)) for au in parsed.aus)
    assert parsed.aus or parsed.side == "both"


@given(
    st.lists(st.integers(1, 99).map(str), min_size=1, unique=True).map(tuple),
    st.sampled_from(["left", "right", "both"]),
)
def test_what_is_formatted_is_read_back(aus, side):
    parsed = parse_aus(format_aus(aus, side))
    assert (parsed.aus, parsed.side, parsed.doubtful) == (aus, side, False)


def test_a_very_long_text_is_read_in_part_and_doubted():
    parsed = parse_aus("(" * 5000 + "4")
    assert parsed.doubtful
