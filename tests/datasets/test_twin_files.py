from __future__ import annotations

import numpy as np
import pytest

from spotlib.datasets.twin_dataset import twin_videos
from spotlib.datasets.twin_files import check_size, file_plan, picture_folder, picture_pattern, video_code
from spotlib.errors import SpotlibError


def test_names_are_those_of_the_data_sets():
    samm, cas2, cas3 = (twin_videos(name, subjects=4) for name in ("samm_lv", "cas_me2", "cas_me3"))
    assert [video_code(v, "samm_lv") for v in samm[:6]] == ["006_1", "006_2", "006_3", "006_4", "006_5", "007_1"]
    assert str(picture_folder(samm[0], "samm_lv")) == "SAMM_longvideos/006_1"
    assert picture_pattern(samm[0], "samm_lv").format(7) == "006_1_0007.jpg"
    assert video_code(cas2[0], "cas_me2") == "15_0101"
    assert str(picture_folder(cas2[0], "cas_me2")) == "CAS(ME)^2/rawpic/s15/15_0101disgustingteeth"
    assert [picture_pattern(cas2[0], "cas_me2").format(n) for n in (1, 1234)] == ["img001.jpg", "img1234.jpg"]
    assert str(picture_folder(cas3[0], "cas_me3")) == "part_A/data/part_A/spNO.1/a/color"
    assert video_code(cas3[12], "cas_me3") == "spNO.2_c"
    upper = next(v for v in cas3 if (v.person, v.number) == (1, 1))
    assert picture_folder(upper, "cas_me3").parts[-2] == "B"
    assert video_code(upper, "cas_me3") == "spNO.2_b"


def test_numbers_of_people_have_gaps_as_in_the_data_sets():
    everybody = sorted({video_code(v, "cas_me2")[:2] for v in twin_videos("cas_me2")})
    assert len(everybody) == 22
    assert (everybody[0], everybody[-1]) == ("15", "40")
    part_c = [video_code(v, "cas_me3", "C") for v in twin_videos("cas_me3", part="C")]
    assert len(part_c) == 30
    assert (part_c[0], part_c[-1]) == ("C1", "C31")


def test_one_film_is_misspelt_for_some():
    videos = twin_videos("cas_me2", subjects=2, videos_per_subject=9)
    folders = {picture_folder(v, "cas_me2").name for v in videos if "_0503" in video_code(v, "cas_me2")}
    assert folders == {"15_0503unnyfarting", "16_0503funnyfarting"}


def test_cas_me3_lacks_its_first_and_a_tenth_of_all_other_pictures():
    shares, firsts = [], []
    for video in twin_videos("cas_me3", seed=2, subjects=6):
        plan = file_plan(video, "cas_me3")
        firsts.append(plan.first)
        assert plan.numbers[0] == plan.first
        assert plan.last == plan.first + video.n_frames - 1
        shares.append(1 - len(plan.numbers) / video.n_frames)
        assert np.diff(plan.numbers).max() <= 15
    assert set(firsts) == {5, 6, 7, 8, 9, 10}
    assert np.mean(shares) == pytest.approx(0.1, abs=0.02)


def test_damaged_pictures_are_among_those_that_are_used():
    for name in ("samm_lv", "cas_me2"):
        first, second = twin_videos(name, subjects=1)[:2]
        plan = file_plan(first, name)
        assert len(plan.damaged) == 2
        assert set(plan.damaged) < set(plan.numbers.tolist())
        assert (plan.damaged[0] - 1) % 7 == (plan.damaged[0] - 1) % 8 == 0
        assert file_plan(second, name).damaged == ()
    first, second = twin_videos("cas_me3", subjects=1)[:2]
    assert file_plan(first, "cas_me3").listed == file_plan(first, "cas_me3").damaged != ()
    plan = file_plan(second, "cas_me3")
    assert plan.damaged
    assert plan.listed == ()
    assert plan.damaged[0] not in (plan.first, plan.last)


def test_names_end_somewhere():
    with pytest.raises(SpotlibError, match="cas_me2: names for at most 70 people with 9 videos each; ask for fewer"):
        check_size("cas_me2", "A", twin_videos("cas_me2", subjects=1, videos_per_subject=10))
    with pytest.raises(SpotlibError, match="cas_me3: names for at most 9999 people with 1 video each; ask for fewer"):
        check_size("cas_me3", "C", twin_videos("cas_me3", part="C", subjects=1, videos_per_subject=2))
