"""An executed notebook as one offline HTML page, without scripts, readable on any screen.

nbconvert turns cells into HTML; everything active is then taken out, and a content policy in the page forbids
the rest, so that text from file names or annotations could not run or load anything even if it had slipped
through unescaped.
"""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag

from spotlib.errors import SpotlibError
from spotlib.provenance import version
from spotlib.store import write_text
from spotlib.tables import escape

# Jinja on top of nbconvert's own HTML blocks: code folded away, logs folded away
_TEMPLATE = """
{%- extends 'classic/base.html.j2' -%}
{% block input_group -%}
{%- if cell.source.strip() -%}
<details class="spot-code"><summary>code</summary>
{{ cell.source | highlight_code(metadata=cell.metadata) }}</details>
{%- endif -%}
{%- endblock input_group %}
{% block stream_stderr -%}
<details class="spot-log"><summary>log</summary><pre>{{ output.text | ansi2html }}</pre></details>
{%- endblock stream_stderr %}
{% block stream_stdout -%}
<pre class="spot-out">{{ output.text | ansi2html }}</pre>
{%- endblock stream_stdout %}
"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<a class="spot-skip" href="#content">Skip to the content</a>
<div class="spot-page">
<nav class="spot-toc" aria-label="Contents">{contents}</nav>
<main id="content">
{body}
<footer>{title}. Made with spotlib {version}. This page is complete in itself and needs no network.</footer>
</main>
</div>
</body>
</html>
"""
# what an output may be shown as, best first; widgets, scripts and raw Markdown never
_SHOWN_TYPES = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/plain")
_FORBIDDEN = (
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "link",
    "base",
    "meta",
    "form",
    "frame",
    "frameset",
    "template",
)


def render_notebook(executed: Path | str, target: Path | str, title: str) -> Path:
    """Write ``executed`` (an .ipynb with outputs) as one self-contained HTML page to ``target``, atomically.

    Raises SpotlibError if the notebook cannot be read, or if the page would need anything from outside
    itself.
    """
    import nbformat
    from nbconvert import HTMLExporter

    try:
        notebook = nbformat.read(str(executed), as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpotlibError(f"{executed}: not a readable notebook ({said}); execute it again") from None
    exporter = HTMLExporter(raw_template=_TEMPLATE, exclude_input_prompt=True, exclude_output_prompt=True)
    body, _ = exporter.from_notebook_node(_plain_outputs(notebook))
    return _write(body, Path(target), title, str(executed))


def render_page(shown: Any, target: Path | str, title: str) -> Path:
    """Write anything with an HTML form as such a page, without a notebook around it."""
    body = f"<h1>{escape.html(title)}</h1>\n{shown._repr_html_()}"
    return _write(body, Path(target), title, str(target))


def _write(body: str, target: Path, title: str, source: str) -> Path:
    soup = BeautifulSoup(body, "html.parser")
    _disarm(soup)
    contents = _contents(soup)
    style = files("spotlib.report").joinpath("style.css").read_text(encoding="utf-8")
    page = _PAGE.format(
        title=escape.html(title),
        style=style,
        contents=contents,
        body=soup.decode(formatter="html5"),
        version=escape.html(version()),
    )
    outside = network_resources(page)
    if outside:
        raise SpotlibError(f"{source}: the page would load {outside[0][:120]!r}; put pictures into the outputs instead")
    write_text(target, page)
    return target


def _plain_outputs(notebook: Any) -> Any:
    """A copy with one safe representation per output, logs joined, progress bars reduced to their end."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kept: list[Any] = []
        for output in cell.outputs:
            if output.output_type == "stream":
                text = "\n".join(line.rsplit("\r", 1)[-1] for line in output.text.replace("\r\n", "\n").split("\n"))
                if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                    kept[-1].text += text
                    continue
                output.text = text
            elif output.output_type in ("display_data", "execute_result"):
                best = next((kind for kind in _SHOWN_TYPES if kind in output.data), None)
                if best is None:
                    continue
                for kind in [kind for kind in output.data if kind != best]:
                    del output.data[kind]
            kept.append(output)
        cell.outputs = [o for o in kept if o.output_type != "stream" or o.text.strip()]
    return notebook


def _disarm(soup: BeautifulSoup) -> None:
    """Remove everything active or foreign: scripts, frames, handlers, and links that are not plain ones."""
    for tag in soup.find_all(_FORBIDDEN):
        tag.decompose()
    for tag in soup.find_all(True):
        for name in [
            name
            for name in tag.attrs
            if name.lower().startswith("on") or name.lower() in ("srcdoc", "formaction", "ping")
        ]:
            del tag[name]
        href = str(tag.get("href", "")).strip()
        if href and not re.match(r"(#|https?://|mailto:)", href, re.IGNORECASE):
            del tag["href"]
        if tag.name == "a" and href.lower().startswith("http"):
            tag["rel"] = "noopener noreferrer"


def _contents(soup: BeautifulSoup) -> str:
    """Give every heading a unique address and return the table of contents."""
    used: set[str] = set()
    items = []
    for heading in soup.find_all(["h1", "h2", "h3"]):
        for anchor in heading.find_all("a", class_="anchor-link"):
            anchor.decompose()
        text = heading.get_text(" ", strip=True)
        base = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"
        name = base
        number = 2
        while name in used:
            name, number = f"{base}-{number}", number + 1
        used.add(name)
        heading["id"] = name
        if heading.name == "h1":
            items.append(f'<p class="spot-toc-title"><a href="#{name}">{escape.html(text)}</a></p>')
        else:
            items.append(f'<a class="spot-toc-{heading.name}" href="#{name}">{escape.html(text)}</a>')
    for table in soup.find_all("table"):
        # tables of others (pandas) scroll like ours on narrow screens
        parent = table.parent
        if (
            isinstance(parent, Tag)
            and "spot-scroll" not in (parent.get("class") or [])
            and "spot-table" not in (parent.get("class") or [])
        ):
            table.wrap(
                soup.new_tag(
                    "div",
                    attrs={"class": "spot-scroll", "tabindex": "0", "role": "region", "aria-label": "table"},
                )
            )
    return "".join(items)


class _Resources(HTMLParser):
    """Collects every address that a browser would load on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = tag == "style"
        if tag in ("script", "iframe", "object", "embed", "base"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            text = (value or "").strip()
            loads = name in ("src", "srcset", "poster", "data", "background", "xlink:href") or (
                name == "href" and tag != "a"
            )
            if loads and text and not text.lower().startswith(("data:", "#")):
                self.found.append(text)
            if name == "style":
                self._css(text)
            if tag == "meta" and name == "http-equiv" and text.lower() == "refresh":
                self.found.append("<meta refresh>")

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if self._style:
            self._css(data)

    def _css(self, text: str) -> None:
        for address in re.findall(r"url\(\s*['\"]?([^'\")]*)", text, re.IGNORECASE):
            if not address.lower().startswith(("data:", "#")):
                self.found.append(address)
        self.found += re.findall(r"@import[^;]*", text, re.IGNORECASE)


def network_resources(page: str) -> list[str]:
    """What a browser would fetch or run in an HTML page; plain links are allowed.

    >>> network_resources('<a href="https://example.org">x</a><img src="data:image/png;base64,AA">')
    []
    >>> network_resources('<script src="https://example.org/x.js"></script><img src="a.png">')
    ['<script>', 'https://example.org/x.js', 'a.png']
    """
    parser = _Resources()
    parser.feed(page)
    parser.close()
    return parser.found
