"""The newcomer's notebook, which is not part of the workbook run: clean, thin, one parameters cell."""

from __future__ import annotations

import ast

import nbformat
import pytest

from spotlib.errors import SpotlibError
from spotlib.provenance import CHECKOUT
from spotlib.spot.example import own_or_example, write_example
from spotlib.workbook import NOTEBOOKS, TABLES_NOTEBOOK

NAME = "00_spot_your_video"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(CHECKOUT / "notebooks" / f"{NAME}.ipynb", as_version=4)


def test_no_outputs_and_the_right_kernel(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_one_parameters_cell(notebook):
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    names = {target.id for node in ast.parse(tagged[0].source).body for target in node.targets}
    assert names == {"video", "folder", "seconds", "weights", "coder"}


def test_a_sentence_before_each_step_and_no_logic(notebook):
    assert notebook.cells[0].source.startswith("# ")
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown"
            assert len(cell.source.splitlines()) <= 15
            kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
            assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Lambda}


def test_says_what_it_is_not(notebook):
    assert "no lie detector and no diagnosis" in notebook.cells[0].source


def test_the_workbook_run_leaves_it_out():
    assert NAME not in (*NOTEBOOKS, TABLES_NOTEBOOK)


def test_the_example_is_rendered_once_and_knows_its_expressions(tmp_path):
    from spotlib.video import open_video

    path = tmp_path / "clip.mp4"
    events = write_example(path, seconds=3.0)
    source = open_video(path)
    assert (source.n_frames, source.fps, source.size) == (90, 30.0, (480, 640))
    assert len(events) == 2
    assert all(0 < event.onset < event.apex < event.offset < 90 for event in events)
    written = path.stat().st_mtime_ns
    path.rename(tmp_path / "example_3s.mp4")
    assert own_or_example("", tmp_path, seconds=3.0).stat().st_mtime_ns == written


def test_ones_own_video_is_taken_as_it_is(tmp_path):
    own = tmp_path / "mine.mp4"
    own.write_bytes(b"x")
    assert own_or_example(str(own), tmp_path / "elsewhere") == own
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(SpotlibError, match=r"no such file or folder"):
        own_or_example("gone.mp4", tmp_path)
    with pytest.raises(SpotlibError, match="1 to 20 seconds"):
        write_example(tmp_path / "long.mp4", seconds=60)
