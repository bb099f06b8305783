"""An `Examination` as text for people: counts side by side, then findings by weight and kind, each with its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from spotlib.datasets.records import Finding, Severity
from spotlib.doctor import Examination
from spotlib.doctor_counts import Size, Truth
from spotlib.errors import one_line

SHOWN = 10  # findings of each kind
_HEADINGS: dict[Severity, str] = {
    "loses": "Events or frames that are lost",
    "changes": "Used, but with a change",
    "note": "Notes, nothing to mend",
}
_LOOKED = {
    "": "",
    "ends": ", both ends of every used file looked at (--decode reads them whole)",
    "decoded": ", every used file decoded",
}
#: what becomes of the findings of a kind, where each of them does not say so itself
_OUTCOME = {
    "missing-offset": "the convention missing_offset decides",
    "missing-onset": "the convention unknown_onset decides",
    "missing-apex": "labels take the middle",
    "overlap": "both events are used",
    "doubtful-aus": "AUs play no part in spotting",
    "upper-case": "the same video",
    "too-long": "left out by the length rule, as in spotting papers",
    "no-annotation": "they count for false alarms",
}


def to_text(seen: Examination, *, all_findings: bool = False) -> str:
    """The whole report; ``all_findings`` lists every finding, else the first SHOWN of each kind."""
    lines = [*_headline(seen), "", *_sizes(seen.sizes)]
    if seen.truths:
        lines += ["", *_truths(seen.truths)]
    for severity, heading in _HEADINGS.items():
        found = [finding for finding in seen.findings if finding.severity == severity]
        lines += ["", *_findings(heading, found, all_findings)]
    return "\n".join(map(one_line, [*lines, "", _verdict(seen)]))  # names in them come from files


def _headline(seen: Examination) -> list[str]:
    synthetic = ", a synthetic twin" if seen.synthetic else ""
    version = f" ({seen.version})" if seen.version else ""
    pictures = f"{seen.root}{_LOOKED[seen.checked]}" if seen.root else "not looked at; give their folder too"
    return [f"{seen.title}{synthetic}", f"  table     {' and '.join(seen.tables)}{version}", f"  pictures  {pictures}"]


def _sizes(sizes: Sequence[Size]) -> list[str]:
    published = "published" if any(size.published is not None for size in sizes) else ""
    lines = [f"  {'':32}{'here':>10}{published:>12}".rstrip()]
    before = ""
    for size in sizes:
        group = size.of if size.of != before else ""
        before = size.of
        told = f"{size.published:,}" if size.published is not None else ""
        marks = [mark for mark in ("differs" if size.differs else "", size.about) if mark]
        lines.append(f"  {group:10}{size.what:22}{size.here:>10,}{told:>12}  {', '.join(marks)}".rstrip())
    return lines


def _truths(truths: Sequence[Truth]) -> list[str]:
    width = max(len(truth.convention) for truth in truths) + 2
    lines = [f"  {'ground truth under':{width}}{'MaE':>8}{'ME':>6}   reported MaE/ME"]
    for truth in truths:
        told = list(truth.reported)
        if truth.unreachable:
            told.append(f"{truth.unreachable} of them unreachable for any prediction")
        lines.append(f"  {truth.convention:{width}}{truth.macro:>8,}{truth.micro:>6,}   {'; '.join(told)}".rstrip())
    return [*lines, "  The first one is used here. F1s under different ground truths are not comparable."]


def _findings(heading: str, found: Sequence[Finding], all_findings: bool) -> list[str]:
    if not found:
        return [f"{heading}: none"]
    kinds: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        kinds[finding.what].append(finding)
    lines = [f"{heading}: {len(found):,}"]
    for what, of_kind in kinds.items():
        outcome = f" ({_OUTCOME[what]})" if what in _OUTCOME else ""
        lines.append(f"  {what}: {len(of_kind):,}{outcome}")
        shown = of_kind if all_findings else of_kind[:SHOWN]
        before = None
        for finding in shown:
            place = finding.origin
            sheet = (place.file, place.sheet)
            if place.row is None:
                lines.append(f"    {finding}")
            else:  # a table's name once, then its rows
                if sheet != before:
                    lines.append(f"    {place.file}" + (f", sheet {place.sheet!r}" if place.sheet else ""))
                lines.append(f"      row {place.row}: {finding.message}")
            before = sheet
        if len(shown) < len(of_kind):
            lines.append(f"    ... and {len(of_kind) - len(shown):,} more (--all lists them)")
    return lines


def _verdict(seen: Examination) -> str:
    if seen.status:
        return "Usable, but something is lost: see the first list (exit status 2)."
    return "Usable; nothing is lost."
