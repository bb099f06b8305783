"""Notebooks in JupyterLab itself: opened, Run All, and the last cell looked at; and the widget in it.

SPOTLIB_ALL_NOTEBOOKS=1 runs the whole workbook (about ten minutes); otherwise 00 and one more.
"""

from __future__ import annotations

import csv
import os
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe

from spotlib.spot.weights import save_weights
from spotlib.workbook import NOTEBOOKS, TABLES_NOTEBOOK
from tests.browser.jupyter import lab, opened, put
from tests.browser.test_spot_page import CONTRAST
from tests.conftest import TINY
from tests.spot.factory import tiny_weights

NOTEBOOK = "00_spot_your_video"
EVERY = (*NOTEBOOKS, TABLES_NOTEBOOK) if os.environ.get("SPOTLIB_ALL_NOTEBOOKS") == "1" else NOTEBOOKS[:1]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


def test_a_newcomers_notebook_and_its_widget(browser, running):
    weights = running.folder / "tiny.safetensors"
    save_weights(weights, tiny_weights())
    put(NOTEBOOK, running.folder, {"seconds": 3.0, "weights": str(weights), "folder": "mine", "coder": "Ann"})
    with opened(browser, running, f"{NOTEBOOK}.ipynb") as shown:
        shown.run_all(timeout=90)
        assert "events stand" in shown.last_output()
        mine = running.folder / "mine"
        assert "SYNTHETIC DATA: the video was rendered" in (mine / "report.html").read_text(encoding="utf-8")
        _review_in_the_widget(shown.page, mine / "example_3s.corrections.csv")
        assert shown.errors() == []
        assert shown.outside == []


def _review_in_the_widget(page, corrections):
    """Decide on two events by mouse and by key, and see them in the file; keys are not the notebook's commands."""
    cells = page.locator(".jp-Cell").count()
    widget = page.locator(".spot-widget")
    widget.scroll_into_view_if_needed()
    before = page.wait_for_function("document.querySelector('.w-frame img').naturalWidth").json_value()
    assert before == 640
    timeline, frame = widget.locator(".tl-plot").bounding_box(), widget.locator(".w-frame").bounding_box()
    assert frame["x"] >= timeline["x"] + timeline["width"]  # the frame stands beside the timeline
    assert abs(frame["y"] - timeline["y"]) < 200
    ratio, text = page.evaluate(CONTRAST, ".spot-widget")
    assert ratio >= 4.5, text
    found = Axe().run(page, context=".spot-widget")
    assert found.violations_count == 0, found.generate_report()
    widget.get_by_role("button", name="Next doubtful").click()
    page.wait_for_function("document.querySelector('.w-loop img').naturalWidth > 0")
    first = widget.locator(".w-frame img").get_attribute("src")
    widget.locator(".tl-plot").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("(first) => document.querySelector('.w-frame img').src !== first", arg=first)
    widget.get_by_role("button", name="Accept").click()
    widget.locator(".w-state", has_text="accepted").wait_for()
    page.keyboard.press("n")
    page.keyboard.press("x")
    widget.locator(".w-state", has_text="rejected").wait_for()
    widget.locator("input[type=number]").first.fill("999999")
    widget.get_by_role("button", name="Adjust").click()
    widget.get_by_role("alert").filter(has_text="offset").wait_for()
    assert page.locator(".jp-Cell").count() == cells
    with corrections.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    decisions = [row["decision"] for row in rows]
    assert decisions.count("accept") == decisions.count("reject") == 1
    assert {row["coder"] for row in rows if row["decision"] != "open"} == {"Ann"}


@pytest.mark.parametrize("name", EVERY)
def test_the_workbook(browser, running, name, tiny_results):
    results = running.folder / "results"
    shutil.copytree(tiny_results, results, dirs_exist_ok=True)
    some = {"tables": "T13"} if name == TABLES_NOTEBOOK else {}  # all of them are hours
    put(name, running.folder, {**TINY, "results": str(results), "workers": 1, **some})
    with opened(browser, running, f"{name}.ipynb") as shown:
        shown.run_all(timeout=500)
        assert "data digest" in shown.last_output()
        assert "parameters" in shown.last_output().lower()
        assert shown.outside == []
