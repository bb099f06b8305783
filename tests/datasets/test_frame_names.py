from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.datasets.frame_names import FEW, MAX_GAP, STRAY_GAP, FrameNames, is_picture, runs


def test_numbers_are_sorted_as_numbers_and_names_come_back():
    names, stray = FrameNames.of([f"img_{n}.jpg" for n in (10, 9, 1, 100)])
    assert names.numbers.tolist() == [1, 9, 10, 100]
    assert [names.name(n) for n in (1, 10, 100)] == ["img_1.jpg", "img_10.jpg", "img_100.jpg"]
    assert stray == []
    assert 9 in names
    assert 11 not in names
    with pytest.raises(KeyError):
        names.name(2)


def test_zero_filled_names_beyond_their_digits():
    written = [f"006_1_{n:04d}.jpg" for n in (1, 999, 9999, 10000, 12345)]
    names, stray = FrameNames.of(written)
    assert [names.name(n) for n in names.numbers.tolist()] == written
    assert (stray, names.prefix) == ([], "006_1_")


def test_everything_else_is_stray():
    others = ["Thumbs.db", "._img1.jpg", ".DS_Store", "img1 (1).jpg", "copy_img2.jpg", "notes.txt", "img.jpg"]
    names, stray = FrameNames.of(["img1.jpg", "img2.jpg", "img3.jpg", *others])
    assert names.numbers.tolist() == [1, 2, 3]
    assert stray == sorted(others)


def test_mixed_spellings_of_one_family_count_once():
    names, stray = FrameNames.of(["img001.jpg", "img002.jpg", "IMG003.JPG", "img004.png", "img002.png", "img5.jpg"])
    assert names.numbers.tolist() == [1, 2, 3, 4, 5]
    assert [names.name(n) for n in (2, 3, 4, 5)] == ["img002.jpg", "IMG003.JPG", "img004.png", "img5.jpg"]
    assert stray == ["img002.png"]


def test_a_far_number_does_not_make_a_video_of_weeks():
    names, stray = FrameNames.of(["1.jpg", "2.jpg", f"{3 + MAX_GAP}.jpg", "20150612.jpg"])
    assert names.numbers.tolist() == [1, 2]
    assert stray == [f"{3 + MAX_GAP}.jpg", "20150612.jpg"]


@pytest.mark.parametrize(
    ("numbers", "strange"),
    [
        (range(1, 91), [19000]),
        (range(1, 91), [5000, 5001, 19000, 19001]),  # 4 of 94
        (range(5001, 5091), [3]),
        (range(3001, 3201), [1, 2, 9000]),  # at both ends
        (range(1, 1801), [1800 + 1805, 1800 + 1806]),  # a minute behind a minute
    ],
)
def test_a_few_pictures_far_away_are_no_part_of_the_video(numbers, strange):
    names, stray = FrameNames.of([f"{n}.jpg" for n in (*numbers, *strange)])
    assert names.numbers.tolist() == list(numbers)
    assert stray == sorted(f"{n}.jpg" for n in strange)


@pytest.mark.parametrize(
    "numbers",
    [
        [n for n in range(5, 900) if n % 10],  # a tenth is missing
        [*range(5, 60), *range(960, 1400)],  # half a minute at the beginning
        [*range(5, 400), *range(1300, 1303)],  # half a minute before the end, in a video of seconds
        [*range(5, 2000), *range(2900, 2902), *range(3800, 6000)],
        [*range(1, 91), *range(5001, 5091)],  # two halves: nobody can tell which is strange
        [*range(1, 91), *(5000 + 2000 * k for k in range(6))],  # more than a few
        [1, 5000],
    ],
)
def test_real_gaps_survive(numbers):
    names, stray = FrameNames.of([f"{n}.jpg" for n in numbers])
    assert names.numbers.tolist() == numbers
    assert stray == []


def test_nothing():
    names, stray = FrameNames.of([])
    assert (len(names), stray, repr(names)) == (0, [], "<no pictures>")
    assert pickle.loads(pickle.dumps(names)) == names


def test_without():
    names, _ = FrameNames.of(["1.jpg", "2.jpg", "3.jpg"])
    assert names.without({2, 7}).numbers.tolist() == [1, 3]


def test_pickles_small():
    names, _ = FrameNames.of([f"img{n:04d}.jpg" for n in range(1, 16001) if n % 11])
    packed = pickle.dumps(names)
    assert len(packed) < 1500
    assert pickle.loads(packed) == names
    assert pickle.loads(packed).name(16000) == "img16000.jpg"


@given(st.sets(st.integers(0, 20_000), min_size=1), st.integers(0, 5), st.sampled_from(["", "img", "006_1_", "a1b"]))
def test_every_name_comes_back(numbers, digits, prefix):
    written = {n: f"{prefix}{n:0{digits}d}.jpg" for n in numbers}
    names, stray = FrameNames.of(written.values())
    assert {n: names.name(n) for n in names.numbers.tolist()} == {n: written[n] for n in numbers if n in names}
    assert stray == sorted(written[n] for n in numbers if n not in names)
    assert len(stray) * FEW <= len(numbers)
    if max(numbers) - min(numbers) <= STRAY_GAP:
        assert stray == []
    again = pickle.loads(pickle.dumps(names))
    assert again == names


@pytest.mark.parametrize(("name", "is_one"), [("a.JPG", True), ("a.jpg.txt", False), ("._a.jpg", False), ("a", False)])
def test_is_picture(name, is_one):
    assert is_picture(name) is is_one


@given(st.lists(st.booleans(), max_size=40))
def test_runs_cover_exactly_what_is_true(flags):
    covered = {i for run in runs(np.array(flags, bool)) for i in range(run.onset, run.offset + 1)}
    assert covered == {i for i, flag in enumerate(flags) if flag}
