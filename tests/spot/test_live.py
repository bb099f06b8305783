"""Live: the same events as offline from a file, no frame lost silently, latency measured, cameras that fail."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.spot import live
from spotlib.spot.live import CameraFeed, FileFeed, Told, open_camera, watch
from spotlib.spot.spotting import spot
from tests.spot.factory import pictures


def places(events) -> list[tuple]:
    return sorted((e.kind, e.onset, e.apex, e.offset) for e in events)


def free(weights):
    """The rules without limits: there online and offline agree."""
    return {kind: dataclasses.replace(rule, max_per_minute=None) for kind, rule in weights.rules.items()}


@pytest.fixture(scope="module")
def unlimited(weights):
    return dataclasses.replace(weights, rules=free(weights))


def test_a_file_as_a_feed_gives_what_it_gives_offline(clip, unlimited) -> None:
    told_of = []
    told = watch(
        FileFeed(clip), unlimited, unlimited.rules, keep=True, face="only",
        on_event=lambda event, begin, end, moved: told_of.append((event, begin, end, moved)),
    )  # fmt: skip
    offline = spot(clip, weights=unlimited, pictures=False)
    assert places(told.events) == places(offline.spotted.events)
    for event, begin, end, _ in told_of:
        assert (begin, end) == pytest.approx((event.onset / 30, event.offset / 30), abs=1e-3)
    assert (told.frames, told.dropped, len(told.latency)) == (72, 0, 72)
    assert places(told.result.spotted.events) == places(offline.spotted.events)
    regions = zip(offline.spotted.events, offline.spotted.regions, strict=True)
    expected = {(e.kind, e.onset, e.offset): region or "" for e, region in regions}
    assert {(e.kind, e.onset, e.offset): region for e, _, _, (region, _) in told_of} == expected
    np.testing.assert_allclose(told.result.probabilities.astype(float), offline.probabilities.astype(float), atol=2e-3)


def test_in_real_time_frames_come_at_their_times(clip, weights) -> None:
    feed = FileFeed(clip, realtime=True)
    begin = time.monotonic()
    told = watch(feed, weights, weights.rules)
    took = time.monotonic() - begin
    assert took >= 71 / 30
    assert told.frames == 72
    # a score waits for the frames behind it: at least for the window's
    assert np.median(told.latency) >= 8 / 30
    assert told.look_ahead == 8 + 4 + 8
    assert "look-ahead" in str(told)


def test_stop_after(clip, weights) -> None:
    told = watch(FileFeed(clip), weights, weights.rules, stop_after=1.0)
    assert told.frames == 30


class Fake:
    """A camera of ``rate`` frames per second that shows the clip."""

    def __init__(self, rate: float = 400, count: int = 72) -> None:
        self.rate, self.count, self.at, self.released = rate, count, 0, False

    def read(self):
        if self.at >= self.count:
            return False, None
        time.sleep(1 / self.rate)
        self.at += 1
        return True, pictures()[self.at - 1][..., ::-1]

    def release(self) -> None:
        self.released = True


def test_a_camera_counts_what_it_drops(monkeypatch) -> None:
    monkeypatch.setattr(live, "WAITING", 5)
    fake = Fake(rate=1000, count=40)
    feed = CameraFeed(0, open_=lambda number: fake)
    seen = []
    with pytest.raises(SpotlibError, match="camera 0: it stopped giving pictures after 40; is it plugged in"):
        for number, _, picture in feed.frames():
            seen.append(number)
            assert picture.shape == (480, 640)
            time.sleep(0.05)
    assert feed.dropped > 0
    assert len(set(seen)) + feed.dropped <= 40
    assert fake.released


def test_a_camera_in_use(weights) -> None:
    fake = Fake(rate=30, count=400)
    feed = CameraFeed(0, open_=lambda number: fake)
    told = watch(feed, weights, weights.rules, stop_after=0.9, keep=True)
    assert told.dropped + told.frames > 0
    assert 17 <= told.frames <= 28
    assert told.result.path is None
    assert told.result.spotted.video == "camera 0"
    assert fake.released
    assert (np.diff(told.result.spotted.seconds) > 0).all()


def test_cameras_that_cannot_be_had(monkeypatch, tmp_path) -> None:
    with pytest.raises(SpotlibError, match="camera 77: not found"):
        open_camera(77)
    monkeypatch.setattr(live.sys, "platform", "linux")
    monkeypatch.setattr(live.Path, "exists", lambda self: True)
    monkeypatch.setattr(live.os, "access", lambda *_: False)
    with pytest.raises(SpotlibError, match="camera 77: no permission to use /dev/video77"):
        open_camera(77)
    monkeypatch.setattr(live.os, "access", lambda *_: True)
    with pytest.raises(SpotlibError, match="camera 77: cannot be opened"):
        open_camera(77)
    with pytest.raises(SpotlibError, match="camera 0: it gives no picture"):
        CameraFeed(0, open_=lambda number: Fake(count=0))


def test_what_is_told() -> None:
    text = str(Told(frames=10, dropped=3, late=2, left_out=1))
    assert text == "10 frames, 3 dropped, 2 late; 1 events left out (limit per minute)"
