"""What all figures share: style, colours, the wrapper with alt text, and the mark on synthetic data.

Colours are those of Okabe and Ito, which survive the common forms of colour blindness; no meaning rests on
colour alone. Figures are made without pyplot, so that nothing is shown twice or kept alive in a notebook.
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text

from spotlib.errors import SpotlibError
from spotlib.store import atomic
from spotlib.tables import SYNTHETIC, escape

P = ParamSpec("P")
R = TypeVar("R")

BLACK, GREY, PALE = "#222222", "#6b6b6b", "#d9d9d9"
ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
KIND_COLOURS = {"macro": BLUE, "micro": VERMILLION, "overall": BLACK}
# colour, marker, line style: systems differ in all three
SYSTEM_STYLES = (
    (BLUE, "o", "-"), (VERMILLION, "s", "--"), (GREEN, "^", "-."), (PURPLE, "D", ":"), (ORANGE, "v", "-"),
    (SKY, "P", "--"), (BLACK, "X", "-."),
)  # fmt: skip
DPI = 160
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10,
    "legend.fontsize": 9, "xtick.labelsize": 9, "ytick.labelsize": 9, "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": GREY, "axes.grid": False, "grid.color": "#e6e6e6",
    "figure.facecolor": "white", "legend.frameon": False, "hatch.linewidth": 0.8, "lines.linewidth": 1.6,
    # names come from files: a dollar sign in them is a dollar sign
    "text.parse_math": False, "svg.hashsalt": "spotlib", "svg.fonttype": "path", "pdf.fonttype": 42,
}  # fmt: skip


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the common style, whatever the notebook has set."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context(cast(Any, {**mpl.rcParamsDefault, **STYLE, "backend": mpl.rcParams["backend"]})):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(width: float, height: float, *, synthetic: bool | str = False) -> Canvas:
    """An empty figure, inches; ``synthetic`` (True or the twin's name) is marked in its lower right corner."""
    canvas = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(canvas)
    if synthetic:
        foot = 0.26 / height
        canvas.get_layout_engine().set(rect=(0, foot, 1, 1 - foot))  # type: ignore[union-attr,call-arg]
        mark = f"{SYNTHETIC} ({escape.one_line(synthetic)})" if isinstance(synthetic, str) else SYNTHETIC
        canvas.text(
            1 - 0.06 / width, 0.06 / height, mark, ha="right", va="bottom",
            fontsize=8, color=BLACK,
            bbox={"boxstyle": "round,pad=0.25", "facecolor": "#FFF3C4", "edgecolor": ORANGE},
        )  # fmt: skip
        canvas.set_label(mark)  # read by Figure, so that the alt text says it too
    return canvas


@dataclass
class Figure:
    """A finished figure: ``name`` for files, ``alt`` for those who do not see it, ``caption`` below it."""

    name: str
    canvas: Canvas
    alt: str
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise SpotlibError(f"figure {self.name!r} has no alt text; say in words what it shows")
        mark = str(self.canvas.get_label())
        if mark.startswith(SYNTHETIC):
            self.alt = f"{mark}. {self.alt}"
        for text in self.canvas.findobj(Text):  # no font has control characters, which names from files may hold
            assert isinstance(text, Text)
            text.set_text("\n".join(map(escape.one_line, text.get_text().split("\n"))))

    @styled
    def render(self, kind: str = "png", *, dpi: int = DPI) -> bytes:
        """The figure as "png", "svg" or "pdf"; same figure, same bytes."""
        text = escape.one_line(self.alt)
        metadata: dict[str, dict[str, str | None]] = {
            "png": {
                "Software": None,
                "Title": self.name,
                "Description": text.encode("latin-1", "replace").decode("latin-1"),
            },
            "svg": {"Date": None, "Title": self.name, "Description": text},
            "pdf": {"CreationDate": None, "Title": self.name, "Subject": text},
        }
        if kind not in metadata:
            raise SpotlibError(f"figure format {kind!r} is unknown; choose one of {', '.join(metadata)}")
        # arrows take their scale from the axes before the first layout: lay out once, then draw
        self.canvas.draw_without_rendering()
        buffer = io.BytesIO()
        self.canvas.savefig(buffer, format=kind, dpi=dpi, metadata=metadata[kind])
        return buffer.getvalue()

    def save(self, folder: Path | str, *, formats: Sequence[str] = ("png",), dpi: int = DPI) -> list[Path]:
        """Write ``name``.png (and .svg, .pdf if asked for) into ``folder``, atomically; return the paths."""
        if not self.name or not all((c.isascii() and c.isalnum()) or c in "-_" for c in self.name):
            raise SpotlibError(f"figure name {self.name!r}: use letters, digits, '-' and '_' only")
        made = []
        for kind in formats:
            data = self._png if (kind, dpi) == ("png", DPI) else self.render(kind, dpi=dpi)  # it is shown as well
            path = Path(folder) / f"{self.name}.{kind}"
            with atomic(path) as temporary:
                temporary.write_bytes(data)
            made.append(path)
        return made

    @functools.cached_property
    def _png(self) -> bytes:
        return self.render("png")

    def _repr_png_(self) -> bytes:
        return self._png

    def _repr_html_(self) -> str:
        data = base64.b64encode(self._png).decode()
        width = round(float(self.canvas.get_figwidth()) * 100)
        caption = f"<figcaption>{escape.html(self.caption)}</figcaption>" if self.caption else ""
        return (
            f'<figure class="spot-figure"><img alt="{escape.html(self.alt)}"'
            f' src="data:image/png;base64,{data}"'
            f' style="width:{width}px;max-width:100%;height:auto">{caption}</figure>'
        )

    def __repr__(self) -> str:
        return f"Figure {self.name}: {self.alt}"


def file_name(text: object) -> str:
    """``text`` as a part of a file name: letters, digits, '-' and '_' stay, all else becomes '-'.

    >>> file_name("../s 1<b>")
    '---s-1-b-'
    """
    return "".join(c if (c.isascii() and c.isalnum()) or c in "-_" else "-" for c in escape.one_line(text))


def joined_names(names: Iterable[str]) -> str:
    """Names of variants as one part of a file name, at most 80 letters."""
    return "-".join(map(file_name, names))[:80]
