"""Text from file names, annotations and parameters must come out as that text, whatever the format."""

from __future__ import annotations

import html as _html
import re
import unicodedata

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", '"': r"\textquotedbl{}", "|": r"\textbar{}", "\u2013": "--",
    "\u00d7": r"$\times$",
    "\u2265": r"$\geq$", "\u0394": r"$\Delta$", "\u00b2": r"\textsuperscript{2}",
    "\u00b3": r"\textsuperscript{3}", "\u2212": "$-$",
}  # fmt: skip


def one_line(value: object) -> str:
    """``value`` as text on one line, without control characters."""
    text = " ".join(str(value).split())
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def html(value: object) -> str:
    """Escaped for HTML text and for quoted attributes.

    >>> html('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return _html.escape(one_line(value), quote=True)


def markdown(value: object) -> str:
    """Escaped for a Markdown table cell or paragraph: no markup, link or raw HTML comes through.

    >>> markdown("a|b <i> [x](y) *c*")
    'a\\\\|b &lt;i&gt; [x]\\\\(y) \\\\*c\\\\*'
    """
    text = re.sub(r"([\\`*_|~])", r"\\\1", one_line(value))
    text = re.sub(r"\](?=[(\[:])", r"]\\", text)  # no link, and no address that another place could refer to
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def latex(value: object) -> str:
    r"""Escaped for LaTeX text; negative numbers get a minus sign.

    A bracket or star at the beginning is hidden: after the end of a row it would be an argument of that.

    >>> latex("50 % of a_b"), latex("-.05")
    ('50 \\% of a\\_b', '$-$.05')
    """
    text = "".join(_LATEX.get(c, c) for c in one_line(value))
    text = re.sub(r"(?<![\w.)-])-(?=\.?\d)", "$-$", text)
    return f"{{{text[0]}}}{text[1:]}" if text[:1] in ("[", "*") else text
