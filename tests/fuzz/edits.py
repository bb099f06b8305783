"""Bytes as edits of something valid: what passes the checks at the door is what finds the mistakes behind it.

A fuzzer that only changes bytes of a file with a checksum, or with strict syntax, never gets beyond them. Here its
bytes say where in a nested value something is replaced, removed or doubled, and by what.
"""

from __future__ import annotations

import copy
from typing import Any

#: what people, programs and attackers write in place of a value
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 0.5, -0.0, 1e308, -1e308, 10**9, 10**9 + 1, -(10**9), 2**31, 2**63, 10**30,
    float("nan"), float("inf"), "", " ", "nan", "macro", "micro", "Macro", "0", "1", "-1", "1e999", "1e5000", "12",
    "4+12",
    "٣", "½", "²", "../../x", "/etc/passwd", "a/b", "..", "\x00", "\ud800", "=cmd()", "<b>", "a\nb", "x" * 300, [], {},
    [[]], [None], [0], [1, 2], [0, 0.0], [[0, 0.0], [0, 0.0]], {"a": 1}, {"": None}, [0.1, "", "macro", "", "", "NA"],
    [[], [], []], [0, 1, 2, 3, 4], [0, 5, None, 9, 0.5], [1, -5, 7, 3, None, True, [], "both"], [3, 0, 0, 0, 0],
)  # fmt: skip


class Bytes:
    """Reads numbers from the fuzzer's bytes; zeros at their end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def below(self, n: int) -> int:
        """A number from 0 to n - 1; two bytes of the input."""
        pair = self.data[self.at : self.at + 2]
        self.at += 2
        return int.from_bytes(pair, "little") % max(n, 1)

    @property
    def left(self) -> bool:
        """Whether there is any input left."""
        return self.at < len(self.data)


def edited(value: Any, data: bytes) -> Any:
    """A copy of nested lists and mappings with what ``data`` says changed; at most 24 edits."""
    value = copy.deepcopy(value)
    source = Bytes(data)
    for _ in range(24):
        if not source.left:
            break
        places = list(_places(value))
        if not places:
            return ODD[source.below(len(ODD))]
        parent, key = places[source.below(len(places))]
        _edit(parent, key, source)
    return value


def _edit(parent: Any, key: Any, source: Bytes) -> None:
    what = source.below(16)
    if what == 0:
        del parent[key]
    elif what == 1 and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif what == 1:
        parent[f"{key}x"] = parent[key]
    elif what == 2:
        parent[key] = [parent[key]]
    elif what == 3:
        parent[key] = {"a": parent[key]}
    elif what in (4, 5) and type(parent[key]) in (int, float):
        parent[key] = parent[key] + source.below(7) - 3
    elif what == 6 and isinstance(parent[key], str):
        parent[key] += str(ODD[source.below(len(ODD))])
    elif what == 7 and isinstance(parent, dict):
        parent[str(ODD[source.below(len(ODD))])] = parent.pop(key)
    else:
        parent[key] = copy.deepcopy(ODD[source.below(len(ODD))])


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every element of nested lists and mappings: the one it is in, and where in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting and len(found) < 400:
        one = waiting.pop(0)
        keys: Any = range(len(one)) if isinstance(one, list) else list(one) if isinstance(one, dict) else ()
        for key in keys:
            found.append((one, key))
            waiting.append(one[key])
    return found
