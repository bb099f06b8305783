"""Figures: they say what they show, mark synthetic data, survive any text, and come out the same twice."""

from __future__ import annotations

import copy
import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from spotlib import figures
from spotlib.errors import SpotlibError
from spotlib.figures.video import _lanes
from spotlib.intervals import Event, Kind
from spotlib.metrics import SpottingMetric
from spotlib.rows import events_of
from tests.rows_factory import fail, make_rows, make_scores

EVIL = '<script>$\\nosuch{$ & "q" \\frac{1}{2}\n'


@pytest.fixture(scope="module")
def rows():
    return make_rows(("spotformer", "peaks"))


@pytest.fixture(scope="module")
def face():
    """Frames, nodes and motion of a made-up event: brow A rises by 2 px at the apex."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(3)]
    nodes = np.array([[100, 80], [90, 78], [80, 80], [160, 80], [170, 78], [180, 80], [110, 160], [150, 160],
                      [130, 150], [130, 172]], dtype=float)  # fmt: skip
    motion = np.zeros((3, 10, 2))
    motion[1, :3, 1] = -2.0
    return frames, np.stack([nodes] * 3), motion


def of(rows, variant):
    return [row for row in rows if row["variant"] == variant]


def texts(figure):
    return " ".join(text.get_text() for text in figure.canvas.findobj(mpl.text.Text))


def all_figures(rows, face):
    spotformer = of(rows, "spotformer")
    name = spotformer[0]["videos"][0]["video"]
    events = pd.DataFrame({"kind": ["macro", "micro"], "onset": [0, 90], "offset": [59, 101], "fps": [30.0, 30.0]})
    return [
        figures.timeline(spotformer[0], name, make_scores(spotformer[0], name)),
        figures.learning_curves(spotformer),
        figures.confusion(rows),
        figures.precision_recall(rows),
        figures.f1_over_iou(rows, ious=(0.3, 0.5)),
        figures.intervals_forest(rows, draws=200),
        figures.face_strip(*face, Event(Kind.MICRO, 10, 14, 20, aus=("1",)), fps=30, synthetic="demo twin"),
        figures.durations(events, synthetic="demo twin"),
        figures.window_heatmap(np.ones((17, 10, 2)), synthetic="demo twin"),
    ]


def test_every_figure_has_alt_text_and_marks_synthetic_data(rows, face):
    for figure in all_figures(rows, face):
        assert figure.alt.startswith("SYNTHETIC DATA (demo twin). ")
        assert len(figure.alt) > 60
        assert "SYNTHETIC DATA (demo twin)" in texts(figure)


def test_real_data_is_not_called_synthetic():
    real = make_rows(("spotformer",), dataset="samm_lv", synthetic=False)
    for figure in (
        figures.intervals_forest(real, draws=100),
        figures.confusion(real),
        figures.learning_curves(real),
    ):
        assert "SYNTHETIC" not in figure.alt + texts(figure)


def test_png_svg_and_pdf_are_saved_whole_and_reproducibly(rows, tmp_path):
    figure = figures.confusion(of(rows, "spotformer"), name="c")
    paths = figure.save(tmp_path / "new", formats=("png", "svg", "pdf"))
    assert [p.name for p in paths] == ["c.png", "c.svg", "c.pdf"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["c.pdf", "c.png", "c.svg"]
    again = figures.confusion(of(rows, "spotformer"), name="c")
    for path in paths:
        assert again.render(path.suffix[1:]) == path.read_bytes()
    image = imread(io.BytesIO(paths[0].read_bytes()), format="png")
    assert image.shape[1] > 600
    assert np.ptp(image[..., :3]) > 0.5
    assert b"Confusion of kinds" in paths[0].read_bytes()


def test_figures_do_not_depend_on_the_notebooks_style(rows):
    plain = figures.intervals_forest(rows, draws=100).render()
    with mpl.rc_context({"font.size": 22, "axes.facecolor": "black", "text.color": "red"}):
        assert figures.intervals_forest(rows, draws=100).render() == plain


def test_html_form_escapes_alt_and_caption(rows):
    canvas = figures.new_figure(2, 2)
    html = figures.Figure("n", canvas, f'alt "{EVIL}"', f"caption {EVIL}")._repr_html_()
    assert html.startswith('<figure class="spot-figure"><img alt="alt &quot;&lt;script&gt;')
    assert "<script" not in html
    assert 'src="data:image/png;base64,' in html


def test_alt_text_and_safe_names_are_demanded(tmp_path):
    canvas = figures.new_figure(2, 2)
    with pytest.raises(SpotlibError, match="has no alt text"):
        figures.Figure("n", canvas, " ")
    with pytest.raises(SpotlibError, match="figure name"):
        figures.Figure("../n", canvas, "alt").save(tmp_path)
    with pytest.raises(SpotlibError, match="figure format 'gif' is unknown"):
        figures.Figure("n", canvas, "alt").render("gif")


def test_any_text_in_names_is_drawn_as_it_is(rows):
    some = copy.deepcopy(of(rows, "spotformer"))
    video = some[0]["videos"][0]
    video["video"], video["subject"] = EVIL, EVIL
    for row in some:
        row["system"] = EVIL
    figure = figures.timeline(some[0], EVIL)
    assert figure.render()
    assert set(figure.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert "<script" not in figure._repr_html_()
    assert figures.intervals_forest(some, draws=100).render()


# -- timeline ------------------------------------------------------------------------------------------------


def test_timeline_tells_hits_misses_and_false_alarms_apart(rows):
    row = copy.deepcopy(of(rows, "spotformer")[0])
    video = row["videos"][0]
    event = {"apex": None, "aus": [], "side": "both"}
    video["truth"] = [
        {"kind": "macro", "onset": 30, "offset": 59, **event},
        {"kind": "micro", "onset": 90, "offset": 99, **event},
    ]
    video["clean"] = [
        {"kind": "macro", "onset": 33, "offset": 62, "score": 0.5, **event},
        {"kind": "micro", "onset": 300, "offset": 314, "score": 0.5, **event},
    ]
    figure = figures.timeline(row, video["video"])
    assert "MaE: 1 true, 1 found. ME: 1 true, 0 found; missed at 3.0 to 3.3 s" in figure.alt
    assert "false alarms at 10.0 to 10.5 s" in figure.alt
    assert "MaE 1 of 1 found, 0 false alarms; ME 0 of 1 found, 1 false alarm " in figure.caption
    bars = [p for p in figure.canvas.findobj(mpl.patches.Rectangle) if p.get_zorder() == 3]
    looks = {(round(p.get_x(), 2), p.get_hatch() is not None, p.get_facecolor()[:3] == (1, 1, 1)) for p in bars}
    assert looks == {(1.0, False, False), (1.1, False, False), (3.0, False, True), (10.0, True, True)}
    ends = {round(p.get_x() + p.get_width(), 2) for p in bars}
    assert ends == {2.0, 2.1, 3.33, 10.5}


def test_timeline_marks_gaps(rows):
    row = of(rows, "spotformer")[0]
    gap = next(v for v in row["videos"] if v["gaps"])
    whole = next(v for v in row["videos"] if not v["gaps"])
    assert "no face" in texts(figures.timeline(row, gap["video"]))
    assert "no face" not in texts(figures.timeline(row, whole["video"]))


@pytest.mark.parametrize(("variant", "label"), [("spotformer", "apex score"), ("peaks", "motion, px")])
def test_timeline_shows_the_scores_of_networks_and_signals(rows, variant, label):
    row = of(rows, variant)[0]
    name = row["videos"][0]["video"]
    arrays = make_scores(row, name)
    figure = figures.timeline(row, name, arrays)
    macro, _, micro, _ = figure.canvas.axes
    column = {"spotformer": (7, 6), "peaks": (1, 0)}[variant]
    for ax, c in ((macro, column[0]), (micro, column[1])):
        assert label in ax.get_ylabel()
        np.testing.assert_allclose(ax.lines[0].get_ydata(), arrays[f"{name}/scores"][:, c].astype(np.float32))


def test_timeline_of_an_unknown_video_says_so(rows):
    with pytest.raises(SpotlibError, match=r"^video 'nobody' is not in fold 0 of SpotFormer"):
        figures.timeline(of(rows, "spotformer")[0], "nobody")


def test_overlapping_bars_get_lanes():
    events = [Event(Kind.MACRO, a, a, b) for a, b in ((0, 10), (5, 20), (15, 30), (40, 50))]
    assert _lanes(events) == [(0, 2), (1, 2), (0, 2), (0, 1)]
    assert _lanes(events[::-1]) == [(0, 1), (0, 2), (1, 2), (0, 2)]


# -- quality -------------------------------------------------------------------------------------------------


def test_confusion_adds_up(rows):
    own = of(rows, "spotformer")
    table = figures.confusion_counts(own)
    assert table.loc["MaE"].sum() == sum(e["kind"] == "macro" for r in own for v in r["videos"] for e in v["truth"])
    assert table["ME"].sum() == sum(e["kind"] == "micro" for r in own for v in r["videos"] for e in v["clean"])
    assert table.loc["MaE", "ME"] > 0
    assert np.isnan(table.loc["none", "none"])


def test_confusion_ignores_kind_when_it_matches():
    row = make_rows(("spotformer",), subjects=4, videos=1)[0]
    row["videos"] = row["videos"][:1]
    event = {"onset": 30, "apex": 35, "offset": 45}
    row["videos"][0] |= {"truth": [{"kind": "micro", **event}], "clean": [{"kind": "macro", **event}]}
    table = figures.confusion_counts([row])
    assert table.loc["ME", "MaE"] == 1
    assert table.sum().sum() == 1


def test_precision_recall_ends_at_the_operating_point(rows):
    own = of(rows, "spotformer")
    metric = SpottingMetric()
    for row in own:
        for v in row["videos"]:
            metric.add(v["video"], events_of(v, "truth"), events_of(v, "clean"))
    figure = figures.precision_recall(own)
    ends = [line for line in figure.canvas.axes[0].lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    precision, recall, _ = metric.precision_recall(Kind.MACRO)
    assert (ends[0].get_xdata()[0], ends[0].get_ydata()[0]) == (recall[-1], precision[-1])
    assert f"AP {metric.average_precision(Kind.MACRO):.2f}".replace("0.", ".") in texts(figure)


def test_f1_over_iou_passes_through_the_tables_value(rows):
    from spotlib import tables

    figure = figures.f1_over_iou(of(rows, "peaks"), ious=(0.3, 0.5, 0.7))
    overall = figure.canvas.axes[2].lines[0]
    assert overall.get_ydata()[1] == pytest.approx(tables.comparison(of(rows, "peaks")).frame.f1_overall[0])
    assert (np.diff(overall.get_ydata()) <= 0).all()


def test_forest_keeps_failed_systems(rows):
    some = of(rows, "spotformer") + [fail(row) for row in of(rows, "peaks")]
    figure = figures.intervals_forest(some, draws=100)
    assert texts(figure).count("failed") == 3
    assert "Peak detector, overall: failed." in figure.alt


def test_nothing_finished_is_said(rows):
    broken = [fail(row) for row in of(rows, "spotformer")]
    for draw in (figures.confusion, figures.precision_recall, figures.f1_over_iou):
        with pytest.raises(SpotlibError, match=r"^no finished fold"):
            draw(broken)
    with pytest.raises(SpotlibError, match=r"^Peak detector has no learning curves"):
        figures.learning_curves(of(rows, "peaks"))


def test_learning_curves_show_each_fold_and_the_chosen_epochs(rows):
    figure = figures.learning_curves(of(rows, "spotformer"))
    inner = figure.canvas.axes[2]
    circles = [line for line in inner.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in circles] == [19] * 4
    assert "Chosen epochs: 19, 19, 19, 19." in figure.alt


# -- faces and windows ---------------------------------------------------------------------------------------


def test_face_strip_states_motion_and_magnification(face):
    figure = figures.face_strip(*face, Event(Kind.MICRO, 10, 14, 20, aus=("1", "2")), fps=30, title="v1")
    assert "Longest motion of a node since the onset: 2.00 px at the apex, 0.00 px at the offset" in figure.alt
    assert "the brow A moves most" in figure.alt
    # the crop is 100 + .9 * 94 px wide, a sixth of that over 2 px is 15.4
    assert "magnified \N{MULTIPLICATION SIGN} 15; the longest is 2.00 px in truth" in figure.caption
    arrows = figure.canvas.axes[1].findobj(mpl.quiver.Quiver)
    assert [q.V.tolist() for q in arrows] == [[-30.0] * 3]
    assert figure.canvas.axes[0].findobj(mpl.quiver.Quiver) == []


def test_face_strip_takes_grey_frames_and_events_without_apex(face):
    frames, nodes, motion = face
    grey = [frame[..., 0] for frame in frames]
    figure = figures.face_strip(grey, nodes, 0 * motion, Event(Kind.MACRO, 10, None, 50), fps=30)
    assert "no apex annotated: 1.00 s (frame 30)" in texts(figure)
    assert figure.render()


def test_face_strip_refuses_what_does_not_fit(face):
    frames, nodes, motion = face
    event = Event(Kind.MICRO, 10, 14, 20)
    with pytest.raises(SpotlibError, match=r"^face strip: 3 frames"):
        figures.face_strip(frames[:2], nodes, motion, event)
    with pytest.raises(SpotlibError, match="the nodes lie outside the frames"):
        figures.face_strip(frames, nodes + 5000, motion, event)


def test_window_heatmap_names_the_strongest_motion():
    window = np.zeros((17, 10, 2))
    window[12, 3] = (3, 4)
    assert "Strongest motion 5.00 px at node 23, gap 12." in figures.window_heatmap(window).alt
    with pytest.raises(SpotlibError, match=r"\(K, V, 2\) is needed"):
        figures.window_heatmap(window[0])


def test_durations_state_medians():
    events = pd.DataFrame({"kind": ["micro"] * 3, "onset": [0, 0, 0], "offset": [8, 11, 14], "fps": [30.0] * 3})
    assert "3 ME, median 0.40 s, from 0.30 to 0.50 s" in figures.durations(events).alt
    with pytest.raises(SpotlibError, match="no event"):
        figures.durations(events.iloc[:0])
