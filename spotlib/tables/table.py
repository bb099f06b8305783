"""A table: raw numbers for machines, readable cells for people, and a caption that says what it is about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from spotlib.errors import SpotlibError
from spotlib.formulas import guarded
from spotlib.statistics import UNKNOWN, Difference, Estimate, p_text, short
from spotlib.store import write_text
from spotlib.tables import escape

Show = Callable[[pd.Series], str]


@dataclass(frozen=True)
class Column:
    """A shown column: header, the text it makes of a raw line, alignment ("right", "left", "words")."""

    header: str
    show: Show
    align: str = "right"

    @classmethod
    def text(cls, header: str, name: str) -> Column:
        """Raw column ``name`` as words."""
        return cls(header, functools.partial(_text, name=name), "left")

    @classmethod
    def words(cls, header: str, name: str) -> Column:
        """Raw column ``name`` as a phrase, which gets more room than :meth:`text`."""
        return cls(header, functools.partial(_text, name=name), "words")

    @classmethod
    def number(cls, header: str, name: str, digits: int = 0) -> Column:
        """Raw column ``name`` with ``digits`` decimals; means over seeds of whole numbers get one."""
        return cls(header, functools.partial(_number, name=name, digits=digits))

    @classmethod
    def share(cls, header: str, name: str, digits: int = 2) -> Column:
        """Raw column ``name`` as .53."""
        return cls(header, lambda line: short(line[name], digits))

    @classmethod
    def interval(cls, header: str, name: str) -> Column:
        """Raw columns ``name``, ``name_low``, ``name_high`` as .53 [.41, .64]."""
        return cls(header, lambda line: str(Estimate(line[name], line[f"{name}_low"], line[f"{name}_high"])))

    @classmethod
    def difference(cls, header: str, name: str) -> Column:
        """Raw columns ``name``, ``name_low``, ``name_high`` as +.10 [-.02, +.20]."""
        nan = float("nan")
        return cls(
            header,
            lambda line: str(Difference(line[name], line[f"{name}_low"], line[f"{name}_high"], nan, 0)),
        )

    @classmethod
    def p_value(cls, header: str, name: str) -> Column:
        """Raw column ``name`` as .031 or <.001."""
        return cls(header, lambda line: p_text(line[name]))


def _text(line: pd.Series, *, name: str) -> str:
    value = line[name]
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)


def _number(line: pd.Series, *, name: str, digits: int) -> str:
    value = line[name]
    if value is None or not np.isfinite(value):
        return UNKNOWN
    if digits == 0 and abs(value - round(value)) > 1e-6:
        digits = 1
    return f"{value:,.{digits}f}".replace(",", " ")


@dataclass(frozen=True)
class Table:
    """A named table.

    ``frame`` holds raw numbers, ``columns`` say how they are shown (default: every raw column as it is),
    ``notes`` are sentences below the table.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    columns: Sequence[Column] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    @functools.cached_property
    def shown(self) -> pd.DataFrame:
        """The cells as people see them: all text."""
        columns = self.columns or [_plain(name, self.frame[name]) for name in self.frame.columns]
        lines = [line for _, line in self.frame.iterrows()]
        return pd.DataFrame(
            [[column.show(line) for column in columns] for line in lines],
            columns=[column.header for column in columns],
            dtype=object,
        )

    def _alignment(self) -> list[str]:
        if self.columns:
            return [column.align for column in self.columns]
        return [_plain(name, self.frame[name]).align for name in self.frame.columns]

    def to_csv(self) -> str:
        """The raw numbers, comma separated, UTF-8; no text in it is a formula (`spotlib.formulas`)."""
        frame = self.frame.map(lambda cell: guarded(cell) if isinstance(cell, str) else cell)
        return frame.rename(columns=lambda name: guarded(str(name))).to_csv(index=False, lineterminator="\n")

    def to_markdown(self) -> str:
        """Caption, table and notes as GitHub Markdown."""
        head = [escape.markdown(name) for name in self.shown.columns]
        rule = ["---:" if align == "right" else ":---" for align in self._alignment()]
        body = [[escape.markdown(cell) for cell in line] for line in self.shown.to_numpy()]
        lines = ["| " + " | ".join(cells) + " |" for cells in (head, rule, *body)]
        notes = "".join(f"\n- {escape.markdown(note)}" for note in self.notes)
        return f"**{escape.markdown(self.caption)}**\n\n" + "\n".join(lines) + "\n" + (notes + "\n" if notes else "")

    def to_latex(self) -> str:
        """A LaTeX ``table`` with rules of the booktabs package; caption first, notes below."""
        spec = "".join("r" if align == "right" else "l" for align in self._alignment())
        row = " & ".join(escape.latex(name) for name in self.shown.columns) + r" \\"
        body = [" & ".join(escape.latex(cell) for cell in line) + r" \\" for line in self.shown.to_numpy()]
        notes = [rf"\par\smallskip\footnotesize {escape.latex(note)}" for note in self.notes]
        return "\n".join(
            [
                r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering",
                rf"\caption{{{escape.latex(self.caption)}}}", rf"\label{{tab:{_label(self.name)}}}",
                rf"\begin{{tabular}}{{{spec}}}", r"\toprule", row, r"\midrule", *body, r"\bottomrule",
                r"\end{tabular}", *notes, r"\end{table}", "",
            ]
        )  # fmt: skip

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``name``.csv (raw numbers), .md and .tex into ``folder``, atomically; return the paths."""
        if not self.name or _label(self.name) != self.name:
            raise SpotlibError(f"table name {self.name!r}: use letters, digits, '-' and '_' only")
        made = []
        for suffix, text in ((".csv", self.to_csv()), (".md", self.to_markdown()), (".tex", self.to_latex())):
            path = Path(folder) / f"{self.name}{suffix}"
            write_text(path, text)
            made.append(path)
        return made

    def _repr_html_(self) -> str:
        aligned = self._alignment()
        head = "".join(
            f'<th scope="col" class="{align}">{escape.html(name)}</th>'
            for name, align in zip(self.shown.columns, aligned, strict=True)
        )
        body = []
        for line in self.shown.to_numpy():
            cells = []
            for i, (cell, align) in enumerate(zip(line, aligned, strict=True)):
                tag, scope = ("th", ' scope="row"') if i == 0 else ("td", "")
                cells.append(f'<{tag}{scope} class="{align}">{escape.html(cell)}</{tag}>')
            body.append(f"<tr>{''.join(cells)}</tr>")
        notes = "".join(f"<li>{escape.html(note)}</li>" for note in self.notes)
        wide = " spot-wide" if len(aligned) > 8 else ""
        return (
            f'<div class="spot-table{wide}" id="table-{escape.html(_label(self.name))}">'
            f'<p class="spot-caption">{_html_caption(self.caption)}</p>'
            f'<div class="spot-scroll" role="region" tabindex="0"'
            f' aria-label="{escape.html(self.name)} table">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
            + (f'<ul class="spot-notes">{notes}</ul>' if notes else "")
            + "</div>"
        )

    def __repr__(self) -> str:
        return "\n".join([self.caption, self.shown.to_string(index=False), *self.notes])


def _html_caption(caption: str) -> str:
    first, colon, rest = caption.partition(":")
    if first.startswith("SYNTHETIC") and colon:
        return f"<strong>{escape.html(first)}</strong>: {escape.html(rest)}"
    return escape.html(caption)


def _label(name: str) -> str:
    return "".join(c if (c.isascii() and c.isalnum()) or c in "-_" else "-" for c in name)


def _plain(name: str, values: pd.Series) -> Column:
    """How a raw column is shown that nobody described."""
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return Column.text(name, name)
    whole = values.dropna()
    digits = 0 if (whole == whole.round()).all() else 2
    return Column.number(name, name, digits)
