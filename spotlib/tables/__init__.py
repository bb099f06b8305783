"""Tables of the workbook, made from fold rows; each shows itself and saves as CSV, Markdown and LaTeX."""

from spotlib.tables.against import ablation, protocols
from spotlib.tables.caption import SYNTHETIC, caption, synthetic_prefix
from spotlib.tables.measured import comparison, detail
from spotlib.tables.parts import folds, subjects
from spotlib.tables.table import Column, Table

__all__ = [
    "SYNTHETIC",
    "Column",
    "Table",
    "ablation",
    "caption",
    "comparison",
    "detail",
    "folds",
    "protocols",
    "subjects",
    "synthetic_prefix",
]
