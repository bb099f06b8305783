"""The front door to annotation tables: one function for the three data sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from spotlib.datasets import annotation_cas_me2, annotation_cas_me3, annotation_samm_lv
from spotlib.datasets.annotation_rows import Log, without_duplicates
from spotlib.datasets.records import Annotations, Finding, Origin
from spotlib.datasets.sheets import Sheet, read_sheets
from spotlib.errors import SpotlibError
from spotlib.intervals import Kind

DATASETS = {"samm_lv": "SAMM-LV", "cas_me2": "CAS(ME)^2", "cas_me3": "CAS(ME)^3"}
PARTS = ("A", "C")  # of CAS(ME)^3; part B is not annotated


def read_annotations(dataset: str, path: str | Path | Sequence[str | Path], *, part: str = "A") -> Annotations:
    """Read an annotation table as its publishers hand it out, in any version; METHOD section 7.

    Args:
        dataset: ``samm_lv``, ``cas_me2`` or ``cas_me3``.
        path: the spreadsheet (.xlsx, .xls) or a .csv file; or several, where MaE and ME are in files of their own.
        part: of ``cas_me3``: "A" or "C".

    Returns:
        Records in file order, in the table's own frame numbers, with what was odd about each row.

    Raises:
        SpotlibError: one line, if the file is no such table (it tells whose it looks like), or no spreadsheet.
    """
    if dataset not in DATASETS:
        raise SpotlibError(f"no annotation table is known of data set {dataset!r}; known are {', '.join(DATASETS)}")
    if part not in PARTS:
        raise SpotlibError(f"part is {part!r}; CAS(ME)^3 has annotated parts A and C")
    if not isinstance(path, str | Path):
        return _with_version(_joined([_read_one(dataset, Path(one), part) for one in path]))
    return _with_version(_read_one(dataset, Path(path), part))


def _read_one(dataset: str, path: Path, part: str) -> Annotations:
    sheets = read_sheets(path)
    seen = _recognise(sheets, path.name)
    wanted = (dataset, part if dataset == "cas_me3" else "")
    if seen is not None and seen != wanted:
        raise SpotlibError(
            f"{path}: looks like the annotation table of {_title(*seen)}, not of {_title(*wanted)};"
            f" give that of {_title(*wanted)}"
        )
    annotations = _read(sheets, path, wanted)
    if not annotations.records:
        raise SpotlibError(f"{path}: the table of {_title(*wanted)} holds no usable event; {_first_loss(annotations)}")
    return annotations


def _joined(tables: Sequence[Annotations]) -> Annotations:
    """Several tables as one; an event that stands in two of them is counted once."""
    if not tables:
        raise SpotlibError("no annotation table is given; name at least one file")
    log = Log(tables[0].records[0].origin.file, "")
    records = without_duplicates(log, [record for table in tables for record in table.records])
    findings = [finding for table in tables for finding in table.findings]
    blinks = [blink for table in tables for blink in table.blinks]
    return dataclasses.replace(
        tables[0], records=tuple(records), findings=(*findings, *log.findings), blinks=tuple(blinks)
    )


def recognise(path: str | Path) -> tuple[str, str] | None:
    """Which data set's table a file is: (data set, part), part "" but for CAS(ME)^3; None if it is none or unreadable.

    Only the content counts, but where a table has no column of types its file's name tells the kind.
    """
    try:
        return _recognise(read_sheets(path), Path(path).name)
    except SpotlibError:
        return None


def _recognise(sheets: Mapping[str, Sheet], file: str) -> tuple[str, str] | None:
    if annotation_samm_lv.find_sheets(sheets):
        return "samm_lv", ""
    if annotation_cas_me2.find_sheets(sheets):
        return "cas_me2", ""
    if annotation_cas_me3.find_part_a(sheets, file):
        return "cas_me3", "A"
    if annotation_cas_me3.find_part_c(sheets, file):
        return "cas_me3", "C"
    return None


def _read(sheets: Mapping[str, Sheet], path: Path, wanted: tuple[str, str]) -> Annotations:
    dataset, part = wanted
    if dataset == "samm_lv":
        return annotation_samm_lv.read(sheets, path)
    if dataset == "cas_me2":
        return annotation_cas_me2.read(sheets, path)
    return annotation_cas_me3.read(sheets, path, part)


def _title(dataset: str, part: str) -> str:
    return DATASETS[dataset] + (f" part {part}" if part else "")


def _first_loss(annotations: Annotations) -> str:
    lost = [finding for finding in annotations.findings if finding.severity == "loses"]
    return f"the first problem: {lost[0]}" if lost else "it has a header but no rows"


def _with_version(annotations: Annotations) -> Annotations:
    """Compare the counts with the published ones; another number means another version, or a part of the table."""
    from spotlib.datasets.published import published

    macro = sum(record.kind is Kind.MACRO for record in annotations.records)
    micro = len(annotations.records) - macro
    part = annotations.version if annotations.dataset == "cas_me3" else ""
    known = published(annotations.dataset, part=part)
    if (macro, micro) == (known.macro, known.micro):
        version = annotations.version + (f" {known.version}" if annotations.dataset == "cas_me3" else "")
        return dataclasses.replace(annotations, version=version.strip())
    origin = Origin(file=annotations.records[0].origin.file, sheet=annotations.records[0].origin.sheet)
    findings = list(annotations.findings)
    for found, expected, kind in ((macro, known.macro, "macro"), (micro, known.micro, "micro")):
        if not found and expected:
            message = f"no {kind}-expression found, published are {expected}; give the table that holds them too"
            findings.append(Finding(severity="changes", what="one-kind", message=message, origin=origin))
    message = (
        f"{macro} MaE and {micro} ME; published are {known.macro} and {known.micro} ({known.source}):"
        " another version of the table, or a part of it"
    )
    findings.append(Finding(severity="note", what="other-counts", message=message, origin=origin))
    return dataclasses.replace(annotations, findings=tuple(findings))
