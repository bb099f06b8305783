from __future__ import annotations

import pytest

from spotlib.errors import SpotlibError
from spotlib.workbook import notebook_run

INJECTED = "# Parameters\nlr = 0.001\nvariant = 'peaks'\n"


def test_takes_names_from_the_notebook(tmp_path):
    run = notebook_run({"dataset": "demo", "lr": "1e-3", "results": str(tmp_path), "unrelated": 3})
    assert run.params.lr == 0.001
    assert run.params.dim == 32  # from params/demo.yaml
    assert run.folder == tmp_path / "demo"


def test_misspelt_injected_name_is_an_error():
    with pytest.raises(SpotlibError, match="notebook: unknown parameter 'epoch'; did you mean 'epochs'"):
        notebook_run({"In": ["", INJECTED.replace("lr", "epoch")], "epoch": 3, "variant": "peaks"})


def test_only_the_latest_injected_cell_counts():
    old = INJECTED.replace("lr", "epoch")
    assert notebook_run({"In": ["", old, INJECTED], "lr": 0.001}).params.lr == 0.001


def test_a_parameter_file_names_its_data_set(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("dataset: demo\nsubjects: 5\n")
    run = notebook_run({"dataset": "other", "params_file": str(path)})  # the cell's default gives way
    assert run.params.dataset == "demo"
    assert run.params.subjects == 5


def test_workers_is_a_number():
    with pytest.raises(SpotlibError, match="notebook: workers is 'two'"):
        notebook_run({"workers": "two"})
