"""What is left to others, what is tried again, and what an executor that is lost does to its jobs."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from spotlib.claims import BUSY, claim
from spotlib.errors import SpotlibError
from spotlib.jobs import run_jobs
from spotlib.runner import open_run
from tests.conftest import TINY


@pytest.fixture
def run(tiny_results, tmp_path):
    """A run of the peak detector, which takes no time, in threads of this process."""
    import shutil

    shutil.copytree(tiny_results / "demo" / "features", tmp_path / "demo" / "features")
    with ThreadPoolExecutor(2) as executor:
        yield open_run("demo", overrides=TINY, results=tmp_path, executor=executor, device="cpu")


def test_what_another_run_leaves_undone_is_done_in_the_end(run, log):
    paths = [run.store.path("peaks", run.key("peaks", fold)) for fold in (0, 1)]
    begun = threading.Event()

    def other() -> None:
        with claim(paths[0]) as mine:
            assert mine
            begun.set()
            gone.wait()

    gone = threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    begun.wait()
    threading.Timer(2, gone.set).start()  # it ends without a row
    rows = run.train("peaks")
    thread.join()
    assert [row["status"] for row in rows] == ["done", "done"]
    assert f"fold 0 of peaks: {BUSY}" in log.text
    assert log.text.index("fold 1 of peaks: done in") < log.text.index("fold 0 of peaks: done in")


def test_features_that_another_run_makes_are_waited_for(run):
    path = run.feature_path(0)
    blob = path.read_bytes()
    path.unlink()
    begun = threading.Event()

    def other() -> None:
        with claim(path):
            begun.set()
            threading.Event().wait(1)
            path.write_bytes(blob)

    thread = threading.Thread(target=other)
    thread.start()
    begun.wait()
    changed = open_run("demo", overrides=TINY, results=run.folder.parent, executor=run.executor, device="cpu")
    changed.features()
    thread.join()
    assert path.read_bytes() == blob


def test_failed_folds_are_tried_again_or_not(run, log):
    key = run.key("peaks", 0)
    run.store.write("peaks", key, {"status": "failed", "error": "no luck"})
    kept = open_run(
        "demo", overrides=TINY, results=run.folder.parent, executor=run.executor, device="cpu", retry_failed=False
    )
    assert [row["status"] for row in kept.train("peaks")] == ["failed", "done"]
    assert kept.changed(seed=7).retry_failed is False
    assert [row["status"] for row in run.train("peaks")] == ["done", "done"]
    assert "fold 0 of peaks: computed because it failed before" in log.text


class Lost(ThreadPoolExecutor):
    """An executor whose machines are gone: jobs neither end nor fail."""

    def __init__(self) -> None:
        super().__init__(1)
        self.futures: list[Future] = []

    def submit(self, function, /, *args, **kwargs):
        self.futures.append(Future())
        return self.futures[-1]

    def check(self) -> None:
        raise SpotlibError("the scheduler is gone")


def test_a_lost_executor_ends_the_wait_and_its_jobs():
    executor = Lost()
    with pytest.raises(SpotlibError, match="the scheduler is gone"):
        run_jobs(print, [(1,), (2,)], desc="d", unit="u", executor=executor)
    assert [future.cancelled() for future in executor.futures] == [True, True]
