"""Names of files and people, annotations and parameters are text wherever they are shown; none of it acts."""

from __future__ import annotations

import copy
import csv
import io
import logging
import re
from pathlib import Path
from typing import Any

import mistune
import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from spotlib import report, tables, views
from spotlib.errors import SpotlibError, one_line
from spotlib.event_table import EventTable, read_events_csv, write_events_csv
from spotlib.exchange import read_field_csv, write_field_csv
from spotlib.exports import FORMATS, read_events, write_all
from spotlib.formulas import guarded, unguarded
from spotlib.intervals import Event, Kind
from spotlib.params import make_params
from spotlib.progress import setup_logging
from spotlib.provenance import collect
from spotlib.report import network_resources, render_notebook, render_page
from spotlib.runner import open_run
from spotlib.tables.registry import build_all
from tests.exports.examples import named
from tests.rows_factory import fail, make_rows
from tests.security import bombs

SCRIPT = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)>"
HOSTILE = [
    SCRIPT,
    '"><svg onload=alert(1)><a href="javascript:alert(1)">x</a>',
    "[x](javascript:alert(1)) ![y](http://evil.example/y.png) [z]: http://evil.example",
    "[click][me]",
    "`code` | **bold** <http://evil.example> &lt;b&gt; &#60;b&#62;",
    "\\input{/etc/passwd} $\\csname x\\endcsname$ % comment } \\end{tabular} ^^5c _ # ~",
    "[5cm] at the beginning of a row",
    "* at the beginning of a row",
    "{{ config }} {% raw %} ${HOME} %s {0.__class__}",
    "\x1b]0;title\x07\x1b[31mred \u202e gnp.exe",
]
FORMULAS = ["=cmd|' /C calc'!A0", "+1+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0",
            "=HYPERLINK(\"http://evil.example\")", "＝1+1", "'=1+1", "''@x"]  # fmt: skip


def evil_rows(name: str) -> list[dict[str, Any]]:
    """Rows in which every text that comes from outside is ``name``; one of them failed."""
    rows = copy.deepcopy(make_rows(("spotformer", "peaks")))
    for row in rows:
        row["system"] = f"{name} {row['variant']}"
        for number, video in enumerate(row["videos"]):
            video["subject"], video["video"] = f"{name} {row['fold']}", f"{name} {row['fold']} {number}"
        row["test_subjects"] = [f"{name} {row['fold']}"]
        row["key"]["params"]["note"] = name
    return [*rows[:-1], fail(rows[-1], f"ValueError: {name}")]


def of_rows(name: str) -> list[tables.Table]:
    """All tables that rows of these names make."""
    rows = evil_rows(name)
    made = [tables.comparison(rows[:4]), tables.subjects(rows[:4]), tables.folds(rows), tables.detail(rows[:4])]
    found, _ = build_all(rows, "T1,T10", draws=200)
    return made + found


def active(soup: BeautifulSoup) -> list[str]:
    """What would act in a page: scripts, handlers, pictures and links from outside."""
    found = [tag.name for tag in soup.find_all(["script", "iframe", "object", "embed", "svg", "base", "form"])]
    for tag in soup.find_all(True):
        found += [name for name in tag.attrs if name.lower().startswith("on")]
        found += [
            str(tag[name]) for name in ("src", "href") if tag.get(name) and not re.match(r"#|data:image/png", tag[name])
        ]
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_every_table_in_every_format(tmp_path: Path, name: str) -> None:
    for table in of_rows(name):
        soup = BeautifulSoup(table._repr_html_(), "html.parser")
        assert active(soup) == []
        page = BeautifulSoup(mistune.html(table.to_markdown()), "html.parser")
        assert active(page) == []
        latex = table.to_latex()
        for command in (r"\input", r"\csname", r"\end{tabular} ", "$\\c"):
            assert command not in latex
        assert not re.search(r"(\\\\|rule)\n\s*[\[*]", latex)  # an argument of the end of a row
        assert latex.count(r"\begin{") == latex.count(r"\end{") == 2
        for text in (soup.get_text(), latex, table.to_csv()):
            assert not set(text) & set("\x1b\x07\u202e") or text == table.to_csv()


def test_the_text_itself_is_there_to_be_read() -> None:
    shown = BeautifulSoup(tables.folds(evil_rows(SCRIPT))._repr_html_(), "html.parser").get_text()
    assert SCRIPT in shown
    assert f"ValueError: {SCRIPT}"[:40] in report.summary(evil_rows(SCRIPT)).text


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_of_a_table_is_a_formula(name: str) -> None:
    for table in of_rows(name):
        for row in csv.reader(io.StringIO(table.to_csv())):
            for cell in row:
                assert not re.match("[=+\\-@\t\r＝＋－＠]", cell) or re.fullmatch(r"-?[0-9.e+-]+", cell), cell


@pytest.mark.parametrize("name", [*FORMULAS, "-1", "+1.5e3", ".5", "s01", "' x", "-x", "--", "- 1", "-1-1"])
def test_guarded_texts_come_back(name: str) -> None:
    assert unguarded(guarded(name)) == name


@pytest.mark.parametrize("name", [*FORMULAS, *HOSTILE[:9]])
def test_no_export_is_a_formula_and_names_come_back(tmp_path: Path, name: str) -> None:
    spotted = named(name)
    write_all(tmp_path, spotted)
    for file in ("events.csv", "megc.csv", "events.tsv"):
        lines = csv.reader(io.StringIO((tmp_path / file).read_text()), delimiter="\t" if file[-3:] == "tsv" else ",")
        cells = [cell for row in lines for cell in row]
        assert not [cell for cell in cells if re.match("[=+\\-@＝]", cell) and not re.fullmatch(r"-?[0-9.]+", cell)]
    for format in ("csv", "eaf", "textgrid", "boris", "json"):
        assert list(read_events(tmp_path / FORMATS[format].file).events) == [name], format
    assert "<script" not in (tmp_path / "events.vtt").read_text().replace("NOTE", "", 1).split("\n\n", 2)[2]


@pytest.mark.parametrize("name", FORMULAS)
def test_tables_of_events_come_back_with_their_names(tmp_path: Path, name: str) -> None:
    event = Event(Kind.MICRO, 3, 5, 9, note=name)
    table = EventTable({name: [event], "b": []}, {name: name, "b": name})
    write_events_csv(tmp_path / "a.csv", table)
    assert read_events_csv(tmp_path / "a.csv") == table
    write_field_csv(tmp_path / "b.csv", table)
    back, _ = read_field_csv(tmp_path / "b.csv")
    assert (back.subjects[name], list(back.events)) == (name, [name])
    for path in tmp_path.iterdir():
        assert not re.search('(^|,)"?[=@＝]', path.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Somebody's own videos under names and with people that are markup, opened as a run."""
    root = tmp_path_factory.mktemp("own")
    (root / "videos").mkdir()
    names = [f"v{number}<b onclick=alert(1)>x<i>" for number in range(4)]
    for name in names:
        bombs.video(root / "videos" / f"{name}.mov")
    people = [SCRIPT, HOSTILE[5], FORMULAS[0], "[5cm] s"]
    table = EventTable()
    for name, person in zip(names, people, strict=True):
        table.events[name], table.subjects[name] = [Event(Kind.MICRO, 0, 0, 1)], person
    write_events_csv(root / "events.csv", table)
    return open_run("own", root=root, results=root / "results", overrides={"folds": 2}, workers=1), people, names


def test_from_a_file_s_name_to_the_page(own, tmp_path: Path) -> None:
    """Through the data set, the cells of a notebook, and the report page."""
    run, people, names = own
    parts = [run, views.videos_table(run), views.folds_table(run), report.note(names[0])]
    facts = report.provenance_table(collect({"dataset": SCRIPT, SCRIPT: HOSTILE[1]}, **{"data set": SCRIPT}))
    cells = [new_markdown_cell("# Report")]
    for shown in (*parts, facts):
        data = {"text/plain": repr(shown), "text/html": shown._repr_html_()}
        cells.append(new_code_cell("run", outputs=[new_output("execute_result", data=data, execution_count=1)]))
    cells.append(new_code_cell("x", outputs=[new_output("stream", name="stdout", text="\n".join([SCRIPT, *names]))]))
    nbformat.write(new_notebook(cells=cells), tmp_path / "n.ipynb")
    page = render_notebook(tmp_path / "n.ipynb", tmp_path / "p.html", title=SCRIPT).read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    assert network_resources(page) == []
    assert [one for one in active(soup) if not one.startswith("https://")] == []
    for text in (*people, SCRIPT):
        assert one_line(text) in soup.get_text() or " ".join(text.split()) in soup.get_text()
    assert "default-src 'none'" in page
    (folder,) = run.folder.glob("tables")
    assert not re.search(r"(^|,)\"?=cmd", (folder / "videos.csv").read_text(), re.MULTILINE)
    assert r"\input" not in (folder / "videos.tex").read_text()
    assert "<script" not in (folder / "videos.md").read_text()


def test_a_page_of_one_thing(tmp_path: Path) -> None:
    page = render_page(tables.folds(evil_rows(SCRIPT)), tmp_path / "x.html", title=SCRIPT).read_text(encoding="utf-8")
    assert [one for one in active(BeautifulSoup(page, "html.parser")) if not one.startswith("https://")] == []
    assert network_resources(page) == []


@pytest.mark.parametrize("name", [*HOSTILE, "a\nb\r\nc", "x" * 100_000, "\ud800"])
def test_every_message_is_one_line_that_a_terminal_shows_as_it_is(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    error = SpotlibError(f"{name}: no such file")
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", str(error))
    assert len(str(error)) < 2100
    with pytest.raises(SpotlibError, match="unknown parameter") as caught:
        make_params({name: 1})
    assert "\n" not in str(caught.value)
    setup_logging()
    logging.getLogger("spotlib").warning("%s: ignored", name)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "\x1b" not in lines[0]
