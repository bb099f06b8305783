"""Checkpoints inside a fold: what it knows after some epochs, so that one that is killed goes on from there.

A checkpoint holds weights, optimiser, random state, curves and what was chosen so far: a fold that goes on from it
gives the same row, to the last digit, as one that was never disturbed. It stands beside the row to be, under the same
digest, and goes when the row is there. One that is damaged, or made by another kind of machine, is told and ignored.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.progress import log
from spotlib.tensors_file import read_tensors, write_tensors

FORMAT, VERSION = "spotlib-checkpoint", "1"
SECONDS = 20.0  # between two checkpoints, at least; the environment variable SPOTLIB_CHECKPOINT_SECONDS changes it
COST = 0.01  # of the time at most that goes into them

State = tuple[dict[str, np.ndarray], dict[str, Any]]


class Checkpoint:
    """The checkpoint file of one fold: when to write it, reading it back, removing it.

    Args:
        path: of the file.
        key: what the fold is (the digest of its row's key); a file that says otherwise is not used.
        name: of the fold, for messages.
    """

    def __init__(self, path: Path, *, key: str, name: str = "fold") -> None:
        self.path, self.key, self.name = Path(path), key, name
        said = os.environ.get("SPOTLIB_CHECKPOINT_SECONDS", "")
        self._fixed = float(said) if said.replace(".", "", 1).isdigit() else None
        self._wait = SECONDS if self._fixed is None else self._fixed
        self._last = time.monotonic()
        self.earlier = 0.0  # seconds of training that went into the state loaded

    def due(self) -> bool:
        """Whether so much was done since the last one that the next is worth its time."""
        return time.monotonic() - self._last >= self._wait

    def save(self, state: State, *, where: Mapping[str, Any], seconds: float = 0.0) -> None:
        """Write ``state``, which took ``seconds``; never fails: it only tells.

        ``where``: what has to be the same where the fold goes on.
        """
        start = time.monotonic()
        arrays, values = state
        content = {"key": self.key, "where": dict(where), "seconds": round(self.earlier + seconds, 2), "values": values}
        try:
            write_tensors(self.path, arrays, {"format": FORMAT, "version": VERSION, "state": json.dumps(content)})
        except SpotlibError as error:
            log.warning("%s: goes on without a checkpoint: %s", self.name, error)
        self._last = time.monotonic()
        if self._fixed is None:
            self._wait = max(SECONDS, (self._last - start) / COST)

    def load(self, *, where: Mapping[str, Any]) -> State | None:
        """The state to go on from, or None: no file, or one that cannot be used, which is said."""
        try:
            arrays, texts = read_tensors(self.path)
            if texts.get("format") != FORMAT or texts.get("version") != VERSION:
                raise SpotlibError(f"{self.path}: not a checkpoint of version {VERSION}")
            content = json.loads(texts["state"])
        except FileNotFoundError:
            return None
        except (SpotlibError, ValueError, KeyError) as error:
            log.warning("%s: its checkpoint is not used, the fold begins anew: %s", self.name, error)
            return None
        if content["key"] != self.key:
            log.warning("%s: its checkpoint is not used, the fold begins anew: it is of another fold", self.name)
            return None
        differs = [name for name in where if content["where"].get(name) != json.loads(json.dumps(where[name]))]
        if differs:  # other rounding: the row would be neither this machine's nor the other's
            log.info("%s: begins anew, its checkpoint was made with another %s", self.name, ", ".join(differs))
            return None
        self.earlier = float(content["seconds"])
        return arrays, content["values"]

    def remove(self) -> None:
        """Remove the file; the row is there."""
        with contextlib.suppress(OSError):
            self.path.unlink()
