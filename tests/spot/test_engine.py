"""One pass: the same to the bit however frames arrive, with one thread and two; and what is told beside the scores."""

from __future__ import annotations

import dataclasses
import threading
import time

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.pipeline import frame_results, frame_scores
from spotlib.spot.engine import Analyser, Analysis, analyse
from spotlib.spot.source import Footage
from spotlib.spot.spotting import choose_rules, spot, to_result, warnings
from spotlib.spotting import spot as spot_scores


def same(a: Analysis, b: Analysis) -> None:
    for name in ("seconds", "numbers", "probabilities", "valid", "faces", "quality"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert a.moved == b.moved


@pytest.fixture(scope="module")
def whole(clip, weights) -> Analysis:
    return analyse(Footage(clip).frames(), weights)


def test_one_thread_and_two(clip, weights, whole) -> None:
    same(analyse(Footage(clip).frames(), weights, threads=1), whole)


def test_frames_that_come_in_bursts(clip, weights, whole) -> None:
    def bursts():
        for item in Footage(clip).frames():
            if item[0] in (1, 20, 21, 60):
                time.sleep(0.15)
            yield item

    same(analyse(bursts(), weights), whole)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_results_pushed_in_any_pieces(clip, weights, whole, seed: int) -> None:
    frames = list(Footage(clip).frames())
    results = [r for some in frame_results([f for _, _, f in frames], **weights.tracking()) for r in some]
    analyser = Analyser(weights, rules=weights.rules)
    for number, seconds, _ in frames:
        analyser.numbers.append(number)
        analyser.seconds.append(seconds)
    rng = np.random.default_rng(seed)
    at = 0
    while at < len(results):
        size = int(rng.integers(0, 12)) if seed else 1
        analyser.push(results[at : at + size])
        at += size
    analyser.finish()
    same(analyser.analysis(), whole)


def test_scores_are_those_of_the_pipeline(clip, weights, whole) -> None:
    frames = [f for _, _, f in Footage(clip).frames()]
    tracking = {n: v for n, v in weights.tracking().items() if n != "crop"}
    expected = frame_scores(frames, weights.scorer(), windows=weights.window_stream(), **tracking)
    np.testing.assert_array_equal(whole.probabilities, expected.probabilities)
    np.testing.assert_array_equal(whole.valid, expected.valid)


def test_scores_at_once_are_the_same_but_for_rounding(clip, weights, whole) -> None:
    analyser = Analyser(weights, rules=weights.rules, batch=None)
    count = sum(len(scores) for scores in analyser.run(Footage(clip).frames()))
    assert count == 72
    np.testing.assert_allclose(analyser.analysis().probabilities, whole.probabilities, atol=1e-3)


def test_regions_of_every_event_are_known(weights, whole) -> None:
    events = spot_scores(whole.scores, rules=weights.rules)
    assert len(events) >= 3
    assert {whole.moved_in(event)[0] for event in events} >= {"brow", "mouth corner"}
    late = [event for event in events if event.onset > 50]
    assert [whole.moved_in(event) for event in late] == [("brow", "left")] * len(late)  # the actor's left brow alone


def test_faces_are_where_they_were_rendered(whole) -> None:
    from spotlib.actor.face import Pose
    from tests.scenes import actor

    truth = actor(3).landmarks(np.zeros(52), Pose())
    middle = truth[[39, 42]].mean(0)
    assert np.abs(np.median(whole.faces[:, 3:5], axis=0) - middle).max() < 4
    assert abs(float(np.median(whole.faces[:, 6]))) < 0.05
    assert (whole.quality.astype(float) > 0.5).all()


def test_memory_does_not_hold_windows(clip, weights) -> None:
    analyser = Analyser(weights, rules=weights.rules, keep=False)
    for _ in analyser.run(Footage(clip).frames()):
        assert sum(len(w) for w, _ in analyser._waiting) < 64
    assert len(analyser.analysis().probabilities) == 0
    assert len(analyser._memory._rows) <= analyser._memory.reach


def test_too_short_faceless_and_broken(weights) -> None:
    def shown(count: int):
        return ((i, i / 30, np.full((240, 320), 90, np.uint8)) for i in range(count))

    with pytest.raises(SpotlibError, match="no face in any of 20 frames"):
        analyse(shown(20), weights)

    def broken():
        yield from shown(3)
        raise SpotlibError("frame 3 cannot be decoded")

    before = threading.active_count()
    with pytest.raises(SpotlibError, match="frame 3 cannot be decoded"):
        analyse(broken(), weights)
    assert threading.active_count() == before


def test_fewer_frames_than_a_window(clip, weights) -> None:
    frames = list(Footage(clip).frames())[:12]
    with pytest.raises(SpotlibError, match="12 frames, but one window needs 17"):
        analyse(frames, weights, name="short")


def test_progress_ends_with_all(clip, weights) -> None:
    told: list[tuple[int, int]] = []
    found = spot(clip, weights=weights, pictures=False, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (72, 72)
    assert found.moments == ()


def test_result(result, whole, weights, clip) -> None:
    spotted = result.spotted
    assert (spotted.video, spotted.source, spotted.n_frames, spotted.fps) == ("acted", "acted.mp4", 72, 30)
    np.testing.assert_array_equal(result.probabilities, whole.probabilities.astype(np.float16))
    np.testing.assert_allclose(spotted.seconds, np.arange(72) / 30, atol=1e-4)
    assert len(spotted.regions) == len(spotted.warnings) == len(result.moments) == len(spotted.events)
    assert result.rules["micro"]["k_max"] == 6
    assert result.path == clip
    assert "the weights were trained on rendered people only" in result.settings["notes"]
    assert result.settings["rate"]["factor"] == 1
    assert result.settings["weights_digest"] == weights.digest


def test_kinds_and_min_score(clip, weights, result) -> None:
    only = spot(clip, weights=weights, kinds=["micro"], min_score=0.05, pictures=False)
    expected = [e for e in result.spotted.events if e.kind == "micro" and e.score >= 0.05]
    assert list(only.spotted.events) == expected
    with pytest.raises(SpotlibError, match="kinds are macro and micro"):
        choose_rules(weights, ["nano"])
    with pytest.raises(SpotlibError, match="give a number from 0 to 1"):
        choose_rules(weights, min_score=2)
    with pytest.raises(SpotlibError, match="no kind is left"):
        choose_rules(weights, [])


def test_warnings(whole, weights) -> None:
    event = spot_scores(whole.scores, rules=weights.rules)[0]
    middle = dataclasses.replace(event, onset=20, apex=25, offset=30)
    assert warnings(whole, middle, rate=30, reach=8) == ()
    first = dataclasses.replace(event, onset=2, apex=3, offset=5)
    assert "beginning of the video" in warnings(whole, first, rate=30, reach=8)[0]
    lost = whole.faces.copy()
    lost[26:29] = np.nan
    assert "no face in 3 frames" in warnings(dataclasses.replace(whole, faces=lost), middle, rate=30, reach=8)[0]
    poor = dataclasses.replace(whole, quality=np.full(72, 0.4, np.float16))
    assert warnings(poor, middle, rate=30, reach=8) == ("poor tracking: 40% of the points followed",)
    small = whole.faces.copy()
    small[:, 2] = 60
    assert warnings(dataclasses.replace(whole, faces=small), middle, rate=30, reach=8) == ("small face: 60 px",)
    seconds = np.where(np.arange(72) > 24, np.arange(72) / 30 + 0.5, np.arange(72) / 30)
    assert (
        "stands still for 0.53 s" in warnings(dataclasses.replace(whole, seconds=seconds), middle, rate=30, reach=8)[0]
    )


def test_names_that_are_no_text(whole, weights, tmp_path) -> None:
    from pathlib import Path

    found = to_result(whole, weights, weights.rules, Path("bad\udcff 'q' 内.mp4"), rate=30, settings={})
    assert found.spotted.video == "bad� 'q' 内"
