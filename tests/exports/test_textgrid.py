from __future__ import annotations

from pathlib import Path

import pympi
import pytest
from praatio import textgrid

from spotlib.errors import SpotlibError
from spotlib.exports import Spotted, UnknownRate, read_events, write_events
from spotlib.intervals import Event, Kind
from tests.exports.examples import EVENTS, INTERVIEW, NASTY, NTSC, frames, named

SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
10
<exists>
2
"IntervalTier"
"Micro"
0
10
3
0
1
""
1
1.6
"0.75 ""sure"""
1.6
10
"  "
"TextTier"
"clicks"
0
10
1
3.5
"x"
'''


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_events(tmp_path / "a.TextGrid", INTERVIEW)


@pytest.mark.parametrize("name", ["interview", NASTY])
def test_praatio_reads_it(tmp_path: Path, name: str) -> None:
    path = write_events(tmp_path / "a.TextGrid", named(name))
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="error")
    assert grid.tierNames == ("macro", "macro 2", "micro", "spotlib")
    first = grid.getTier("macro").entries[0]
    assert (first.start, first.end) == (10 / NTSC, 61 / NTSC)
    assert first.label == "0.9125; apex 0.667 s; left; AU 4+12; region mouth corner"
    assert len(grid.getTier("micro").entries) == 3
    assert grid.maxTimestamp == INTERVIEW.duration


def test_pympi_reads_it(path: Path) -> None:
    grid = pympi.Praat.TextGrid(str(path), codec="utf-8")
    assert [tier.name for tier in grid.get_tiers()] == ["macro", "macro 2", "micro", "spotlib"]
    assert [label for *_, label in grid.get_tier("macro 2").get_intervals()][1].startswith("0.5000; apex")


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
def test_what_praatio_saves_is_read(path: Path, form: str) -> None:
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    micro = grid.getTier("micro")
    micro.insertEntry((2.0, 2.2, "added by hand"), collisionMode="replace")
    grid.save(str(path), format=form, includeBlankSpaces=True)
    events = read_events(path).events["interview"]
    assert frames(events) == frames([*EVENTS, Event(Kind.MICRO, 60, None, 65)])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-be"])
def test_the_encodings_of_praat(tmp_path: Path, encoding: str) -> None:
    path = write_events(tmp_path / "a.TextGrid", named(NASTY))
    mark = "\ufeff" if encoding.endswith("be") else ""
    path.write_bytes((mark + path.read_text(encoding="utf-8")).encode(encoding))
    assert list(read_events(path).events) == [NASTY]
    path.write_bytes(SHORT.replace("sure", "s\u00fcr").encode("latin-1"))
    assert len(read_events(path, fps=25)) == 1


def test_the_short_form_of_another_origin(tmp_path: Path) -> None:
    path = tmp_path / "talk 7.TextGrid"
    path.write_text(SHORT)
    with pytest.raises(UnknownRate, match="pass fps"):
        read_events(path)
    table = read_events(path, fps=25)
    assert table.events == {"talk 7": [Event(Kind.MICRO, 25, None, 39, score=0.75)]}
    assert not table.named
    assert table.notes == ["not read: 'clicks'"]


def test_without_our_tier(path: Path) -> None:
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    grid.removeTier("spotlib")
    grid.save(str(path), format="long_textgrid", includeBlankSpaces=True)
    assert frames(read_events(path, fps=NTSC).events["a"]) == frames(EVENTS)


def test_events_without_any_text_are_still_intervals(tmp_path: Path) -> None:
    bare = Spotted(video="v", source="v", fps=25, n_frames=9, events=(Event(Kind.MACRO, 0, None, 8),))
    path = write_events(tmp_path / "a.TextGrid", bare)
    assert 'text = "macro"' in path.read_text()
    assert frames(read_events(path).events["v"]) == frames(bare.events)


def test_comments_and_decoration_do_not_count(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("tiers? <exists>", '! 7 "no text" <absent>\nare there 3: tiers? <exists>'), "utf-8")
    assert len(read_events(path)) == 6


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"TextGrid"', '"PitchTier"', "no TextGrid; save it in Praat"),
        ("ooTextFile", "someTextFile", "no TextGrid"),
        ('"IntervalTier"', '"LexicalTier"', "a tier of class 'LexicalTier'"),
        ("size = 4", "size = 5", "the file ends where the class of a tier should be"),
        ("size = 4", "size = -4", "the number of tiers cannot be -4"),
        ("size = 4", "size = 2.5", "the number of tiers cannot be 2.5"),
        ("size = 4", "size = 1e300", "the number of tiers cannot be 1e+300"),
        ("size = 4", "size = nan", "the number of tiers should be a number"),
        ('name = "macro"', 'name = "macro', "is it a TextGrid in text form?"),
        ('name = "macro"', "name = 3", "the name of a tier should be a text in quotes"),
        ("xmin = 0\nxmax", "xmin = 1e999\nxmax", "xmin should be a number"),
        ("<exists>", "<absent>", "no tier is called 'macro' or 'micro'"),
        ('name = "micro"', 'name = "microscope"', "tier 'microscope' is not understood"),
    ],
)
def test_broken_files(path: Path, old: str, new: str, message: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SpotlibError) as caught:
        read_events(path, fps=25 if "absent" in new else None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_binary_files_and_points(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(b"ooBinaryFile\x08TextGrid\x00\x00")
    with pytest.raises(SpotlibError, match="a binary file of Praat; save it as a text file"):
        read_events(path)
    path.write_text(SHORT.replace('"clicks"', '"macro"'))
    with pytest.raises(SpotlibError, match="tier 'macro': holds points; make it an interval tier in Praat"):
        read_events(path, fps=25)
    path.write_text(SHORT.replace("\n1.6\n", "\n0.5\n", 1))
    with pytest.raises(SpotlibError, match=r"tier 'Micro', interval 2: ends at 0.500 s before it begins at 1.000 s"):
        read_events(path, fps=25)
