from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spotlib.actor.action_units import unit
from spotlib.actor.distractors import Distractors, Habits, make_distractors
from spotlib.actor.face import Actor
from spotlib.actor.identity import sample_identity
from spotlib.actor.motion import BROW_NODES, LandmarkField
from spotlib.intervals import Event, Kind

FPS, T = 30.0, 600
NEVER = (1e5, 1e6)
STILL = Habits(
    blink_gap=NEVER,
    gaze_gap=NEVER,
    gaze_range=0.0,
    head_rotation=0.0,
    head_shift=0.0,
    turn_gap=NEVER,
    breathing=0.0,
    swallow_gap=NEVER,
    talking=0.0,
    light_drift=0.0,
    flicker=0.0,
)


@pytest.fixture(scope="module")
def field() -> LandmarkField:
    return LandmarkField.of(Actor(sample_identity(3)))


def draw(field: LandmarkField, habits: Habits, *, video: int = 0, n_frames: int = T, events=()) -> Distractors:
    return make_distractors(habits, seed=1, path=(0, video), n_frames=n_frames, fps=FPS, field=field, events=events)


def logged(found: Distractors, kind: str) -> list[tuple[int, int]]:
    return [(entry.onset, entry.offset) for entry in found.log if entry.kind == kind]


def test_everything_can_be_switched_off(field: LandmarkField):
    found = draw(field, STILL)
    assert found.log == ()
    assert found.weights.max() == 0.0
    assert (found.head == [0, 0, 0, 0, 0, 1]).all()
    assert (found.gaze == 0).all()
    assert (found.gain == 1).all()
    assert (found.shift == 0).all()


def test_same_seed_same_habits_same_video(field: LandmarkField):
    one, two = draw(field, Habits()), draw(field, Habits())
    for name in ("weights", "gaze", "head", "gain", "shift"):
        assert (getattr(one, name) == getattr(two, name)).all()
    assert one.log == two.log
    assert one.log != draw(field, Habits(), video=1).log


def test_one_knob_leaves_the_others_alone(field: LandmarkField):
    calm, chatty = draw(field, Habits(talking=0.0)), draw(field, Habits(talking=0.3))
    assert logged(chatty, "talking")
    assert logged(calm, "blink") == logged(chatty, "blink")
    assert (calm.gaze == chatty.gaze).all()
    assert (calm.gain == chatty.gain).all()
    assert (calm.head[:, 0] == chatty.head[:, 0]).all()  # pitch nods with the words, yaw does not
    np.testing.assert_allclose(
        2 * draw(field, Habits(head_rotation=1.0)).head[:, 0],
        draw(field, Habits(head_rotation=2.0)).head[:, 0],
    )


def test_blinks_close_the_eyes_every_two_to_six_seconds(field: LandmarkField):
    found = draw(field, dataclasses.replace(STILL, blink_gap=(2.0, 6.0)), n_frames=6000)
    blinks = logged(found, "blink")
    gaps = np.diff([onset for onset, _ in blinks]) / FPS
    assert gaps.min() > 1.9
    assert gaps.max() < 6.1
    for onset, offset in blinks[:-1]:
        closed = found.weights[onset : offset + 1, unit("eyeBlinkLeft")]
        assert 5 <= len(closed) <= 14
        assert closed.max() > 0.8
        assert 0.0025 < field.peak(found.weights[onset + int(closed.argmax())], list(BROW_NODES)) < 0.01
    outside = np.ones(6000, dtype=bool)
    for onset, offset in blinks:
        outside[onset : offset + 1] = False
    assert found.weights[outside].max() == 0.0
    assert found.weights[~outside].max(axis=1).min() > 0.0


def test_the_log_names_every_frame_in_which_the_mouth_moves(field: LandmarkField):
    found = draw(field, dataclasses.replace(Habits(), gaze_gap=NEVER, blink_gap=NEVER, talking=0.2), n_frames=1800)
    busy = np.zeros(1800, dtype=bool)
    for onset, offset in logged(found, "talking") + logged(found, "swallow"):
        busy[onset : offset + 1] = True
    mouth = found.weights[:, [unit("jawOpen"), unit("mouthPressLeft"), unit("mouthShrugLower")]].max(axis=1)
    assert busy.any()
    assert mouth[~busy].max() == 0.0


def test_talking_takes_its_share_and_opens_the_jaw_a_little(field: LandmarkField):
    found = [draw(field, dataclasses.replace(STILL, talking=0.1), video=k) for k in range(30)]
    frames = sum(offset - onset + 1 for one in found for onset, offset in logged(one, "talking"))
    assert frames / (30 * T) == pytest.approx(0.1, abs=0.025)
    jaw = np.concatenate([one.weights[:, unit("jawOpen")] for one in found])
    assert 0.1 < jaw.max() < 0.3
    onset, offset = logged(found[0], "talking")[0]
    beats = np.abs(np.fft.rfft(found[0].weights[onset : offset + 1, unit("jawOpen")] - 0.05, 512))
    rate = np.fft.rfftfreq(512, 1 / FPS)[12:]
    assert 2.0 < rate[beats[12:].argmax()] < 7.0  # syllables, not trembling


def test_nobody_talks_over_a_micro_expression(field: LandmarkField):
    events = [
        Event(Kind.MICRO, 100, 105, 112),
        Event(Kind.MICRO, 400, 405, 410),
        Event(Kind.MACRO, 200, 220, 280),
    ]
    for video in range(10):
        found = draw(field, Habits(talking=0.5, swallow_gap=(2.0, 4.0)), video=video, events=events)
        quiet = np.r_[85:128, 385:426, 220:261]
        assert found.weights[quiet][:, [unit("jawOpen"), unit("mouthPressLeft")]].max() == 0.0
        assert logged(found, "talking")


def test_the_head_moves_smoothly_within_its_range(field: LandmarkField):
    habits = dataclasses.replace(Habits(), turn_gap=NEVER, talking=0.0)
    heads = np.stack([draw(field, habits, video=k).head for k in range(10)])
    degrees = np.rad2deg(heads[..., :3])
    assert 1.0 < np.abs(degrees[..., 0]).max() <= 1.5
    assert np.abs(degrees[..., 1]).max() <= 1.5
    assert np.abs(np.diff(degrees, n=2, axis=1)).max() < 0.02
    turning = draw(field, dataclasses.replace(Habits(), turn_gap=(4.0, 6.0), talking=0.0))
    assert np.abs(np.rad2deg(turning.head[:, 0])).max() > 1.5
    assert len(logged(turning, "turn")) >= 4


def test_light_changes_little_and_lids_follow_the_eyes(field: LandmarkField):
    found = draw(field, Habits())
    assert 0.001 < np.ptp(found.gain) < 0.06
    assert 0.02 < np.abs(found.gaze).max() <= np.deg2rad(8.0)
    looks_down = found.gaze[:, 1] < -0.02
    assert looks_down.any()
    assert (found.weights[looks_down, unit("eyeLookDownLeft")] > 0).all()
    assert (found.weights[looks_down, unit("eyeLookUpLeft")] == 0).all()
