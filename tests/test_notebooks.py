"""The notebooks are thin, clean and start from one parameters cell."""

from __future__ import annotations

import ast

import nbformat
import pytest

from spotlib.params import Params
from spotlib.provenance import CHECKOUT
from spotlib.workbook import _STEERING, NOTEBOOKS

ALL = [nbformat.read(CHECKOUT / "notebooks" / f"{name}.ipynb", as_version=4) for name in NOTEBOOKS]


@pytest.fixture(params=range(len(ALL)), ids=NOTEBOOKS)
def notebook(request):
    return ALL[request.param]


def test_no_outputs_and_the_right_kernel(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_one_parameters_cell_with_known_names(notebook):
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    names = {t.id for node in ast.parse(tagged[0].source).body for t in node.targets}
    assert names <= {*Params.model_fields, *_STEERING}


def test_no_logic(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 15
            kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
            assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Lambda}


def test_a_sentence_before_each_step(notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert notebook.cells[-1].source == "views.provenance(run)"
