"""Tables of the workbook, made from fold rows; each shows itself and saves as CSV, Markdown and LaTeX.

`build` makes T1 to T13 of METHOD section 8 by name; the other functions make the same and more from any rows.
"""

from spotlib.tables.against import ablation, protocols
from spotlib.tables.caption import SYNTHETIC, caption, synthetic_prefix
from spotlib.tables.conventions import conventions
from spotlib.tables.costs import costs
from spotlib.tables.errors import errors_by_cause, recall_by_size
from spotlib.tables.measured import comparison, detail
from spotlib.tables.order import same_order
from spotlib.tables.parts import folds, subjects
from spotlib.tables.published import published_table
from spotlib.tables.registry import SEEDS, TABLES, Need, applies, build, build_all, chosen, needs, needs_of, tag
from spotlib.tables.seeds import seeds
from spotlib.tables.table import Column, Table

__all__ = [
    "SEEDS",
    "SYNTHETIC",
    "TABLES",
    "Column",
    "Need",
    "Table",
    "ablation",
    "applies",
    "build",
    "build_all",
    "caption",
    "chosen",
    "comparison",
    "conventions",
    "costs",
    "detail",
    "errors_by_cause",
    "folds",
    "needs",
    "needs_of",
    "protocols",
    "published_table",
    "recall_by_size",
    "same_order",
    "seeds",
    "subjects",
    "synthetic_prefix",
    "tag",
]
