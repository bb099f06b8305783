from __future__ import annotations

import numpy as np
import pytest

from spotlib.errors import SpotlibError
from spotlib.figures import recall_over_size
from spotlib.rows import count
from tests.rows_factory import make_rows
from tests.twin_rows import rows_on, tiny_twin


@pytest.fixture(scope="module")
def rows():
    return make_rows(("spotformer", "peaks"))


def lines(ax):
    """What is drawn as curves, by label."""
    return {c.get_label(): c.lines[0] for c in ax.containers}


def test_points_hold_equally_many_events_and_average_to_the_recall(rows) -> None:
    figure = recall_over_size(rows, by="length", draws=100)
    assert figure.alt.startswith("SYNTHETIC DATA (demo twin). Recall over the length of expressions")
    macro = figure.canvas.axes[0]
    curves = lines(macro)
    assert set(curves) == {"SpotFormer", "Peak detector"}
    counts = count(rows)
    for variant, label in (("spotformer", "SpotFormer"), ("peaks", "Peak detector")):
        own = counts[(counts.variant == variant) & (counts.kind == "macro")]
        values = curves[label].get_ydata()
        assert 2 <= len(values) <= 6
        assert values.mean() == pytest.approx(own.tp.sum() / own.truth.sum(), abs=0.05)
        assert values.min() >= 0
        assert values.max() <= 1
        assert (np.diff(curves[label].get_xdata()) > 0).all()


def test_sizes_come_from_the_twin() -> None:
    twin = tiny_twin()
    figure = recall_over_size(rows_on(twin), twin, draws=100)
    assert "% of IOD" in figure.alt
    for ax, kind, value in zip(figure.canvas.axes, ("macro", "micro"), (0, 1), strict=True):
        assert set(lines(ax)["SpotFormer"].get_ydata()) == {value}
        sizes = sorted(100 * v.node_share for x in twin.videos for v in x.event_visibility if v.event.kind == kind)
        ticks = sorted(x for line in ax.lines if line.get_marker() == "|" for x in line.get_xdata())
        assert ticks == pytest.approx(sizes)


def test_sizes_that_nobody_knows_are_not_drawn(rows) -> None:
    with pytest.raises(SpotlibError, match=r"^recall over size: sizes are known for twins only"):
        recall_over_size(rows)
