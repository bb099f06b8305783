"""People as different as real videos are: the kinds differ in time alone, every video has its own camera."""

from __future__ import annotations

import numpy as np

from spotlib.datasets.varied import AUS, varied_people, varied_spec
from spotlib.intervals import Kind


def test_kinds_differ_in_time_and_in_nothing_else() -> None:
    videos = varied_people(1, range(10)).videos
    events = [event for video in videos for event in video.events]
    micro = [e for e in events if e.kind is Kind.MICRO]
    macro = [e for e in events if e.kind is Kind.MACRO]
    assert len(micro) > 40
    assert len(macro) > 20
    assert max(e.length for e in micro) < min(e.length for e in macro)
    for kind in (micro, macro):
        shown = {au for event in kind for au in event.aus}
        assert shown <= set(AUS)
        assert len(shown) > len(AUS) / 2
    size = {
        kind: [s.face_share for v in videos for s in v.expressions if s.event.kind is kind]  # type: ignore[attr-defined]
        for kind in Kind
    }
    assert np.median(size[Kind.MACRO]) < max(size[Kind.MICRO])  # half of them are no larger than a micro-expression
    assert min(size[Kind.MICRO]) < 0.015 < np.median(size[Kind.MICRO])


def test_every_video_has_its_own_camera_and_the_same_whoever_else_there_is() -> None:
    specs = [varied_spec(1, person, number) for person in range(20) for number in range(2)]
    assert len({spec.size for spec in specs}) == 4
    assert max(spec.talking for spec in specs) > 0.45
    assert max(spec.head_rotation for spec in specs) > 5
    assert {spec.micro_per_video for spec in specs} == {(0, 1), (4, 7)}
    alone = varied_people(1, [7]).videos
    among = [v for v in varied_people(1, range(9)).videos if v.subject == "s08"]
    assert [v.digest for v in alone] == [v.digest for v in among]
    assert [v.digest for v in alone] != [v.digest for v in varied_people(2, [7]).videos]
