from __future__ import annotations

import os

import pytest
import torch

torch.set_num_threads(1)  # these networks are too small for two
os.environ.setdefault("SPOTLIB_BATCH", "1")

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


@pytest.fixture(scope="session")
def tiny_results(tmp_path_factory):
    """A results folder with the features of the tiny run in it; rendered once for all tests."""
    from spotlib.runner import open_run

    folder = tmp_path_factory.mktemp("results")
    open_run("demo", overrides=TINY, results=folder, workers=2).features()
    return folder
