"""The Triton kernels, run by Triton's interpreter: the numbers of the plain way, without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.fast.interpreted import CASES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Triton is for Linux only; make test installs it there")


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, float]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.fast.interpreted"], capture_output=True, text=True,
        env={**os.environ, "TRITON_INTERPRET": "1"}, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", CASES)
def test_numbers_of_the_plain_way(found: dict, case: str) -> None:
    assert found[case] == pytest.approx(dict.fromkeys(found[case], 0.0), abs=2e-5)
    assert set(found[case]) == {"logits", "gradient", "running statistics", "evaluation"}
