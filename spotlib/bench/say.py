"""Measurements in words and Markdown: numbers with their spread, tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NONE = "–"


def number(value: float) -> str:
    """Three digits that count.

    >>> number(1234.5), number(12.34), number(0.01234), number(0), number(2e-7)
    ('1234', '12.3', '0.0123', '0', '2.0e-07')
    """
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = 2
    while abs(value) >= 10 ** (3 - digits):
        digits -= 1
    while abs(value) < 10 ** (2 - digits) and digits < 5:
        digits += 1
    return f"{value:.{digits}f}"


def spread(found: Mapping[str, float] | None, unit: str = "", *, scale: float = 1.0) -> str:
    """Median with spread and unit; "–" for nothing.

    >>> spread({"median": 2.0, "low": 1.5, "high": 3.0, "n": 3}, "ms"), spread({"median": 2.0}, "ms"), spread(None)
    ('2.00 ms (1.50 to 3.00)', '2.00 ms', '–')
    >>> spread({"median": 2.0, "low": 2.0, "high": 2.0, "n": 1}, scale=10)
    '20.0'
    """
    if found is None:
        return NONE
    text = number(found["median"] * scale) + (f" {unit}" if unit else "")
    if "low" not in found or found["low"] == found["high"]:
        return text
    return f"{text} ({number(found['low'] * scale)} to {number(found['high'] * scale)})"


def inverse(found: Mapping[str, float] | None) -> dict[str, float] | None:
    """The spread of 1 / x.

    >>> inverse({"median": 2.0, "low": 1.0, "high": 4.0, "n": 3})
    {'median': 0.5, 'low': 0.25, 'high': 1.0, 'n': 3}
    """
    if found is None:
        return None
    low, high = found.get("high", found["median"]), found.get("low", found["median"])
    return {"median": 1 / found["median"], "low": 1 / low, "high": 1 / high, "n": found.get("n", 1)}


def over(measured: float | None, floor: float | None) -> str:
    """Measured / floor, or "–" if one is not known.

    >>> over(3.0, 2.0), over(None, 2.0)
    ('1.5', '–')
    """
    return NONE if measured is None or not floor else f"{measured / floor:.1f}"


def markdown(head: Sequence[str], lines: Iterable[Sequence[Any]], *, text_columns: int = 1) -> str:
    """A Markdown table; the first columns are text, the others stand right.

    >>> print(markdown(["what", "ms"], [["a|b", 1]]))
    | what | ms |
    |---|---:|
    | a\\|b | 1 |
    """
    rule = ["---" if i < text_columns else "---:" for i in range(len(head))]
    rows = [head, *([str(cell).replace("|", "\\|") for cell in line] for line in lines)]
    shown = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([shown[0], "|" + "|".join(rule) + "|", *shown[1:]])
