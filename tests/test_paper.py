"""Tables of one data set as one page."""

from __future__ import annotations

from bs4 import BeautifulSoup

from spotlib.paper import from_rows
from spotlib.tables.packed import pack_rows
from tests.rows_factory import make_rows


def test_every_table_of_a_page_stands_under_its_title_and_in_the_contents(tmp_path) -> None:
    packed = pack_rows(make_rows(("peaks", "spotformer")), tmp_path / "rows.jsonl.gz", tables={"": ["T1", "T10"]})
    soup = BeautifulSoup(from_rows(packed, "all", tmp_path).read_text(encoding="utf-8"), "html.parser")
    titles = [heading.get_text() for heading in soup.find_all("h2")]
    assert {"T1, comparison of systems", "T1, comparison of systems, author protocol", "T10, protocols"} <= set(titles)
    contents = soup.find("nav")
    assert contents is not None
    assert [link.get_text() for link in contents.find_all("a", class_="spot-toc-h2")] == titles
    assert len(titles) == len(soup.find_all("table"))
