"""What else happens: meeting, and how often that is so by chance, against counting by hand."""

from __future__ import annotations

import pytest

from spotlib.actor.distractors import LogEntry
from spotlib.happenings import CAUSES, LOGGED, NEARBY, NOTHING, Happenings, in_words

VIDEO = {
    "n_frames": 100, "fps": 10.0, "gaps": [[90, 99]],
    "truth": [{"kind": "micro", "onset": 20, "offset": 24}, {"kind": "macro", "onset": 40, "offset": 59}],
}  # fmt: skip
LOG = [LogEntry("talking", 0, 9), LogEntry("blink", 30, 32), LogEntry("blink", 70, 72)]


@pytest.fixture
def here() -> Happenings:
    return Happenings.of(VIDEO, LOG)


def true_ones(met: dict[str, bool | None]) -> set[str]:
    return {cause for cause, there in met.items() if there}


def test_logged_ones_must_share_a_frame_and_others_may_be_half_a_second_away(here: Happenings) -> None:
    assert true_ones(here.meets("micro", 10, 14)) == set()  # 6 frames before the ME, 1 after talking
    assert true_ones(here.meets("micro", 9, 15)) == {"talking", "same_kind"}  # 5 frames before the ME
    assert true_ones(here.meets("macro", 9, 15)) == {"talking", "other_kind"}
    assert true_ones(here.meets("macro", 64, 70)) == {"same_kind", "blink"}
    assert true_ones(here.meets("macro", 75, 84)) == set()
    assert true_ones(here.meets("macro", 75, 85)) == {"gap"}


def test_an_event_is_not_near_itself(here: Happenings) -> None:
    assert true_ones(here.meets("micro", 20, 24)) == {"same_kind"}
    assert true_ones(here.meets("micro", 20, 24, but=0)) == set()
    assert true_ones(here.meets("macro", 40, 59, but=1)) == set()


def test_nobody_knows_what_was_not_logged() -> None:
    real = Happenings.of(VIDEO)
    met = real.meets("micro", 9, 15)
    assert {cause for cause, there in met.items() if there is None} == set(LOGGED)
    assert true_ones(met) == {"same_kind"}
    assert set(real.known) == set(NEARBY)
    assert set(Happenings.of(VIDEO, []).known) == set(CAUSES)


def test_shares_of_time(here: Happenings) -> None:
    assert here.lasts("talking", "micro") == pytest.approx(0.10)
    assert here.lasts("blink", "macro") == pytest.approx(0.06)
    assert here.lasts("same_kind", "micro") == pytest.approx(0.15)  # 5 frames, and 5 on either side
    assert here.lasts("other_kind", "micro") == pytest.approx(0.30)
    assert here.lasts("gap", "micro") == pytest.approx(0.15)  # cut at the end of the video
    # 10 to 14, then 30 to 32 and 70 to 72 are blinks: 30-34 without 30-32, 65-84 without 70-72
    assert here.lasts(NOTHING, "micro") == pytest.approx((5 + 2 + 17) / 100)


@pytest.mark.parametrize("length", [1, 7, 40, 100, 250])
@pytest.mark.parametrize("kind", ["macro", "micro"])
def test_chance_is_the_share_of_places_that_meet_it(here: Happenings, kind: str, length: int) -> None:
    n = min(length, 100)
    places = [true_ones(here.meets(kind, start, start + n - 1)) for start in range(100 - n + 1)]
    for cause in CAUSES:
        expected = sum(cause in met for met in places) / len(places)
        assert here.chance(cause, kind, length) == pytest.approx(expected)
    assert here.chance(NOTHING, kind, length) == pytest.approx(sum(not met for met in places) / len(places))


def test_words_say_nothing_only_where_all_is_known(here: Happenings) -> None:
    assert in_words(here.meets("micro", 10, 14)) == "none of these"
    assert in_words(Happenings.of(VIDEO).meets("micro", 10, 14)) == ""
    assert in_words(here.meets("micro", 9, 15)) == "talking, within 0.5 s of a true event of its kind"
