from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from spotlib.exports import write_events
from tests.exports.examples import INTERVIEW, NTSC


def test_the_table_and_its_sidecar(tmp_path: Path) -> None:
    table = pd.read_csv(write_events(tmp_path / "x_events.tsv", INTERVIEW), sep="\t", na_values="n/a")
    assert list(table.columns[:3]) == ["onset", "duration", "trial_type"], "in this order, says BIDS"
    assert list(table["trial_type"]) == ["micro", "micro", "macro", "macro", "macro", "micro"]
    assert table["onset"].is_monotonic_increasing
    third = table.iloc[2]
    assert third["onset"] == pytest.approx(10 / NTSC, abs=1e-6)
    assert third["duration"] == pytest.approx(51 / NTSC, abs=1e-6)
    assert (third["onset_frame"], third["apex_frame"], third["offset_frame"]) == (10, 20, 60)
    assert pd.isna(table.iloc[0]["score"])
    assert table.iloc[3]["warnings"] == "poor light; head turned"
    sidecar = json.loads((tmp_path / "x_events.json").read_text())
    assert set(sidecar) == {*table.columns, "Spotlib"}
    assert sidecar["Spotlib"]["source"] == "interview.mp4"


def test_cells_hold_no_tab_or_line_end(tmp_path: Path) -> None:
    nasty = replace(INTERVIEW, regions=("a\tb\r\nc", *INTERVIEW.regions[1:]), warnings=(("x\ty",), *[()] * 5))
    lines = write_events(tmp_path / "a.tsv", nasty).read_bytes().split(b"\n")
    assert len(lines) == 1 + 6 + 1
    assert all(line.count(b"\t") == 11 for line in lines[:-1])
