from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.exports import Spotted
from tests.exports.examples import EVENTS, INTERVIEW, NTSC


def test_rows_are_in_order_with_their_own_region_and_times() -> None:
    rows = list(INTERVIEW.rows)
    assert [row.event.onset for row in rows] == [5, 10, 10, 40, 61, 290]
    assert [row.region for row in rows] == ["", "left eyelid", "mouth corner", "", "brow", "chin"]
    assert rows[3].warnings == ("poor light", "head turned")
    assert rows[2].onset == 10 / NTSC
    assert rows[2].apex == 20 / NTSC
    assert rows[2].offset == 60 / NTSC
    assert rows[2].end == 61 / NTSC
    assert rows[-1].end == INTERVIEW.duration


def test_true_times_are_used_where_they_are_given() -> None:
    seconds = np.arange(300) / NTSC
    seconds[50:] += 2.0  # the camera paused
    spotted = replace(INTERVIEW, seconds=seconds)
    first, second = (row for row in spotted.rows if row.event.onset in (10, 40) and row.event.kind == "macro")
    assert (first.onset, first.end) == (seconds[10], seconds[61])
    assert second.apex == seconds[50]
    assert spotted.duration == seconds[-1] + 1 / NTSC
    assert len(spotted.about["knots"]) == 2
    assert "knots" not in INTERVIEW.about


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video": ""}, "has no name"),
        ({"fps": 0.0}, "both must be above 0"),
        ({"fps": float("nan")}, "both must be above 0"),
        ({"n_frames": 299}, r"event \[290, 299\] of 299 frames"),
        ({"regions": ("brow",)}, "1 regions for 6 events"),
        ({"warnings": ((),)}, "1 warnings for 6 events"),
        ({"seconds": np.arange(3.0)}, "300 instants from 0 on, in order"),
        ({"seconds": np.arange(300.0)[::-1]}, "in order"),
        ({"seconds": np.full(300, np.nan)}, "in order"),
    ],
)
def test_what_does_not_fit(change: dict[str, object], message: str) -> None:
    with pytest.raises(SpotlibError, match=message):
        replace(INTERVIEW, **change)


def test_a_file_name_that_is_no_text() -> None:
    name = b"caf\xe9 1".decode("utf-8", "surrogateescape")  # as Python gives names of another age
    spotted = Spotted(video=name, source=name, fps=25, n_frames=400, events=EVENTS)
    assert spotted.video == "caf\ufffd 1"
