"""What lies near the pictures of a data set: its annotation table, its lists, the mark of a twin.

A table is known by what stands in it, not by its name: copies are renamed, and versions lie side by side.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from spotlib.datasets.base import natural
from spotlib.datasets.records import Annotations, Finding
from spotlib.datasets.sheets import read_sheets
from spotlib.datasets.tree import Visit
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind
from spotlib.limits import MAX_TEXT, read_json

#: tables that the user names: a file, the parts of one, or None: look for it
Tables = Path | str | Sequence[Path | str] | None
Read = Callable[[Path | list[Path]], Annotations]
MARKER = "spotlib-twin.json"
ABOVE = 3  # parents of the root that are looked at: CAS(ME)^3 has its tables beside data/part_A
_TABLES = (".xls", ".xlsx")
_MAX_TABLES = 40


def choose_table(seen: Visit, read: Read) -> tuple[Annotations | None, tuple[Path, ...], list[Finding]]:
    """The newest table near the root that ``read`` accepts, its files, and findings about all other candidates.

    Candidates are the spreadsheets below the root; if none of them is such a table, those beside the root and its
    parents, directly or in a folder called like annotations. A table of macro-expressions only is joined with one of
    micro-expressions only: CAS(ME)^3 comes in both forms.

    A spreadsheet below the root that nobody can read (no permission, damaged, locked) may be the very table, so that
    one from elsewhere must not quietly take its place: that raises SpotlibError, which names it.
    """
    accepted: dict[Path, Annotations] = {}
    findings: list[Finding] = []
    unreadable: dict[Path, str] = {}
    for paths, inside in ((_below(seen), True), (_above(seen), False)):
        for path in _tables(paths):
            try:
                accepted[path] = read(path)
            except SpotlibError as error:
                why = _why(error, path)
                if inside and not _opens(path):
                    unreadable[path] = why
                    findings.append(seen.finding("changes", "unreadable-table", path, f"not used: {why}"))
                else:
                    findings.append(seen.finding("note", "not-the-table", path, f"not used: {why}"))
        if accepted:
            break
    if not accepted:
        return None, (), findings
    if unreadable and not inside:
        path, why = next(iter(unreadable.items()))
        raise SpotlibError(
            f"{path}: {why.partition('; ')[0]}; mend or remove it, or give the table with --annotations"
            f" ({next(iter(accepted))} can be read, but lies outside of {seen.root})"
        )
    best = max(accepted, key=lambda path: _rank(path, accepted))  # of equals the first, which is the nearest
    chosen = [best, *_partners(best, accepted)[:1]]
    table = read(chosen) if len(chosen) > 1 else accepted[chosen[0]]
    used = " and ".join(path.name for path in chosen)
    for path, one in accepted.items():
        if path not in chosen:
            what = f"not used (version {one.version or 'unknown'}); {used} (version {table.version or 'unknown'}) is"
            findings.append(seen.finding("note", "several-tables", path, what))
    return table, tuple(chosen), findings


def _rank(path: Path, accepted: dict[Path, Annotations]) -> tuple[bool, list[int], list[int], bool]:
    """Both kinds of events first; then the newest, by what it holds and by a v2 in its name; then the published counts.

    Among the tables of CAS(ME)^3 are lists of corrections, and some of micro-expressions alone.
    """
    table = accepted[path]
    return (
        len(_kinds(table)) > 1 or bool(_partners(path, accepted)),
        [int(number) for number in re.findall(r"\d+", table.version)],
        [int(number) for number in re.findall(r"v(\d+)", path.stem, re.IGNORECASE)],
        all(finding.what != "other-counts" for finding in table.findings),
    )


def _partners(path: Path, accepted: dict[Path, Annotations]) -> list[Path]:
    """Tables with events of only the other kind than this one's only kind, those of the same v2 in their name first."""
    kinds = _kinds(accepted[path])
    if len(kinds) > 1:
        return []
    others = [other for other, table in accepted.items() if len(_kinds(table)) == 1 and _kinds(table) != kinds]
    same = re.findall(r"v\d+", path.stem, re.IGNORECASE)
    return sorted(others, key=lambda other: re.findall(r"v\d+", other.stem, re.IGNORECASE) != same)


def _kinds(table: Annotations) -> set[Kind]:
    return {record.kind for record in table.records}


def _opens(path: Path) -> bool:
    """Whether it is a spreadsheet that can be read, of whatever it is a table."""
    try:
        read_sheets(path)
    except SpotlibError:
        return False
    return True


def _why(error: SpotlibError, path: Path) -> str:
    return str(error).removeprefix(f"{path}").lstrip(":, ")


def _tables(paths: Iterator[Path]) -> list[Path]:
    tables = (path for path in paths if path.suffix.lower() in _TABLES and not path.name.startswith((".", "~$")))
    return list(dict.fromkeys(tables))[:_MAX_TABLES]


def _below(seen: Visit) -> Iterator[Path]:
    """Files below the root, outside of the videos."""
    for folder in seen.folders:
        yield from (folder.path / name for name in folder.files)


def _above(seen: Visit) -> Iterator[Path]:
    """Files beside the root and its parents, and in annotation folders there."""
    for parent in list(seen.root.parents)[:ABOVE]:
        inside = _listed(parent)
        yield from inside
        for path in inside:
            if re.search(r"annot|label|code|table", path.name, re.IGNORECASE) and path.suffix.lower() not in _TABLES:
                yield from _listed(path)


def _listed(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder), key=natural)]
    except OSError:  # not a folder, or none of ours
        return []


def files_named(seen: Visit, pattern: str) -> list[Path]:
    """Files near the pictures whose name matches ``pattern``, capitals or not."""
    fits = re.compile(pattern, re.IGNORECASE).fullmatch
    return [path for path in dict.fromkeys((*_below(seen), *_above(seen))) if fits(path.name)]


def table_of(seen: Visit, read: Read, given: Tables) -> tuple[Annotations, tuple[Path, ...], list[Finding]]:
    """The table that was given (or several parts of one), else the one `choose_table` finds.

    Raises SpotlibError if there is none, with what was said about the spreadsheets that are there.
    """
    if given is not None:
        paths = [Path(one) for one in ([given] if isinstance(given, str | Path) else given)]
        return read(paths[0] if len(paths) == 1 else paths), tuple(paths), []
    table, used, findings = choose_table(seen, read)
    if table is not None:
        return table, used, findings
    if findings:
        more = f" (and {len(findings) - 1} more spreadsheets)" if len(findings) > 1 else ""
        raise SpotlibError(f"{seen.root}: no annotation table; {findings[0]}{more}; give it with --annotations")
    raise SpotlibError(
        f"{seen.root}: no annotation table; looked for .xls and .xlsx files below it and beside the three folders"
        " above; put it there or give it with --annotations"
    )


def is_twin(seen: Visit, dataset: str) -> bool:
    """True if ``spotlib twin --layout`` left its mark at the root, one folder below, or above it."""
    within = [folder.path for folder in seen.folders if folder.path.parent == seen.root]
    for place in (seen.root, *within, *list(seen.root.parents)[:ABOVE]):
        try:
            mark = read_json(place / MARKER, MAX_TEXT)
        except (OSError, ValueError):
            continue
        # a twin of another data set may lie beside this one
        if isinstance(mark, dict) and mark.get("dataset", dataset) == dataset:
            return True
    return False
