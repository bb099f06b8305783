"""The report page: offline, no scripts, escaped, with alt texts and contents; the summary in words."""

from __future__ import annotations

import copy

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from spotlib import figures, report, tables
from spotlib.errors import SpotlibError
from spotlib.report import network_resources, render_notebook
from tests.rows_factory import fail, make_rows

EVIL = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)>"


@pytest.fixture(scope="module")
def rows():
    return make_rows()


def of(rows, variant):
    return [row for row in rows if row["variant"] == variant]


def shown(value):
    """The output that Jupyter would store for ``value``."""
    data = {"text/plain": repr(value), "text/html": value._repr_html_()}
    return new_output("execute_result", data=data, execution_count=1)


def page_of(tmp_path, *cells, title="A <title>"):
    notebook = new_notebook(cells=list(cells), metadata={"kernelspec": {"name": "python3", "display_name": "p"}})
    source = tmp_path / "executed.ipynb"
    nbformat.write(notebook, source)
    target = render_notebook(source, tmp_path / "out" / "page.html", title=title)
    text = target.read_text(encoding="utf-8")
    return text, BeautifulSoup(text, "html.parser")


def code(*outputs, source="views.show()"):
    return new_code_cell(source, outputs=list(outputs), execution_count=1)


@pytest.fixture(scope="module")
def page(rows, tmp_path_factory):
    evil = copy.deepcopy(of(rows, "spotformer"))
    for row in evil:
        row["system"] = EVIL
        for video in row["videos"]:
            video["subject"] = EVIL
    evil[0] = fail(evil[0], f"ValueError: {EVIL}")
    name = evil[1]["videos"][0]["video"]
    cells = [
        new_markdown_cell("# Report\n\nSee [the paper](https://arxiv.org/abs/2407.20799)."),
        code(shown(report.summary(evil))),
        new_markdown_cell("## Results\n\n### In detail\n\n## Results"),
        code(shown(tables.subjects(evil)), shown(tables.folds(evil))),
        code(shown(report.together([figures.timeline(evil[1], name), figures.confusion(evil)]))),
        code(shown(report.provenance_table({"run": {"data": EVIL}, "parameters": {EVIL: True, "steps": None}}))),
        code(new_output("stream", name="stdout", text=EVIL), source=f"print({EVIL!r})"),
        code(new_output("stream", name="stderr", text="10 %\r50 %\rdone\n"), source="train()"),
        code(new_output("stream", name="stderr", text=EVIL)),
        code(new_output("display_data", data={"text/plain": EVIL})),
        code(new_output("error", ename="E", evalue=EVIL, traceback=[EVIL])),
    ]
    return page_of(tmp_path_factory.mktemp("page"), *cells)


def test_nothing_comes_from_a_network_address(page):
    text, soup = page
    assert network_resources(text) == []
    assert "default-src 'none'" in soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    for word in ("mathjax", "require.js", "cdnjs", "jsdelivr"):
        assert word not in text.lower()


def test_no_script_and_every_text_escaped(page):
    text, soup = page
    assert soup.find(["script", "iframe", "object", "embed"]) is None
    assert not [tag for tag in soup.find_all(True) if any(name.startswith("on") for name in tag.attrs)]
    assert all(image["src"].startswith("data:image/png;base64,") for image in soup.find_all("img"))
    # the text itself is there to be read: summary, both tables, provenance twice, three streams, error, code
    assert text.count("&lt;script&gt;") >= 10
    assert soup.title.string == "A <title>"


def test_alt_texts_are_kept(page):
    _, soup = page
    alts = [image.get("alt", "") for image in soup.find_all("img")]
    assert len(alts) == 2
    assert all(alt.startswith("SYNTHETIC DATA (demo twin). ") for alt in alts)


def test_contents_lead_to_every_heading(page):
    _, soup = page
    links = [(a.get_text(), a["href"]) for a in soup.find("nav").find_all("a")]
    assert links == [
        ("Report", "#report"),
        ("Results", "#results"),
        ("In detail", "#in-detail"),
        ("Results", "#results-2"),
    ]
    for _, address in links:
        assert soup.find(id=address[1:]).name in ("h1", "h2", "h3")
    assert len({tag["id"] for tag in soup.find_all(id=True)}) == len(soup.find_all(id=True))


def test_code_and_logs_are_folded_and_bars_reduced_to_their_end(page):
    _, soup = page
    assert len(soup.find_all("details", class_="spot-code")) == 9
    assert all(not details.has_attr("open") for details in soup.find_all("details"))
    logs = [log.pre.get_text() for log in soup.find_all("details", class_="spot-log")]
    assert logs[0].strip() == "done"


def test_links_stay_but_active_ones_do_not(tmp_path):
    html = '<a href="javascript:x()" onclick="x()">a</a><a href="https://example.org">b</a><a href="#c">c</a>'
    _, soup = page_of(tmp_path, code(new_output("display_data", data={"text/html": html})))
    links = {a.get_text(): a.attrs for a in soup.find("main").find_all("a")}
    assert links["a"] == {}
    assert links["b"] == {"href": "https://example.org", "rel": ["noopener", "noreferrer"]}
    assert links["c"] == {"href": "#c"}


def test_foreign_html_is_disarmed_and_widgets_are_dropped(tmp_path):
    html = "<script>x()</script><iframe src='http://e.org'></iframe><p onmouseover='x()'>text</p>"
    outputs = [
        new_output("display_data", data={"text/html": html}),
        new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "bar"}),
        new_output("display_data", data={"application/javascript": "x()"}),
        new_output("display_data", data={"text/markdown": "<script>x()</script>"}),
    ]
    text, soup = page_of(tmp_path, code(*outputs))
    assert network_resources(text) == []
    assert soup.find("p", string="text").attrs == {}
    assert "bar" in soup.get_text()
    assert "x()" not in soup.find("main").get_text()


def test_a_page_that_needs_something_from_outside_is_refused(tmp_path):
    html = '<img src="https://example.org/x.png">'
    with pytest.raises(SpotlibError, match=r"the page would load 'https://example.org/x.png'"):
        page_of(tmp_path, code(new_output("display_data", data={"text/html": html})))
    assert not (tmp_path / "out" / "page.html").exists()


def test_an_unreadable_notebook_is_one_line(tmp_path):
    (tmp_path / "bad.ipynb").write_text("{not json\nat all")
    for name in ("bad.ipynb", "none.ipynb"):
        with pytest.raises(SpotlibError, match=f"{name}: not a readable notebook") as caught:
            render_notebook(tmp_path / name, tmp_path / "page.html", title="t")
        assert "\n" not in str(caught.value)


def test_same_notebook_same_page(tmp_path):
    cell = code(new_output("stream", name="stdout", text="x"))
    assert page_of(tmp_path, cell)[0] == page_of(tmp_path, cell)[0]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<link rel=stylesheet href=//x.org/a.css>", ["//x.org/a.css"]),
        (
            "<style>@import 'a.css'; p { background: url(http://x.org/i.png) }</style>",
            ["http://x.org/i.png", "@import 'a.css'"],
        ),
        ("<p style=\"background:url('x.png')\">", ["x.png"]),
        ("<video poster=p.png></video>", ["p.png"]),
        ("<meta http-equiv=refresh content='0;url=http://x.org'>", ["<meta refresh>"]),
        ("<base href='http://x.org/'>", ["<base>", "http://x.org/"]),
        ("<svg><image xlink:href='http://x.org/a.svg'/></svg>", ["http://x.org/a.svg"]),
        ("<a href='http://x.org'>x</a> text url(http://x.org) <img src='data:image/png;base64,A'>", []),
    ],
)
def test_network_resources_finds_what_a_browser_would_load(html, found):
    assert network_resources(html) == found


# -- summary -------------------------------------------------------------------------------------------------


def test_summary_says_the_f1s_and_who_is_better(rows):
    text = report.summary(rows).text
    f1 = tables.comparison(rows).shown.set_index("System")["F1 overall"]
    assert text.startswith("SYNTHETIC DATA (demo twin): not comparable with published numbers.")
    assert f"SpotFormer spots expressions with an overall F1 of {f1['SpotFormer']}" in text
    assert f"Peak detector reaches {f1['Peak detector']}" in text
    assert "SpotFormer is better than Peak detector in overall F1 (difference +" in text
    assert "The same training runs under the author protocol: overall F1 ." in text


def test_summary_calls_a_tie_a_tie(rows):
    twin = [{**row, "variant": "peaks", "system": "Peak detector"} for row in of(rows, "spotformer")]
    assert "SpotFormer and Peak detector tie in overall F1" in report.summary(of(rows, "spotformer") + twin).text


def test_summary_groups_variants_by_verdict(rows):
    text = report.summary(rows).text
    assert "Variants against SpotFormer in overall F1" in text
    for label in ("without contrastive loss", "without FLGP", "K = 11"):
        assert f"{label} (" in text


def test_summary_names_failures_and_missing_folds(rows):
    some = [row for row in rows if (row["variant"], row["fold"]) != ("k11", 3)]
    some[0] = fail(some[0], "RuntimeError: boom")
    text = report.summary(some).text
    assert "SpotFormer, fold 0, seed 270 failed: RuntimeError: boom" in text
    assert "Not computed yet: K = 11 fold 3 (seed 270)." in text
    nothing = report.summary([fail(row, "RuntimeError: boom") for row in of(rows, "spotformer")])
    assert "No fold is finished" in nothing.text
    with pytest.raises(SpotlibError, match=r"^no fold rows"):
        report.summary([])


def test_summary_of_real_data_never_uses_unverified_numbers():
    real = make_rows(dataset="samm_lv", synthetic=False)
    text = report.summary(real).text
    assert "SYNTHETIC" not in text
    for number in (".4447", ".4281", ".4401", "[U]"):
        assert number not in text


def test_small_things_show_themselves():
    assert report.note("<b>")._repr_html_() == '<p class="spot-note">&lt;b&gt;</p>'
    assert "Nothing to show" in report.together([]).text
    shown_facts = report.provenance_table({"run": {"seed": 270}, "parameters": {"lr": 0.001, "on": False}})
    assert shown_facts.text == "run:\n  seed = 270\nparameters:\n  lr = 0.001\n  on = false"
    assert "<dt>lr</dt><dd>0.001</dd>" in shown_facts.html


def test_show_helpers_save_what_they_show(rows, tmp_path):
    table = tables.comparison(of(rows, "peaks"))
    assert report.show_table(table, tmp_path) is table
    figure = figures.confusion(of(rows, "peaks"))
    assert report.show_figure(figure, tmp_path) is figure
    assert {p.suffix for p in tmp_path.iterdir()} == {".csv", ".md", ".tex", ".png"}
    assert report.show_summary(rows).text == report.summary(rows).text
