"""Which region of the face moved most in each proposal of a video: 16 bytes for each of what may be many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from spotlib.columns import Column
from spotlib.intervals import KINDS, Kind

#: kind, onset, apex, offset
Key = tuple[Kind, int, int, int]


class Moved(Mapping[Key, tuple[str, str]]):
    """Proposal -> region and side, for proposals noted in the order of their apexes, one an apex and kind."""

    def __init__(self) -> None:
        self._said: list[tuple[str, str]] = []  # the few that there are
        self.clear()

    def clear(self) -> None:
        """Forget all of them."""
        self._rows = {kind: Column(np.int32, 4) for kind in KINDS}  # onset, apex, offset, which of `_said`

    def note(self, kind: Kind, onset: int, apex: int, offset: int, said: tuple[str, str]) -> None:
        """Keep what was ``said`` of a proposal; ValueError unless its apex is behind those before it."""
        rows = self._rows[kind]
        if len(rows) and apex <= rows[-1][1]:
            raise ValueError(f"apex {apex} comes after {rows[-1][1]}")
        if said not in self._said:
            self._said.append(said)
        rows.append((onset, apex, offset, self._said.index(said)))

    def __getitem__(self, key: Key) -> tuple[str, str]:
        kind, onset, apex, offset = key
        rows = self._rows[kind].array
        at = int(np.searchsorted(rows[:, 1], apex))
        if at == len(rows) or tuple(rows[at, :3].tolist()) != (onset, apex, offset):
            raise KeyError(key)
        return self._said[int(rows[at, 3])]

    def __iter__(self) -> Iterator[Key]:
        for kind, rows in self._rows.items():
            for onset, apex, offset, _ in rows.array.tolist():
                yield kind, onset, apex, offset

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept."""
        return sum(rows.nbytes for rows in self._rows.values())
