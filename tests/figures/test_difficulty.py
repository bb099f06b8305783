from __future__ import annotations

import pytest

from spotlib.datasets.specs import get_spec
from spotlib.errors import SpotlibError
from spotlib.figures import difficulty
from spotlib.figures.difficulty import KNOBS
from spotlib.rows import count
from spotlib.studies import Study
from spotlib.tables import tag
from tests.rows_factory import fail, make_rows


def turned(seed: int, **changes: float):
    return tag(make_rows(("peaks", "spotformer"), seeds=(seed,)), overrides=changes)


@pytest.fixture(scope="module")
def rows():
    return [*turned(1), *turned(2, talking=0.0), *turned(3, talking=0.25), *turned(4, noise=4.0)]


def curves(ax):
    return {c.get_label(): c.lines[0] for c in ax.containers}


def test_one_column_a_knob_with_the_usual_value_in_each(rows) -> None:
    figure = difficulty(rows, draws=100)
    axes = figure.canvas.axes
    assert len(axes) == 4  # talking and noise, MaE and ME
    spec = get_spec("demo")
    at = curves(axes[0])["Peak detector"].get_xdata()
    assert at == pytest.approx([0.0, spec.talking, 0.25], abs=0.01)
    assert curves(axes[1])["SpotFormer"].get_xdata() == pytest.approx([spec.noise, 4.0], abs=0.05)
    assert [line.get_xdata()[0] for line in axes[0].lines if line.get_linestyle() == "--"][-1] == spec.talking
    assert axes[2].get_ylabel() == "F1 ME"
    assert figure.alt.startswith("SYNTHETIC DATA (demo twin). ")


def test_values_are_the_f1s_of_the_rows(rows) -> None:
    axes = difficulty(rows, draws=100).canvas.axes
    counts = count([row for row in rows if row["seed"] == 3 and row["variant"] == "spotformer"])
    own = counts[counts.kind == "micro"]
    f1 = 2 * own.tp.sum() / (own.predicted.sum() + own.truth.sum())
    assert curves(axes[2])["SpotFormer"].get_ydata()[-1] == pytest.approx(f1)
    same = [curves(axes[i])["SpotFormer"].get_ydata() for i in (2, 3)]
    assert same[0][1] == same[1][0]  # the usual value in both columns


def test_a_value_given_for_all_rows_is_the_usual_one() -> None:
    base = tag(make_rows(("peaks",), params={"noise": 3.0}), overrides={})
    figure = difficulty([*base, *tag(make_rows(("peaks",), seeds=(2,)), overrides={"noise": 0.0})], draws=100)
    assert curves(figure.canvas.axes[0])["Peak detector"].get_xdata() == pytest.approx([0.0, 3.0], abs=0.05)


def test_only_rows_with_one_knob_turned_are_read(rows) -> None:
    others = [*turned(5, iou=0.4), *turned(6, talking=0.5, noise=4.0), *map(fail, turned(7, head_rotation=3.0))]
    assert difficulty([*rows, *others], draws=100).alt == difficulty(rows, draws=100).alt
    with pytest.raises(
        SpotlibError, match=f"^difficulty figure: no finished row turns one of {', '.join(KNOBS)} alone$"
    ):
        difficulty([*turned(1), *others], draws=100)


def test_packing_a_study_saves_its_figure_or_says_why_not(rows, tmp_path, monkeypatch) -> None:
    import spotlib.study_runs as study_runs

    studies = [Study(name="x", dataset="demo", tables=("difficulty",))]
    monkeypatch.setattr(study_runs, "study_rows", lambda study, **where: rows)
    _, problems = study_runs.pack_studies(studies, path=tmp_path / "rows.jsonl.gz")
    assert problems == []
    assert {path.name for path in tmp_path.rglob("difficulty.*")} == {
        "difficulty.csv", "difficulty.md", "difficulty.tex", "difficulty.png",
    }  # fmt: skip
    monkeypatch.setattr(study_runs, "study_rows", lambda study, **where: turned(1) + turned(2, iou=0.4))
    _, problems = study_runs.pack_studies(studies, path=tmp_path / "other" / "rows.jsonl.gz")
    assert [line.partition(":")[0] for line in problems] == ["difficulty figure"]
    assert not (tmp_path / "other" / "figures").exists()
