"""Tables of events, annotation tables of the data sets, parameters: readers as functions of bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spotlib.datasets import annotations as tables_of_datasets
from spotlib.datasets.conventions import Conventions, to_events
from spotlib.datasets.records import FrameMap
from spotlib.datasets.reenact import read_durations
from spotlib.datasets.sheets import Sheet, read_sheets
from spotlib.errors import SpotlibError
from spotlib.event_table import read_events_csv, write_events_csv
from spotlib.exchange import read_field_csv, write_field_csv
from spotlib.exports import read_events
from spotlib.params import make_params, parse_override, read_yaml
from spotlib.studies import load_study
from tests.fuzz.edits import Bytes, edited
from tests.fuzz.place import file, folder


def events_csv(data: bytes) -> None:
    """spotlib's own table; what can be read can be written, and is then read as the same."""
    table = read_events_csv(file("events.csv", data), allow_empty=True)
    again = folder() / "again.csv"
    write_events_csv(again, table)
    second = read_events_csv(again, allow_empty=True)
    assert second.events == table.events, (table.events, second.events)
    assert second.subjects == table.subjects


def spotted_csv(data: bytes) -> None:
    """`events.csv` of `spotlib spot`, and tables of others."""
    read_events(file("spotted.csv", data), fps=30)


def field_csv(data: bytes) -> None:
    """The table that the field's code shares."""
    for first in (0, 1):
        table, _ = read_field_csv(file("field.csv", data), first_frame=first)
        write_field_csv(folder() / "field-again.csv", table, first_frame=first)


def durations_csv(data: bytes) -> None:
    """Lengths of videos for a twin."""
    read_durations(file("durations.csv", data))


SAMM = [
    ["Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units", "Notes"],
    [6, "006_1", 1, 100, 120, 180, 81, "Macro", "12B", None],
    ["006", "006_2", 2, "5", "9", "12", 8, "Micro", "L2/4", ""],
]
CAS2 = [
    ["s15", "disgust1_1", 10, 20, 40, "4+7", "negative", "macro-expression", "disgust"],
    [16, "anger2", 5, 0, 0, 12, "", "micro-expression", "anger"],
]
_RULES = {"naming rule1": [[15, "s15", 1], [16, "s16", 2]], "naming rule2": [["0101", "disgust1"], ["0402", "anger2"]]}
CAS3 = [
    ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type", "Objective class"],
    ["spNO.1", "a", 10, 20, 40, "4", "Macro-expression", "VII"],
    ["spNO.1", "b", 5, 8, 12, "R4+12", "Micro-expression", "I"],
]
_BOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("samm_lv", {"Sheet1": [["Some Long Videos - Codes"], [], *SAMM]}),
    ("cas_me2", {"CASFEcode_final": CAS2, **_RULES}),
    ("cas_me3", {"label": CAS3}),
    ("cas_me3", {"macro": CAS3, "micro": CAS3[:1] + CAS3[2:]}),
)


def annotation_rows(data: bytes) -> None:
    """Cells of the data sets' spreadsheets, as the library that opens .xls and .xlsx hands them on."""
    source = Bytes(data)
    dataset, book = _BOOKS[source.below(len(_BOOKS))]
    part = "AC"[source.below(8) == 0]
    made = edited(book, data[4:])
    if not isinstance(made, dict):
        return
    sheets = {}
    for name, rows in made.items():
        rows = (
            [[_cell(cell) for cell in row] for row in rows if isinstance(row, list)] if isinstance(rows, list) else []
        )
        sheets[name] = Sheet(name, [(number, row) for number, row in enumerate(rows, 1) if row])
    if not any(sheet.rows for sheet in sheets.values()):
        return  # `read_sheets` has said so
    tables_of_datasets._recognise(sheets, "table.xlsx")
    found = tables_of_datasets._read(sheets, Path("table.xlsx"), (dataset, part if dataset == "cas_me3" else ""))
    if found.records:
        table = tables_of_datasets._with_version(found)
        to_events(table.records, Conventions(), dataset=dataset, frame_map=FrameMap(first=1), n_frames=500)


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else ""


def annotation_csv(data: bytes) -> None:
    """The same tables as CSV files, in any encoding."""
    path = file("table.csv", data)
    read_sheets(path)
    for dataset in ("samm_lv", "cas_me2", "cas_me3"):
        try:
            tables_of_datasets.read_annotations(dataset, path)
        except SpotlibError:
            continue


# --- parameters ---


def params_yaml(data: bytes) -> None:
    """A parameter file."""
    make_params(read_yaml(file("params.yaml", data)), where="params.yaml")


def study_yaml(data: bytes) -> None:
    """A study file."""
    load_study(file("study.yaml", data))


def override(data: bytes) -> None:
    """``-p name=value`` of the command line."""
    make_params(dict([parse_override(data.decode("utf-8", "surrogateescape"))]))
