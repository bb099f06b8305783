"""Reading a hostile file in a process of its own: what it says, and how much memory it took."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

_PROGRAM = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
def peak():  # KiB; what getrusage tells may be the parent's
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
from spotlib.errors import SpotlibError
def measured(call):
    before = peak()
    try:
        call()
        said = ""
    except SpotlibError as error:
        said = str(error)
    print(json.dumps([said, (peak() - before) / 1024]))
"""
ADDRESSES = 12 * 2**30  # bytes of addresses: OpenBLAS alone reserves some; far below what the bombs ask for


class Said(NamedTuple):
    """The one line of the error ("": there was none), and MiB that reading added to the process at its peak."""

    error: str
    mib: float


def read_apart(code: str, argument: object) -> Said:
    """Run ``code``, which defines ``read(path)``, in a fresh process with a limit on its memory."""
    program = f"{_PROGRAM}\n{code}\nmeasured(lambda: read(sys.argv[1]))\n"
    done = subprocess.run(
        [sys.executable, "-c", program, str(argument), str(ADDRESSES)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    error, mib = json.loads(done.stdout.splitlines()[-1])
    assert "\n" not in error
    return Said(error, mib)
