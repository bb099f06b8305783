"""Small things that show themselves in a notebook and on the report page; all text in them is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from spotlib.figures import Figure
from spotlib.tables import Table, escape


class Showable(Protocol):
    """Anything with an HTML form."""

    def _repr_html_(self) -> str: ...


@dataclass(frozen=True)
class Shown:
    """Text for terminals and HTML for pages."""

    text: str
    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def note(text: str) -> Shown:
    """A remark in place of a table or figure that does not apply."""
    return Shown(text, f'<p class="spot-note">{escape.html(text)}</p>')


def heading(text: str) -> Shown:
    """What stands above a part of a page, and in its contents."""
    return Shown(f"# {text}", f"<h2>{escape.html(text)}</h2>")


def together(parts: Sequence[Showable]) -> Shown:
    """Several things as the one value of a cell; a remark if there is none."""
    if not parts:
        return note("Nothing to show: no fold is finished.")
    return Shown("\n".join(map(repr, parts)), "".join(part._repr_html_() for part in parts))


def provenance_table(info: Mapping[str, Mapping[str, Any]]) -> Shown:
    """What a page was made from: the sections that ``spotlib.provenance.collect`` gives, one list each."""
    parts, lines = [], []
    for section, values in info.items():
        lines += [f"{section}:", *(f"  {name} = {_plain(value)}" for name, value in values.items())]
        facts = "".join(
            f"<div><dt>{escape.html(name)}</dt><dd>{escape.html(_plain(value))}</dd></div>"
            for name, value in values.items()
        )
        heading = escape.html(section)
        parts.append(
            f'<section class="spot-facts" aria-label="{heading}"><p class="spot-facts-title">'
            f"{heading}</p><dl>{facts}</dl></section>"
        )
    return Shown("\n".join(lines), f'<div class="spot-provenance">{"".join(parts)}</div>')


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else str(value)


def show_table(table: Table, folder: Path | str | None = None) -> Table:
    """Save ``table`` into ``folder`` (as CSV, Markdown and LaTeX), if given, and show it."""
    if folder is not None:
        table.save(folder)
    return table


def show_figure(figure: Figure, folder: Path | str | None = None, *, formats: Sequence[str] = ("png",)) -> Figure:
    """Save ``figure`` into ``folder``, if given, and show it."""
    if folder is not None:
        figure.save(folder, formats=formats)
    return figure
