"""Whether processes that compile each for themselves train the same network: same seed, same machine, same numbers.

``python -m spotlib.bench.anew`` trains some steps on a GPU and prints the SHA-256 of the weights; `compiled_anew` runs
it in several processes, each with a compiler's cache of its own that is empty at first.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from spotlib.bench.base import PAPER, changed, synthetic_clips
from spotlib.engine import Engine
from spotlib.errors import SpotlibError
from spotlib.material import Bank, Material
from spotlib.steps import Speed

STEPS = 20


def weights_digest(device: torch.device, speed: Speed, *, steps: int = STEPS) -> str:
    """SHA-256 of the weights after ``steps`` steps of 512 windows, D = 256, from the seed of the bench."""
    bank = Bank(synthetic_clips(6, 2, 300), device=device)
    engine = Engine(bank, changed(PAPER, steps_per_epoch=steps), speed=speed)
    engine.begin(Material(bank.clips, neutral=False, device=device, bank=bank))
    engine.epoch()
    engine.losses()
    found = hashlib.sha256()
    for name, value in sorted(engine.model.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def compiled_anew(
    device: torch.device, *, processes: int = 2, deterministic: bool = True, steps: int = STEPS
) -> dict[str, Any]:
    """Train in some processes at once, each with an empty cache for what it compiles; whether all end alike.

    Raises SpotlibError with the last line of a process that fails.
    """
    with tempfile.TemporaryDirectory(prefix="spotlib-anew-") as name:
        started = [_start(device, Path(name) / str(i), deterministic, steps) for i in range(processes)]
        said = [process.communicate() for process in started]
    for process, (_, errors) in zip(started, said, strict=True):
        if process.returncode:
            raise SpotlibError(f"bench: {(errors.strip().splitlines() or ['a process failed'])[-1]}")
    digests = [out.strip() for out, _ in said]
    return {
        "deterministic": deterministic, "processes": processes, "steps": steps,
        "same_weights": len(set(digests)) == 1, "weights": [digest[:12] for digest in digests],
    }  # fmt: skip


def _start(device: torch.device, cache: Path, deterministic: bool, steps: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "spotlib.bench.anew", "--device", str(device), "--steps", str(steps)]
    own = {"TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"), "TRITON_CACHE_DIR": str(cache / "triton")}
    return subprocess.Popen(
        command + ([] if deterministic else ["--free"]), env={**os.environ, **own}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.bench.anew", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="where to train")
    parser.add_argument("--free", action="store_true", help="without `deterministic`")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of training")
    chosen = parser.parse_args(arguments)
    device = torch.device(chosen.device)
    speed = replace(Speed.best(device), deterministic=not chosen.free)
    print(weights_digest(device, speed, steps=chosen.steps))


if __name__ == "__main__":
    main()
