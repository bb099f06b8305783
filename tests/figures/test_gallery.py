from __future__ import annotations

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest

from spotlib.actor.motion import NODES
from spotlib.datasets.twin import make_twin
from spotlib.errors import SpotlibError
from spotlib.figures import Case, error_gallery
from spotlib.figures.gallery import _SIDE, _small, _square
from spotlib.happenings import Span
from spotlib.intervals import Event, Kind


@pytest.fixture
def case() -> Case:
    rng = np.random.default_rng(0)
    nodes = np.array([[100, 80], [90, 78], [80, 80], [160, 80], [170, 78], [180, 80], [110, 160], [150, 160],
                      [130, 150], [130, 172]], dtype=float)  # fmt: skip
    motion = np.zeros((3, 10, 2))
    motion[1, 6:, 1] = 2.0
    event = Event(Kind.MICRO, 60, 64, 71, score=0.8)
    return Case(
        event=event, n_frames=300, fps=30.0,
        frames=[rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(3)],
        nodes=np.stack([nodes] * 3), motion=motion, scores=np.linspace(0, 1, 300), threshold=0.5, unit="apex score",
        truth=[Event(Kind.MACRO, 20, 30, 50)], found=[event],
        happenings=[Span("talking", 55, 70), Span("blink", 250, 255)],
        words=("False alarm, ME of v1, 2.00 to 2.40 s: score .80.", "Meanwhile: talking."),
    )  # fmt: skip


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.canvas.findobj(mpl.text.Text)]


def test_rows_say_in_words_what_they_show(case) -> None:
    figure = error_gallery([case, case], title="False alarms of X", name="g", synthetic="demo twin")
    assert figure.alt.startswith("SYNTHETIC DATA (demo twin). False alarms of X. 1: False alarm, ME of v1")
    assert figure.alt.count("Meanwhile: talking.") == 2
    said = texts(figure)
    assert sum("Meanwhile: talking." in text for text in said) == 2
    assert "SYNTHETIC DATA (demo twin)" in said
    assert [text for text in said if text.startswith(("onset", "apex 2", "offset"))][:3] == [
        "onset 2.00 s", "apex 2.13 s, arrows \N{MULTIPLICATION SIGN} 10", "offset 2.37 s",
    ]  # fmt: skip
    assert "SYNTHETIC" not in error_gallery([case], title="t", name="g").alt


def test_only_what_happens_near_gets_a_lane_and_the_case_a_bold_frame(case) -> None:
    figure = error_gallery([case], title="t", name="g")
    ax = figure.canvas.axes[3]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "talking", "spotted", "true"]
    assert ax.get_xlim() == pytest.approx((15 / 30, 116 / 30))  # 1.5 s on either side
    frames = [p for p in ax.patches if p.get_linewidth() == 1.8]
    assert [(p.get_x(), p.get_width()) for p in frames] == [(2.0, pytest.approx(12 / 30))]
    assert ax.patches[0].get_x() == pytest.approx(55 / 30)  # talking


def test_a_missed_event_is_framed_among_the_true_ones(case) -> None:
    event = Event(Kind.MACRO, 60, None, 71)
    figure = error_gallery(
        [dataclasses.replace(case, event=event, truth=[event], threshold=None, unit="motion, px")], title="t", name="g"
    )
    assert any(text.startswith("middle 2.17 s") for text in texts(figure))
    frames = [p for p in figure.canvas.axes[3].patches if p.get_linewidth() == 1.8]
    assert len(frames) == 1
    # scores of a signal have no upper end: the axis does
    assert figure.canvas.axes[3].get_yticklabels()[1].get_text() == f"{1.05 * 116 / 299:.2g}"


def test_arrows_and_nodes_are_where_the_face_is(case) -> None:
    figure = error_gallery([case], title="t", name="g")
    apex = figure.canvas.axes[1]
    assert [q.V.tolist() for q in apex.findobj(mpl.quiver.Quiver)] == [[20.0] * 4]
    assert figure.canvas.axes[0].findobj(mpl.quiver.Quiver) == []
    left, top, right, bottom = _square(case.nodes, (240, 320))
    assert right - left == pytest.approx(bottom - top)
    assert (left < case.nodes[..., 0]).all()
    assert (case.nodes[..., 1] < bottom).all()


def test_pictures_keep_their_place_and_their_differences(case) -> None:
    frame = np.full((240, 320), 60, np.uint8)
    frame[100:140, 150:190] = 180
    dark, bright = _small([frame, frame // 2], (130.0, 80.0, 210.0, 160.0))
    assert dark.shape == (_SIDE, _SIDE)
    quarter = _SIDE // 4
    inside = dark[quarter + 8 : -quarter - 8, quarter + 8 : -quarter - 8]
    assert (inside == inside[0, 0]).all()
    assert inside[0, 0] > dark[4, 4]
    assert bright[_SIDE // 2, _SIDE // 2] < inside[0, 0]  # stretched alike, so a darker picture stays darker


def test_without_a_face_the_whole_picture_is_shown(case) -> None:
    blind = dataclasses.replace(
        case, nodes=np.full((3, 10, 2), np.nan), motion=np.full((3, 10, 2), np.nan), scores=None
    )
    figure = error_gallery([blind], title="t", name="g")
    assert figure.canvas.axes[0].get_xlim() == (0, 320)
    assert figure.render()


def test_files_of_rendered_faces_stay_small(case) -> None:
    video = make_twin("demo", seed=2, subjects=1, seconds=8.0).videos[0]
    moments = [60, 64, 71]
    nodes = np.stack([video.landmarks(i)[list(NODES)] for i in moments])
    seen = dataclasses.replace(case, frames=[video.frame(i) for i in moments], nodes=nodes)
    assert len(error_gallery([seen] * 4, title="t", name="g", synthetic="demo twin").render()) < 600_000


def test_what_does_not_fit_is_refused(case) -> None:
    with pytest.raises(SpotlibError, match=r"^error gallery: no case"):
        error_gallery([], title="t", name="g")
    with pytest.raises(SpotlibError, match=r"not 2 frames, \(3, 10, 2\) and \(3, 10, 2\)$"):
        error_gallery([dataclasses.replace(case, frames=case.frames[:2])], title="t", name="g")
