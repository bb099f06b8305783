"""The report: one offline page from an executed notebook, and what its cells show."""

from spotlib.report.page import network_resources, render_notebook, render_page
from spotlib.report.show import Shown, heading, note, provenance_table, show_figure, show_table, together
from spotlib.report.summary import show_summary, summary

__all__ = [
    "Shown",
    "heading",
    "network_resources",
    "note",
    "provenance_table",
    "render_notebook",
    "render_page",
    "show_figure",
    "show_summary",
    "show_table",
    "summary",
    "together",
]
