"""Training needs numpy, scipy and torch: a GPU machine may have nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
BLOCKED = {"pydantic", "pydantic_core", "yaml", "dlib", "av", "numba", "papermill", "cv2", "pandas", "matplotlib",
           "sklearn", "seaborn", "click", "tqdm", "bs4", "safetensors", "openpyxl", "nbformat"}
sys.modules.update(dict.fromkeys(BLOCKED))  # None: not to be found, not to be imported
import torch
torch.set_num_threads(1)
from types import SimpleNamespace
from dataclasses import asdict
import spotlib.fold, spotlib.many_folds, spotlib.training, spotlib.bench.model, spotlib.bench.__main__
from spotlib.bench.base import BenchParams, synthetic_clips
params = SimpleNamespace(**asdict(BenchParams(dim=8, heads=1, head_dim=8, dropout=0.1, epochs=1, steps_per_epoch=1,
                                              segments_per_batch=2, candidate_epochs=1)))
row, arrays = spotlib.fold.run_fold(*([clip] for clip in synthetic_clips(3, 1, 80)), params)
assert row["status"] == "done", row
assert not BLOCKED & {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
print("fine", len(arrays))
"""


def test_a_fold_on_a_machine_with_nothing_else() -> None:
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["fine", "2"]
