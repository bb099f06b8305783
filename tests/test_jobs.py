from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from spotlib.errors import SpotlibError
from spotlib.jobs import Beat, run_jobs, worker_count


def _square(x, beat):
    beat(1, 1)
    return x * x


def _fail(x, beat):
    raise SpotlibError(f"job {x}: bad input")


def _kill_itself(x, beat):
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_order_from_processes():
    seen = []
    assert run_jobs(
        _square, [(3,), (1,), (2,)], desc="d", unit="u", workers=2, on_done=lambda i, r: seen.append(r)
    ) == [9, 1, 4]
    assert sorted(seen) == [1, 4, 9]


def test_any_executor_will_do():
    with ThreadPoolExecutor(2) as executor:
        assert run_jobs(_square, [(3,)], desc="d", unit="u", executor=executor) == [9]
    assert run_jobs(_square, [], desc="d", unit="u") == []


def test_errors_come_through_as_they_are():
    with pytest.raises(SpotlibError, match="^job 1: bad input$"):
        run_jobs(_fail, [(1,)], desc="d", unit="u", workers=1)


def test_a_killed_worker_is_one_line():
    with pytest.raises(SpotlibError, match="a worker process was killed"):
        run_jobs(_kill_itself, [(1,)], desc="d", unit="u", workers=1)


def test_beats(tmp_path):
    beat = Beat(tmp_path / "b")
    beat(1, 4)
    first = (tmp_path / "b").read_text()
    beat(2, 4)  # too soon: not written
    assert (tmp_path / "b").read_text() == first == "1 4"
    beat(4, 4)  # the end always is
    assert (tmp_path / "b").read_text() == "4 4"
    Beat()(1, 2)


def test_workers():
    assert worker_count(3) == 3
    assert worker_count(None) >= 1
    with pytest.raises(SpotlibError, match="give 1 or more"):
        worker_count(0)
