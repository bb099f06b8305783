"""Kernels side by side: none lost, none left, nothing of them in the current folder."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import wait as true_wait
from pathlib import Path

import nbformat
import pytest
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from spotlib.errors import SpotlibError
from spotlib.notebooks_pool import Job, execute_all
from spotlib.workbook import _stages, execute


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A current folder of the test's own, in which nothing may be left."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield
    assert os.listdir(tmp_path / "here") == []


def notebook(tmp_path: Path, *cells: str) -> Path:
    path = tmp_path / "source.ipynb"
    first = nbformat.v4.new_code_cell("number = 0", metadata={"tags": ["parameters"]})
    made = nbformat.v4.new_notebook(cells=[first, *map(nbformat.v4.new_code_cell, cells)])
    made.metadata.kernelspec = {"name": "of another machine", "display_name": "x"}
    nbformat.write(made, path)
    return path


def output(path: Path) -> str:
    return "".join(o.get("text", "") for cell in nbformat.read(path, 4).cells for o in cell.get("outputs", []))


def jobs_of(source: Path, tmp_path: Path, count: int) -> list[Job]:
    return [Job(source, tmp_path / "out" / f"{i:03d}.ipynb", {"number": i}) for i in range(count)]


def test_none_is_lost(tmp_path):
    count = int(os.environ.get("SPOTLIB_STRESS", "6"))  # 150 by hand (docs/reliability.md)
    source = notebook(tmp_path, "import os; print(number ** 2, os.environ['JUPYTER_RUNTIME_DIR'])")
    targets = execute_all(jobs_of(source, tmp_path, count), at_once=8 if count > 6 else 3)
    outputs = [output(target).split() for target in targets]
    assert [int(square) for square, _ in outputs] == [i**2 for i in range(count)]
    folders = {folder for _, folder in outputs}
    assert len(folders) == count
    assert not any(Path(folder).exists() for folder in folders)
    assert sorted(os.listdir(tmp_path / "out")) == [target.name for target in targets]


def test_one_that_fails_stops_no_other(tmp_path):
    source = notebook(tmp_path, "if number == 1: raise ValueError('of no use')\nprint(number)")
    with pytest.raises(SpotlibError, match="ValueError: of no use") as caught:
        execute_all(jobs_of(source, tmp_path, 3))
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path / "out")) == ["000.ipynb", "001.failed.ipynb", "002.ipynb"]


def test_a_kernel_that_dies_is_one_line_and_not_started_again(tmp_path):
    noted = f"open({str(tmp_path / 'starts')!r}, 'a').write('x')"
    source = notebook(tmp_path, noted, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(SpotlibError, match="source: its kernel was killed"):
        execute(source, tmp_path / "out" / "a.ipynb", {})
    assert (tmp_path / "starts").read_text() == "x"
    assert os.listdir(tmp_path / "out") == []


def flaky(monkeypatch, failures: int) -> list[str]:
    launched: list[str] = []
    true_launch = LocalProvisioner.launch_kernel

    async def launch(self, command, **options):
        launched.append(options["env"]["JUPYTER_RUNTIME_DIR"])
        if len(launched) <= failures:
            raise RuntimeError("no more processes\nand so on")
        return await true_launch(self, command, **options)

    monkeypatch.setattr(LocalProvisioner, "launch_kernel", launch)
    return launched


def test_a_kernel_that_does_not_start_gets_a_second_try(tmp_path, monkeypatch):
    launched = flaky(monkeypatch, 1)
    target = execute(notebook(tmp_path, "print(number)"), tmp_path / "a.ipynb", {"number": 5})
    assert output(target) == "5\n"
    assert len(set(launched)) == 2


def test_but_no_third(tmp_path, monkeypatch):
    launched = flaky(monkeypatch, 9)
    with pytest.raises(SpotlibError, match="its kernel did not start, twice \\(no more processes\\)"):
        execute(notebook(tmp_path, "print(number)"), tmp_path / "a.ipynb", {})
    assert len(launched) == 2


def test_kernels_end_with_who_started_them(tmp_path, monkeypatch):
    noted = f"import os, time; open({str(tmp_path)!r} + f'/pid{{number}}', 'w').write(str(os.getpid()))"
    source = notebook(tmp_path, noted, "time.sleep(100)")
    (tmp_path / "out").mkdir()

    def both_run():
        return all((tmp_path / f"pid{i}").exists() for i in range(2))

    def interrupted(*arguments, **options):
        if both_run():
            raise KeyboardInterrupt
        return true_wait(*arguments, **options)

    monkeypatch.setattr("spotlib.notebooks_pool.wait", interrupted)
    before = set(threading.enumerate())  # other tests of this process may have left some
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        execute_all(jobs_of(source, tmp_path, 2))
    assert time.monotonic() - begin < 60
    for i in range(2):
        pid = int((tmp_path / f"pid{i}").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert os.listdir(tmp_path / "out") == []
    left: list[threading.Thread] = []
    for _ in range(100):
        left = [thread for thread in threading.enumerate() if thread not in before]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


def test_long_folders_for_temporary_files(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    target = execute(notebook(tmp_path, "print(number)"), tmp_path / "a.ipynb", {"number": 3})
    assert output(target) == "3\n"


def test_what_runs_side_by_side():
    assert _stages(["01_preprocess", "02_train", "04_figures", "05_report"]) == [
        ["01_preprocess"], ["02_train"], ["04_figures", "05_report"],
    ]  # fmt: skip
    assert _stages(["05_report"]) == [["05_report"]]


def test_at_least_one_at_a_time():
    with pytest.raises(SpotlibError, match="at_once is 0"):
        execute_all([], at_once=0)
