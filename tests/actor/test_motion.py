from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotlib.actor.action_units import AU_UNITS, direction, one_sided, spread, unit, weight_caps
from spotlib.actor.asset import load_head
from spotlib.actor.face import Actor
from spotlib.actor.identity import sample_identity
from spotlib.actor.motion import (
    BROW_NODES,
    NODES,
    LandmarkField,
    event_curve,
    event_weights,
    express,
    minimum_jerk,
    visibility,
)
from spotlib.actor.pose import Pose
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind

IMAGE_LEFT_BROW, IMAGE_RIGHT_BROW = range(17, 22), range(22, 27)


@pytest.fixture(scope="module")
def actor() -> Actor:
    return Actor(sample_identity(3))


@pytest.fixture(scope="module")
def field(actor: Actor) -> LandmarkField:
    return LandmarkField.of(actor)


def micro(*aus: str, side: str = "both") -> Event:
    return Event(Kind.MICRO, 10, 15, 22, aus, side)


def test_minimum_jerk_is_a_smooth_step():
    tau = np.linspace(-0.5, 1.5, 2001)
    curve = minimum_jerk(tau)
    assert curve[0] == 0.0
    assert curve[-1] == 1.0
    assert (np.diff(curve) >= 0).all()
    np.testing.assert_allclose(curve + curve[::-1], 1.0, atol=1e-12)
    velocity = np.gradient(curve, tau)
    assert velocity.max() == pytest.approx(1.875, abs=1e-3)  # the known peak velocity of a minimum-jerk motion
    assert np.abs(np.gradient(velocity, tau)).max() < 6.0  # a step or a ramp would have a spike here


@given(
    onset=st.integers(0, 40),
    rise=st.integers(0, 60),
    fall=st.integers(0, 60),
    longest=st.sampled_from([np.inf, 8.0, 24.0]),
)
def test_event_curve_lives_exactly_on_its_interval(onset: int, rise: int, fall: int, longest: float):
    apex, offset = onset + rise, onset + rise + fall
    curve = event_curve(onset, apex, offset, 200, longest_rise=longest, longest_fall=longest)
    inside = np.arange(200)
    inside = (inside >= onset) & (inside <= offset)
    assert (curve[~inside] == 0.0).all()
    assert (curve[inside] > 0.0).all()
    assert curve[apex] == 1.0
    assert np.flatnonzero(curve == 1.0).tolist() == [apex]
    assert (np.diff(curve[: apex + 1]) >= 0).all()
    assert (np.diff(curve[apex:]) <= 0).all()


def test_a_long_expression_is_held():
    curve = event_curve(10, 60, 129, 150, longest_rise=24, longest_fall=30)
    assert curve[10 + 24] > 0.89
    assert curve[129 - 30] > 0.89
    free = event_curve(10, 60, 129, 150)
    assert free[10 + 24] < 0.6


def test_event_curve_refuses_an_apex_outside():
    with pytest.raises(SpotlibError, match=r"event \[5, 9\]: apex 12 outside; correct it"):
        event_curve(5, 12, 9, 20)


def test_every_action_unit_of_the_method_has_face_units():
    wanted = "1 2 4 5 6 7 9 10 12 14 15 17 20 23 24 25 26 28 43 45"
    assert set(wanted.split()) <= set(AU_UNITS)
    for au in AU_UNITS:
        assert direction([au]).max() == 1.0
    assert len(load_head().unit_names) == len(direction(["1"])) == 52


def test_unknown_action_unit_is_named():
    with pytest.raises(SpotlibError, match="AU '99' has no face unit; the actor knows 1, 2, 4"):
        direction(["99"])


def test_sides_are_the_persons_own():
    weights = direction(["12"], left=1.0, right=0.25)
    assert weights[unit("mouthSmileLeft")] == 1.0
    assert weights[unit("mouthSmileRight")] == 0.25
    assert one_sided("12")
    assert not one_sided("1")  # the inner brow is one face unit
    assert not one_sided("24")  # so is the rolled lip


@pytest.mark.parametrize("aus", [("4",), ("12",), ("1", "2"), ("43",), ("14", "24"), ("7",)])
def test_expression_moves_the_face_by_the_size_asked_for(actor: Actor, field: LandmarkField, aus: tuple[str, ...]):
    shown = express(field, micro(*aus), size=0.01, left=0.8, coupling=0.004)
    moved = actor.landmarks(shown.weights, Pose()) - actor.landmarks(np.zeros(52), Pose())
    exact = np.linalg.norm(moved, axis=1) / actor.iod
    assert exact.max() == pytest.approx(0.01, rel=0.02)  # the field is linear, the camera nearly so
    assert shown.face_share == pytest.approx(exact.max(), rel=0.02)
    assert shown.node_share == pytest.approx(exact[list(NODES)].max(), rel=0.02)


def test_weights_stay_below_their_caps(field: LandmarkField):
    for au in AU_UNITS:
        shown = express(field, micro(au), size=0.5, coupling=0.005)
        assert (shown.weights <= weight_caps() + 0.1).all()  # 0.1: the coupling comes on top
        assert (shown.weights <= 1.0).all()
        assert shown.face_share < 0.5


def test_one_sided_event_leaves_the_other_brow_alone(field: LandmarkField):
    weights = express(field, micro("4", side="left"), size=0.01).weights
    moved = np.linalg.norm(field.displacement(weights), axis=1)
    # the person's left is the picture's right; the skin between the brows goes along a little
    assert moved[list(IMAGE_RIGHT_BROW)].max() == pytest.approx(0.01)
    assert moved[list(IMAGE_LEFT_BROW)].max() < 0.003
    assert moved[17:20].max() < 0.0005


@pytest.mark.parametrize("au", ["6", "7", "43", "45"])
def test_lid_units_are_invisible_to_the_nodes_but_for_their_coupling(field: LandmarkField, au: str):
    alone = express(field, micro(au), size=0.01)
    brow = list(BROW_NODES)
    assert field.peak(alone.weights, brow) < 0.002
    together = express(field, micro(au), size=0.01, coupling=0.005)
    assert field.peak(together.weights, brow) == pytest.approx(0.005, rel=0.25)
    assert together.node_share > alone.node_share


def test_an_expression_of_size_zero_is_none(field: LandmarkField):
    assert express(field, micro("4"), size=0.0).weights.max() == 0.0


def test_overlapping_events_add_up_and_stop_at_one(field: LandmarkField):
    first = express(field, Event(Kind.MACRO, 10, 20, 40, ("12",)), size=0.05)
    second = express(field, Event(Kind.MACRO, 15, 20, 50, ("4",)), size=0.05)
    both = event_weights([first, second], 60, fps=30)
    np.testing.assert_allclose(
        both, event_weights([first], 60, fps=30) + event_weights([second], 60, fps=30), atol=1e-12
    )
    assert (both[:10] == 0).all()
    assert (both[51:] == 0).all()
    assert both[20, unit("mouthSmileLeft")] == pytest.approx(first.weights[unit("mouthSmileLeft")])
    strong = [express(field, Event(Kind.MACRO, 10, 20, 40, ("43",)), size=0.09) for _ in range(3)]
    assert event_weights(strong, 60, fps=30).max() == 1.0


def test_visibility_is_in_pixels_and_in_shares(field: LandmarkField):
    seen = visibility(express(field, micro("7"), size=0.01), field)
    assert seen.face_px == pytest.approx(0.01 * field.iod)
    assert seen.node_px == pytest.approx(seen.node_share * field.iod)
    assert seen.node_share < 0.002 < seen.face_share


def test_spread_of_a_central_unit_takes_the_stronger_side():
    assert spread("jawOpen", 0.2, 0.6, 0.5)[unit("jawOpen")] == 0.3
