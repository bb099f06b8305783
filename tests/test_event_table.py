from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.errors import SpotlibError
from spotlib.event_table import WRITTEN, EventTable, read_events_csv, write_events_csv
from spotlib.intervals import Event, Kind

FULL = ",".join(WRITTEN)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_all_columns_are_read(tmp_path):
    path = write(
        tmp_path / "e.csv", f"{FULL}\np1,v1,macro,3,5,9,4+12,left,slow,120,29.97\np1,v1,micro,20,,30,,,,120,29.97\n"
    )
    table = read_events_csv(path)
    assert table.events == {
        "v1": [Event(Kind.MACRO, 3, 5, 9, ("4", "12"), "left", note="slow"), Event(Kind.MICRO, 20, None, 30)]
    }
    assert (table.subjects, table.lengths, table.rates) == ({"v1": "p1"}, {"v1": 120}, {"v1": 29.97})


def test_the_order_of_written_columns_is_that_of_the_events_table():
    from spotlib.datasets.base import COLUMNS

    assert WRITTEN == COLUMNS


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=8)


@st.composite
def tables(draw):
    table = EventTable()
    scored = draw(st.booleans())
    for video in draw(st.lists(WORDS, min_size=1, max_size=3, unique=True)):
        if draw(st.booleans()):
            table.subjects[video] = draw(WORDS)
        if draw(st.booleans()):
            table.lengths[video] = 1000
        if draw(st.booleans()):
            table.rates[video] = draw(st.integers(1, 20_000)) / 100
        for _ in range(draw(st.integers(1, 3))):
            onset, apex, offset = sorted(draw(st.lists(st.integers(0, 999), min_size=3, max_size=3)))
            event = Event(
                draw(st.sampled_from(Kind)),
                onset,
                draw(st.sampled_from([apex, None])),
                offset,
                tuple(draw(st.lists(st.integers(1, 99).map(str), max_size=3, unique=True))),
                draw(st.sampled_from(["left", "right", "both"])),
                score=draw(st.floats(0, 1)) if scored else None,
                note=draw(st.just("") | WORDS),
            )
            table.events.setdefault(video, []).append(event)
    return table


@given(tables())
def test_what_is_written_is_read_back(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    write_events_csv(path, table)
    assert read_events_csv(path) == table


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("p,v,macro,3,5,9,x,left,,,", "row 2: aus 'x': 'x' is no AU number; write them like 4+12"),
        ("p,v,macro,3,5,9,4,up,,,", "row 2: side 'up' is unknown; write left, right, both or nothing"),
        ("p,v,macro,3,5,9,4,,,9,", "row 2: offset 9 is past the last frame, 8; correct offset or n_frames"),
        ("p,v,macro,3,5,9,4,,,0,", "row 2: n_frames is 0"),
        ("p,v,macro,3,5,9,4,,,ten,", "row 2: n_frames 'ten' is not a number"),
        ("p,v,macro,3,5,9,4,,,,fast", "row 2: fps 'fast' is no frame rate"),
        ("p,v,macro,3,5,9,4,,,,nan", "row 2: fps 'nan' is no frame rate"),
        ("p,v,macro,3,5,9,,,,20,\np,v,macro,3,5,9,,,,21,", "row 3: video 'v' has 21 frames here, 20 above; fix one"),
        ("p,v,macro,3,5,9,,,,,30\np,v,macro,3,5,9,,,,,25", "row 3: video 'v' has 25 fps here, 30 above; fix one"),
    ],
)
def test_what_does_not_fit_is_told_with_its_row(tmp_path, row, message):
    with pytest.raises(SpotlibError) as error:
        read_events_csv(write(tmp_path / "e.csv", f"{FULL}\n{row}\n"))
    assert message in str(error.value)


@pytest.mark.parametrize(("mark", "called"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_are_explained(tmp_path, mark, called):
    text = f"{FULL}\np,v,macro,3,5,9,4,,,,\n".replace(",", mark)
    with pytest.raises(SpotlibError, match=rf"e\.csv: the columns are separated by {called}; save it as CSV"):
        read_events_csv(write(tmp_path / "e.csv", text))


def test_an_event_without_a_text_form_is_not_written(tmp_path):
    table = EventTable(events={"v": [Event(Kind.MACRO, 3, None, 3, reachable=False)]})
    with pytest.raises(SpotlibError, match="v: the macro event at 3 has no offset"):
        write_events_csv(tmp_path / "e.csv", table)
    assert list(tmp_path.iterdir()) == []


def test_a_row_without_an_event_tells_of_a_video(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("subject,video,kind,onset,apex,offset,fps\nA,v1,macro,3,,9,30\nA,v2,,,,,25\n")
    table = read_events_csv(path)
    assert (table.subjects, table.rates) == ({"v1": "A", "v2": "A"}, {"v1": 30.0, "v2": 25.0})
    assert {video: len(events) for video, events in table.events.items()} == {"v1": 1, "v2": 0}
    write_events_csv(tmp_path / "again.csv", table)
    assert read_events_csv(tmp_path / "again.csv") == table
    path.write_text("video,kind,onset,apex,offset\nv2,,,,\n")
    with pytest.raises(SpotlibError, match="there is no event below the header"):
        read_events_csv(path)
    path.write_text("video,kind,onset,apex,offset\nv2,,5,,9\n")
    with pytest.raises(SpotlibError, match="row 2: kind '' is unknown"):
        read_events_csv(path)
