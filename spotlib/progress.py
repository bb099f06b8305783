"""Progress bars where somebody watches, log lines where nobody does."""

from __future__ import annotations

import builtins
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from spotlib.errors import one_line

T = TypeVar("T")
log = logging.getLogger("spotlib")


class _Lines(logging.Formatter):
    """One line for each message, whatever names of files are in it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = one_line(record.message)
        return super().formatMessage(record)


def setup_logging(*, verbose: bool = False) -> None:
    """Send spotlib's log to standard error, one plain line per message."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    log.handlers[:] = [handler]
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    log.propagate = False


def watched() -> bool:
    """True on a terminal or in an interactive notebook; False under Papermill, in CI and in pipes."""
    if os.environ.get("SPOTLIB_BATCH") == "1":
        return False
    return sys.stderr.isatty() or hasattr(builtins, "get_ipython")  # which stands there in a notebook only


def progress(
    iterable: Iterable[T], *, desc: str, total: int | None = None, unit: str = "it", every_s: float = 20.0
) -> Iterator[T]:
    """Yield from ``iterable``, with a tqdm bar if watched, else with a log line every ``every_s`` seconds."""
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)  # type: ignore[arg-type]
    if watched():
        from tqdm.auto import tqdm

        yield from tqdm(iterable, desc=desc, total=total, unit=unit, leave=False)
        return
    start = last = time.monotonic()
    done = 0
    for item in iterable:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= every_s:
            last = now
            of = f"/{total}" if total else ""
            left = f", about {(now - start) / done * (total - done):.0f} s left" if total else ""
            log.info("%s: %d%s %s%s", desc, done, of, unit, left)
    log.debug("%s: %d %s in %.1f s", desc, done, unit, time.monotonic() - start)
