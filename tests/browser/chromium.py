"""A real headless Chromium for the tests: found on the machine, or installed from the system's packages."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]  # root in a container has no sandbox


def chromium() -> str:
    """Path of a Chromium; skips the test, with the reason, if there is none and none can be installed."""
    path, problem = _find()
    if not path:
        pytest.skip(f"no Chromium on this machine, and apt-get install chromium failed ({problem})")
    return path


@contextmanager
def browser() -> Iterator[Any]:
    """A running browser (`playwright.sync_api.Browser`)."""
    from playwright.sync_api import sync_playwright

    path = chromium()
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


@functools.cache
def _find() -> tuple[str, str]:
    """Path and ""; or "" and why there is none."""
    if found := _on_path():
        return found, ""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "", "that needs apt-get and root"
    said = ""
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            return "", type(error).__name__
        said = (done.stderr.strip().splitlines() or [""])[-1]
    return _on_path(), said


def _on_path() -> str:
    return next((found for name in NAMES if (found := shutil.which(name))), "")
