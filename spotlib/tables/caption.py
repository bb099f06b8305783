"""Captions that say what a table is about: data, protocol, folds, seeds, people, events, convention."""

from __future__ import annotations

from collections.abc import Sequence

from spotlib.rows import Row, coverage, dataset_name, hit_iou, is_synthetic, parameter
from spotlib.store import digest

SYNTHETIC = "SYNTHETIC DATA"
# parameters that decide what counts as truth on the real data sets (METHOD section 7)
_CONVENTIONS = ("missing_offset", "unknown_onset", "unknown_apex", "max_micro", "max_macro", "sampling")
#: names of parameters whose change makes other events true
CONVENTION_NAMES = frozenset((*_CONVENTIONS, "part"))


def synthetic_prefix(rows: Sequence[Row]) -> str:
    """The sentence with which everything made from a twin begins; empty for real data."""
    if not is_synthetic(rows):
        return ""
    return f"{SYNTHETIC} ({dataset_name(rows[0])}): not comparable with published numbers. "


def convention(rows: Sequence[Row]) -> str:
    """What the true intervals are, in words."""
    chosen = []
    for name in _CONVENTIONS:
        values = [row["key"]["params"][name] for row in rows if name in row.get("key", {}).get("params", {})]
        if any(value != values[0] for value in values):
            chosen.append(f"{name} as given in each line")
        elif values:
            chosen.append(f"{name} = {'none' if values[0] is None else values[0]}")
    schedule = "the twin's schedule as its annotator wrote it" if chosen else "the twin's own schedule, exact"
    base = schedule if is_synthetic(rows) else "the data set's annotation"
    return "; ".join([base, *chosen])


def caption(
    what: str,
    rows: Sequence[Row],
    *,
    protocol: str = "clean",
    iou: float | None = None,
    draws: int | None = None,
    truth: str | None = None,
) -> str:
    """``what`` and everything a reader needs to compare the table with another one.

    ``draws``: number of bootstrap draws if the table has intervals. Failed and missing folds are named. Rows that carry
    a profile (``row["profile"]``) say so. ``truth``: what is true, where :func:`convention` cannot tell.
    """
    covered = coverage(rows)
    border = hit_iou(rows) if iou is None else iou
    folds = (
        f"leave one subject out ({covered.folds} folds)"
        if parameter(rows, "folds") == 0
        else f"{covered.folds} subject-wise folds"
    )
    seeds = f"seed{'s' if len(covered.seeds) > 1 else ''} {', '.join(map(str, covered.seeds))}"
    profiles = sorted({str(row["profile"]) for row in rows if row.get("profile")})
    if profiles:
        seeds += f"; profile {', '.join(profiles)}"
    data = "" if is_synthetic(rows) else f"Data: {dataset_name(rows[0])}. "
    parts = [
        f"{synthetic_prefix(rows)}{what}. {data}Protocol: {protocol}; hit at IoU ≥ {border:g}; {folds};"
        f" {seeds};"
        f" {covered.subjects} subjects, {covered.videos} videos ({covered.minutes:.1f} min),"
        f" {covered.events['macro']} MaE, {covered.events['micro']} ME. Ground truth:"
        f" {truth or convention(rows)}."
    ]
    if draws is not None:
        parts.append(f"Brackets: 95 % interval, bootstrap over subjects, {draws} draws.")
    if covered.failed:
        parts.append(f"FAILED: {_list(covered.failed)}.")
    if covered.missing:
        parts.append(f"MISSING: {_list(covered.missing)}.")
    return " ".join(parts)


def origin(rows: Sequence[Row]) -> str:
    """Which commit and which code computed the rows, for tables that are made again from stored rows."""
    commits = sorted({str(row.get("commit", "unknown")) for row in rows})
    codes = sorted({_code(row) for row in rows})
    return f"Made again from stored rows, computed at commit {_list(commits, 4)} (code {_list(codes, 4)})."


def _code(row: Row) -> str:
    code = row.get("key", {}).get("code", "unknown")
    return code if isinstance(code, str) else digest(code)[:12]


def _list(names: Sequence[str], most: int = 8) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
