"""Which devices train, and whose turn it is on them."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError

#: networks from this width on keep a GPU busy by themselves
WIDE = 128
#: processes that share a GPU while networks are narrower: each leaves most of it idle, and compiles first
SHARED = 4


def find_devices(choice: str = "auto") -> list[str]:
    """Names of the devices that ``choice`` means: "auto" is every GPU there is, or else the CPU; "cuda" every GPU.

    >>> find_devices("cpu")
    ['cpu']
    """
    if choice == "cpu":
        return ["cpu"]
    import torch

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if choice == "auto":
        return [f"cuda:{i}" for i in range(there)] or ["cpu"]
    if choice == "cuda" and there:
        return [f"cuda:{i}" for i in range(there)]
    kind, _, number = choice.partition(":")
    if kind == "cuda" and number.isdecimal() and int(number) < there:
        return [choice]
    if kind != "cuda" or (number and not number.isdecimal()):
        raise SpotlibError(f"--device {choice}: unknown; give auto, cpu, cuda or cuda:0")
    raise SpotlibError(f"--device {choice}: this machine has {there} GPUs that torch can use; give auto or cpu")


def use_device(device: str) -> None:
    """Make ``device`` ("cpu", "cuda" or "cuda:1") the current one of this process, which Triton launches on.

    Raises SpotlibError if it cannot be used.
    """
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        said = str(error).splitlines()[0]
        raise SpotlibError(f"--device {device}: not usable here ({said}); use cpu, or a machine that has it") from None
    kind, _, number = device.partition(":")
    if kind == "cuda":
        torch.cuda.set_device(int(number or 0))


def sharing(params: Any) -> int:
    """Processes that may use one GPU at a time for networks of ``params.dim``."""
    return 1 if params.dim >= WIDE else SHARED


@contextlib.contextmanager
def turn(devices: Sequence[str], each: int = 1, *, folder: Path | None = None, wait: float = 0.5) -> Iterator[str]:
    """One of ``devices``, once fewer than ``each`` processes of this machine use it; given back at the end.

    The operating system takes a token back from a process that dies. ``folder``: where the tokens are (default: the
    user's own in the folder for temporary files).
    """
    if list(devices) == ["cpu"]:
        yield "cpu"
        return
    import fcntl

    folder = folder or Path(tempfile.gettempdir()) / f"spotlib-gpu-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        for slot in range(each):  # an idle device before a second process on a busy one
            for device in devices:
                token = (folder / f"{device.replace(':', '-')}.{slot}").open("a")
                try:
                    fcntl.flock(token, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    token.close()
                    continue
                with token:
                    yield device
                return
        time.sleep(wait)
