from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from spotlib.datasets import annotator
from spotlib.datasets.annotator import SLIPS, Slips, records, rows
from spotlib.datasets.au_text import parse_aus
from spotlib.datasets.records import SAMPLINGS, Record
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.twin_dataset import twin_videos
from spotlib.datasets.twin_files import file_plan
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind


def of_all(name: str, **changes: int) -> list[tuple[TwinVideo, tuple[Record, ...]]]:
    return [(video, records(video, name)) for video in twin_videos(name, seed=3, **changes)]


@pytest.fixture(scope="module")
def samm() -> list[tuple[TwinVideo, tuple[Record, ...]]]:
    return of_all("samm_lv")


@pytest.fixture(scope="module")
def cas2() -> list[tuple[TwinVideo, tuple[Record, ...]]]:
    return of_all("cas_me2")


def true_frames(video: TwinVideo, name: str) -> set[tuple[Kind, int, int, int]]:
    """Kind, onset, apex and offset of the twin's own events in picture numbers."""
    first = file_plan(video, name).first
    events = video.events
    return {(e.kind, e.onset + first, (e.apex if e.apex is not None else -1) + first, e.offset + first) for e in events}


def test_the_same_video_is_always_annotated_alike(samm):
    video, found = samm[4]
    again = dataclasses.replace(video)
    assert again is not video
    assert records(again, "samm_lv") == found
    assert records(twin_videos("samm_lv", seed=4)[4], "samm_lv") != found


def test_every_event_of_samm_has_one_row_out_of_order(samm):
    unordered = 0
    for video, found in samm:
        assert Counter(r.kind for r in found) == Counter(e.kind for e in video.events)
        onsets = [r.onset for r in found if r.onset is not None]
        unordered += onsets != sorted(onsets)
        for record in found:
            assert record.video.startswith(record.subject + "_")
            numbers = tuple(None if x is None else round(x) for x in (record.onset, record.apex, record.offset))
            fits = [
                all(x is None or x == y for x, y in zip(numbers, true[1:], strict=True))
                for true in true_frames(video, "samm_lv")
                if true[0] is record.kind
            ]
            assert any(fits)
    assert unordered > 30


def test_slips_of_samm_in_their_shares(samm):
    found = [r for _, of_video in samm for r in of_video]
    macro = [r for r in found if r.kind is Kind.MACRO]
    fractional = [r for r in found if any(x is not None and x != int(x) for x in (r.onset, r.apex, r.offset))]
    assert {r.kind for r in fractional} == {Kind.MACRO}
    assert len(fractional) / len(macro) == pytest.approx(178 / 343, abs=0.08)
    unknown = [r for r in found if r.onset is None]
    assert 4 <= len(unknown) <= 22  # 11 in the real set
    assert 1 <= sum(r.apex is None for r in found) <= 14  # 6
    assert all(r.offset is not None for r in found)
    assert 2 <= sum("AUs as written" in r.note for r in found) <= 25
    doubtful = next(r for r in found if r.note)
    assert parse_aus(doubtful.note.removeprefix("AUs as written: ")).doubtful


def test_an_unknown_onset_is_that_of_a_macro_expression_near_the_beginning(samm):
    for video, found in samm:
        unknown = [r for r in found if r.onset is None]
        assert len(unknown) <= 1
        for record in unknown:
            first = video.events[0]
            assert first.kind is Kind.MACRO
            assert first.onset < 1.5 * 200
            assert record.offset is not None
            assert round(record.offset) == first.offset + 1


def test_fractional_numbers_mean_the_exact_frame_under_both_samplings(samm):
    for video, found in samm:
        exact = {x for true in true_frames(video, "samm_lv") for x in true[1:]}
        for record in found:
            for number in (record.onset, record.apex, record.offset):
                if number is not None and number != int(number):
                    assert round(number) in exact
                    for sampling in SAMPLINGS.values():
                        assert sampling.frame(number) == sampling.frame(round(number))


def test_slips_of_cas_me2_in_their_shares(cas2):
    found = [r for _, of_video in cas2 for r in of_video]
    missing = [r for r in found if r.offset is None]
    assert {r.kind for r in missing} == {Kind.MACRO}
    macro = sum(r.kind is Kind.MACRO for r in found)
    assert len(missing) / macro == pytest.approx(44 / 300, abs=0.05)
    assert {r.side for r in found} == {"both"}  # the table has none
    assert any(e.side != "both" for video, _ in cas2 for e in video.events)
    assert all(r.onset == int(r.onset) for r in found if r.onset is not None)


def test_rare_slips_happen(monkeypatch: pytest.MonkeyPatch, cas2):
    monkeypatch.setitem(SLIPS, "cas_me2", Slips(apex_outside=0.5, unknown_apex=0.3))
    found = [r for video, _ in cas2[:30] for r in records(video, "cas_me2")]
    outside = [r for r in found if r.apex is not None and r.offset is not None and r.apex > r.offset]
    assert 0.2 < len(outside) / len(found) < 0.55
    assert 0.1 < sum(r.apex is None for r in found) / len(found) < 0.5


def test_cas_me3_is_complete_and_counts_in_file_numbers():
    for video, found in of_all("cas_me3", subjects=3):
        first = file_plan(video, "cas_me3").first
        assert 5 <= first <= 10
        assert [(r.kind, r.onset, r.apex, r.offset, r.aus, r.side) for r in found] == [
            (e.kind, e.onset + first, (e.apex or 0) + first, e.offset + first, e.aus, e.side) for e in video.events
        ]


def test_part_c_has_no_apex():
    videos = twin_videos("cas_me3", seed=3, part="C", subjects=3)
    found = [r for video in videos for r in records(video, "cas_me3", "C")]
    assert found
    assert all(r.apex is None and r.kind is Kind.MICRO for r in found)
    assert {(r.subject, r.video) for r in found} == {("C1", "C1"), ("C2", "C2"), ("C3", "C3")}


def test_texts_say_what_was_shown(samm):
    intensities = 0
    for video, _ in samm[:40]:
        shown = {(e.kind, e.aus, e.side) for e in video.events}
        for row in rows(video, "samm_lv"):
            assert (row.record.kind, row.record.aus, row.record.side) in shown
            intensities += any(letter in row.aus for letter in "BCDE")
    assert intensities > 20


def test_only_twins_of_real_sets_are_annotated():
    with pytest.raises(SpotlibError, match="demo: nobody annotates this twin; choose samm_lv, cas_me2, cas_me3"):
        records(twin_videos("samm_lv")[0], "demo")


def test_fractions_stay_away_from_where_samplings_round():
    rng = np.random.default_rng(0)
    for number in range(1, 400):
        close = annotator._fraction(rng, float(number))
        assert 0 < abs(close - number) < 0.5
