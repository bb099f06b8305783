from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

# before the first import of these libraries, and for what tests start: networks and pictures are too small for two
# threads, and `make test` keeps the cores busy with one process each
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("SPOTLIB_BATCH", "1")

import pytest  # noqa: E402
import torch  # noqa: E402

if TYPE_CHECKING:
    from concurrent.futures import Executor

torch.set_num_threads(1)

#: files whose tests take longest go first, so that no process is left alone with one of them at the end
LONG = (
    "test_real_layouts", "test_killed", "test_checkpoint", "test_cli", "test_jupyter", "test_study", "test_spot",
    "test_runner", "test_fold", "test_many_folds", "test_studies", "test_bundle", "test_twin", "test_chunked",
)  # fmt: skip

#: the smallest run that still has two folds with training, inner and test subjects
TINY = {
    "subjects": 4,
    "videos_per_subject": 1,
    "video_seconds": 7,
    "folds": 2,
    "dim": 16,
    "heads": 2,
    "epochs": 2,
    "lr": 0.0015,
    "steps_per_epoch": 4,
    "segments_per_batch": 4,
    "evaluate_every": 1,
    "candidate_epochs": 2,
    "bootstrap": 200,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files; the order within each file stays."""
    rank = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock on ``path`` against the other processes of this test run."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def tiny_features(tmp_path_factory) -> Path:
    """The features of the tiny run, rendered once for all tests of all processes; to be read only."""
    from spotlib.runner import open_run

    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each process has a folder of its own in it
    shared, done = base / "shared", base / "shared-is-made"
    with _alone(base / "shared-lock"):
        if not done.exists():
            open_run("demo", overrides=TINY, results=shared, workers=2).features()
            done.touch()
    return shared / "demo" / "features"


@pytest.fixture(scope="session")
def tiny_results(tiny_features, tmp_path_factory) -> Path:
    """A results folder of this process with the features of the tiny run in it."""
    folder = tmp_path_factory.mktemp("results")
    shutil.copytree(tiny_features, folder / "demo" / "features")
    return folder


@pytest.fixture(scope="session")
def pool() -> Iterator[Executor]:
    """Two processes for the runs of all tests: starting them anew for each takes longer than what they do."""
    from spotlib.jobs import process_pool

    with process_pool(2) as executor:
        yield executor


@pytest.fixture
def log(caplog, monkeypatch):
    """What spotlib's own logger is told."""
    logger = logging.getLogger("spotlib")
    monkeypatch.setattr(logger, "propagate", False)  # or lines come twice
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    yield caplog
    logger.removeHandler(caplog.handler)
