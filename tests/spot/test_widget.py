"""The Python side of the widget: what it answers and keeps. Its looks: tests/browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

import spotlib
from spotlib.spot.review import Review
from tests.spot_results import rendered_result


class Heard(list):
    """What was sent to the browser: (content, number of pictures)."""

    def __call__(self, content, buffers=None):
        self.append((content, len(buffers or [])))


@pytest.fixture
def made(tmp_path):
    view = spotlib.view(rendered_result(), tmp_path / "c.csv", coder="Ann")
    view.send = Heard()
    return view


def decide(view, decision, index=-1, **place):
    view._receive(view, {"type": "decide", "decision": decision, "index": index, **place}, [])


def test_decisions_of_the_browser_are_kept(made, tmp_path):
    decide(made, "accept", 0)
    decide(made, "reject", 1)
    decide(made, "adjust", 2, onset=390, apex=None, offset=480, kind="micro")
    decide(made, "add", onset=800, apex=803, offset=806, kind="micro")
    assert [item["decision"] for item in made.items] == ["accept", "reject", "adjust", "open", "open", "add"]
    assert made.items[2]["onset"] == 390
    assert made.items[2]["kind"] == "micro"
    assert made.items[2]["number"] == 3
    assert made.send[-1] == ({"type": "decided", "select": 5}, 0)
    assert Review(rendered_result(), tmp_path / "c.csv").events == made.events
    decide(made, "reopen", 0)
    assert made.items[0]["decision"] == "open"


def test_what_does_not_fit_is_said_and_changes_nothing(made, tmp_path):
    before = made.items
    decide(made, "adjust", 0, onset=400, apex=None, offset=390, kind="micro")
    decide(made, "adjust", 0, onset=None, apex=None, offset=390, kind="micro")
    decide(made, "shout", 0)
    errors = [content["error"] for content, _ in made.send]
    assert "offset before onset" in errors[0]
    assert "fill them in" in errors[1]
    assert "unknown" in errors[2]
    assert made.items == before
    assert not (tmp_path / "c.csv").exists()


def test_frames_and_loops_are_sent_as_pictures(made, tmp_path):
    from spotlib.bench.end_to_end import write_clip

    made._receive(made, {"type": "loop", "index": 1}, [])
    made._receive(made, {"type": "loop", "index": 4}, [])
    assert made.send == [({"type": "loop", "index": 1}, 24), ({"type": "loop", "index": 4}, 0)]
    made._receive(made, {"type": "frame", "frame": 7}, [])
    assert "camera" in made.send[-1][0]["error"]
    made.result = replace(made.result, path=write_clip(tmp_path / "a.mp4", seconds=0.5))
    made._receive(made, {"type": "frame", "frame": 7}, [])
    assert made.send[-1] == ({"type": "frame", "frame": 7}, 1)


def test_pages_made_of_the_notebook_show_a_still_picture(made):
    bundle = made._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "<svg" in bundle["text/html"]


def test_no_file_if_none_is_wanted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view = spotlib.view(rendered_result(), keep=False)
    view.review.accept(0)
    view.refresh()
    assert view.items[0]["decision"] == "accept"
    assert list(tmp_path.iterdir()) == []
    assert spotlib.view(rendered_result()).about["file"] == "interview.corrections.csv"
