"""The second look: upright pictures at the right frames, motion where it was, and no more than can be shown."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from spotlib.intervals import Event, Kind
from spotlib.points import LAYOUTS
from spotlib.spot import moments as module
from spotlib.spot.engine import analyse
from spotlib.spot.moments import SIDE, moments
from spotlib.spot.source import Footage

BROWS = Event(Kind.MACRO, 10, 18, 26, score=0.9)  # both rise
SMILE = Event(Kind.MACRO, 29, 38, 47, score=0.8)
TWITCH = Event(Kind.MICRO, 54, 58, 62, score=0.7)  # the left brow alone


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).astype(float)


@pytest.fixture(scope="module")
def analysis(clip, weights):
    return analyse(Footage(clip).frames(), weights)


@pytest.fixture(scope="module")
def made(clip, analysis):
    return moments(Footage(clip), analysis, [BROWS, SMILE, TWITCH], layout="10")


def test_sizes(made) -> None:
    for moment, event in zip(made, (BROWS, SMILE, TWITCH), strict=True):
        assert decoded(moment.strip[0]).shape == (SIDE, SIDE)
        assert moment.arrows.shape == (10, 4)
        assert moment.arrows.dtype == np.float32
        assert len(moment.loop) == min(24, event.length)
        assert max(map(len, moment.loop)) < 20_000


def test_arrows_point_where_the_face_moved(made) -> None:
    names = LAYOUTS["10"]
    lengths = [np.linalg.norm(moment.arrows[:, 2:], axis=1) for moment in made]
    right, left = [names.index(n) for n in ("20", "19", "18")], [names.index(n) for n in ("23", "24", "25")]
    corners = [names.index("48"), names.index("54")]
    assert lengths[0][right].mean() > 3 * lengths[0][corners].mean()
    assert made[0].arrows[right + left, 3].max() < -1  # up
    assert lengths[1][corners].mean() > 3 * lengths[1][right + left].mean()
    assert lengths[2][left].mean() > 4 * lengths[2][right].mean()
    assert (made[0].arrows[:, 0] > 0).all()
    assert made[0].arrows[right, 0].max() < made[0].arrows[left, 0].min()  # the person's right is on our left


def test_the_loop_is_magnified_and_the_strip_is_not(made) -> None:
    twitch = made[2]
    onset, apex, _ = map(decoded, twitch.strip)
    middle = decoded(twitch.loop[TWITCH.apex - TWITCH.onset])
    x, y = twitch.arrows[LAYOUTS["10"].index("24"), :2].round().astype(int)
    part = np.s_[y - 12 : y + 12, x - 12 : x + 12]
    assert np.abs(middle - onset)[part].mean() > 1.5 * np.abs(apex - onset)[part].mean()
    np.testing.assert_allclose(decoded(twitch.loop[0]), onset, atol=12)


def test_a_turned_head_is_shown_upright(clip, analysis, tmp_path, weights) -> None:
    from tests.spot.factory import pictures, write_file

    turn = cv2.getRotationMatrix2D((320, 240), 15, 1)
    turned = np.stack([cv2.warpAffine(p, turn, (640, 480), borderMode=cv2.BORDER_REPLICATE) for p in pictures()[:30]])
    path = write_file(tmp_path / "turned.mp4", turned)
    found = analyse(Footage(path).frames(), weights)
    assert np.degrees(np.median(found.faces[:, 6])) == pytest.approx(-15, abs=2)
    moment = moments(Footage(path), found, [BROWS], layout="10")[0]
    upright = moments(Footage(clip), analysis, [BROWS], layout="10")[0]
    np.testing.assert_allclose(moment.arrows[:, :2], upright.arrows[:, :2], atol=6)
    assert np.abs(decoded(moment.strip[0]) - decoded(upright.strip[0]))[40:150, 50:140].mean() < 14


def test_only_the_best_when_there_are_many(clip, analysis, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    events = [dataclasses.replace(event, score=score) for event, score in ((BROWS, 0.2), (SMILE, 0.9), (TWITCH, 0.5))]
    made = moments(Footage(clip), analysis, events, layout="10")
    assert [moment is None for moment in made] == [True, False, False]


def test_a_lost_face_has_no_pictures(clip, analysis) -> None:
    faces = analysis.faces.copy()
    faces[20] = np.nan
    made = moments(Footage(clip), dataclasses.replace(analysis, faces=faces), [BROWS, TWITCH], layout="10")
    assert made[0] is None
    assert made[1] is not None


def test_events_that_overlap_and_touch_the_ends(clip, analysis) -> None:
    events = [Event(Kind.MACRO, 0, 5, 40), Event(Kind.MICRO, 38, 40, 44), Event(Kind.MICRO, 71, 71, 71)]
    made = moments(Footage(clip), analysis, events, layout="all")
    assert [len(moment.loop) for moment in made] == [24, 7, 1]
    assert made[2].arrows.shape == (14, 4)
    assert np.nanmax(np.abs(made[2].arrows[:, 2:])) == 0
