"""docs/evaluation.md counts by hand; this reads its tables and counts again with the code."""

from __future__ import annotations

import functools
import itertools
import re

import numpy as np
import pytest

from spotlib.intervals import KINDS, Event, Interval, Kind
from spotlib.matching import iou_matrix, match
from spotlib.metrics import SpottingMetric
from spotlib.params import Params
from spotlib.protocols import author_epoch, author_rules, clean_rules
from spotlib.provenance import CHECKOUT
from spotlib.spotting import Proposals, nms
from spotlib.statistics import pooled_f1

PAGE = (CHECKOUT / "docs" / "evaluation.md").read_text(encoding="utf-8")
EPOCHS = (94, 95, 96)


@functools.cache
def table(heading: str) -> list[dict[str, str]]:
    """The first table below a heading."""
    lines = PAGE.split(f"\n### {heading}\n", 1)[1].splitlines()
    lines = list(itertools.dropwhile(lambda line: not line.startswith("|"), lines))
    lines = list(itertools.takewhile(lambda line: line.startswith("|"), lines))
    names, _, *rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return [dict(zip(names, row, strict=True)) for row in rows]


def event(line: dict[str, str]) -> Event:
    return Event(Kind(line["kind"]), int(line["onset"]), None, int(line["offset"]))


def truth(video: str) -> list[Event]:
    return [event(line) for line in table("Truth") if line["video"] == video]


def spotted(video: str, epoch: int) -> list[Event]:
    return [event(line) for line in table("Predictions") if (line["video"], int(line["epoch"])) == (video, epoch)]


def interval(text: str) -> Interval:
    return Interval(*map(int, text.split("-")))


def metric(protocol: str, epoch_of: dict[str, int]) -> SpottingMetric:
    made = SpottingMetric(protocol=protocol)
    for subject, epoch in epoch_of.items():
        made.add(f"{subject}1", truth(f"{subject}1"), spotted(f"{subject}1", epoch), subject=subject)
    return made


def test_every_table_of_the_page_is_read() -> None:
    sizes = {name: len(table(name)) for name in re.findall(r"^### (.*)$", PAGE, re.MULTILINE)}
    assert sizes == {
        "Proposals": 5, "Truth": 6, "Predictions": 25, "Overlaps": 6, "Counts at epoch 94": 3, "Choice": 9,
        "Pooled, author matching": 4,
    }  # fmt: skip


def test_suppression() -> None:
    lines = table("Proposals")
    frames = np.array([[int(x["onset"]), int(x["onset"]), int(x["offset"])] for x in lines])
    found = Proposals(frames, np.array([float(x["score"]) for x in lines]))
    assert list(nms(found, keep=None)) == [i for i, line in enumerate(lines) if line["fate"] == "stays"]
    for line in lines:
        if line["IoU"]:
            own = Interval(int(line["onset"]), int(line["offset"]))
            assert f"{own.iou(interval(line['overlaps most with']), plus_one=False):.3f}" == line["IoU"]
    author, clean = author_rules(Params())[Kind.MACRO], clean_rules([], Params())[Kind.MACRO]
    assert len(nms(found, keep=author.limit(360, 30.0))) == 4
    assert len(nms(found, keep=clean.limit(360, 30.0))) == 3


@pytest.mark.parametrize("protocol", ["clean", "author"])
def test_overlaps_are_those_of_the_page_and_there_are_no_others(protocol: str) -> None:
    written = {}
    for line in table("Overlaps"):
        at = line["video"], line["kind"], interval(line["true"]), interval(line["predicted"])
        written[at] = line[f"IoU {protocol}"]
    computed = {}
    for video in ("A1", "B1", "C1"):
        for kind in KINDS:
            true = [e for e in truth(video) if e.kind is kind]
            found = [e for e in spotted(video, 94) if e.kind is kind]
            overlap = iou_matrix(true, found, plus_one=protocol == "clean")
            for i, j in np.argwhere(overlap > 0):
                computed[video, str(kind), true[i].interval, found[j].interval] = f"{overlap[i, j]:.3f}"
    assert computed == written


@pytest.mark.parametrize("protocol", ["clean", "author"])
def test_counts_at_one_epoch(protocol: str) -> None:
    counted = metric(protocol, dict.fromkeys("ABC", 94))
    for line in table("Counts at epoch 94"):
        counts = counted.counts(None if line["kind"] == "overall" else Kind(line["kind"]))
        written = [line["true"], line["predicted"], line[f"TP {protocol}"], line[f"F1 {protocol}"]]
        assert [str(counts.truth), str(counts.predicted), str(counts.tp), f"{counts.f1:.3f}"] == written


def test_the_matchings_that_the_text_names() -> None:
    true = [e for e in truth("A1") if e.kind is Kind.MACRO]
    found = [e for e in spotted("A1", 94) if e.kind is Kind.MACRO]
    assert [(m.truth, m.predicted) for m in match(true, found, protocol="author")] == [(0, 0)]
    assert [(m.truth, m.predicted) for m in match(true, found, protocol="clean")] == [(0, 1), (1, 0)]


def test_choice_of_epoch_on_the_test_subject() -> None:
    for subject in "ABC":
        lines = [line for line in table("Choice") if line["subject"] == subject]
        for line in lines:
            counts = metric("author", {subject: int(line["epoch"])}).counts()
            written = [line["true"], line["predicted"], line["TP"], line["with 0.01"]]
            raised = 2 * (counts.tp + 0.01) / (counts.predicted + counts.truth)
            assert [str(counts.truth), str(counts.predicted), str(counts.tp), f"{raised:.4f}"] == written
        candidates = {epoch: [(truth(f"{subject}1"), spotted(f"{subject}1", epoch))] for epoch in EPOCHS}
        assert [int(line["epoch"]) for line in lines if line["chosen"]] == [author_epoch(candidates, 0.5)]


def test_what_the_choice_is_worth() -> None:
    chosen = {line["subject"]: int(line["epoch"]) for line in table("Choice") if line["chosen"]}
    found = {}
    for line in table("Pooled, author matching"):
        of_all = re.fullmatch(r"(\d+) for all", line["epoch"])
        counts = metric("author", dict.fromkeys("ABC", int(of_all[1])) if of_all else chosen).counts()
        written = [line["TP"], line["predicted"], line["true"], line["F1"]]
        assert [str(counts.tp), str(counts.predicted), str(counts.truth), f"{counts.f1:.3f}"] == written
        found[line["epoch"]] = float(pooled_f1(np.array([counts.tp, counts.predicted, counts.truth])))
    best = found.pop("each subject's best")
    said = re.search(r"more than ([\d.]+)\. Choosing .* shows ([\d.]+): .* worth ([\d.]+) here", PAGE)
    assert said
    assert [said[1], said[2], said[3]] == [
        f"{max(found.values()):.3f}", f"{best:.3f}", f"{best - max(found.values()):.3f}"
    ]  # fmt: skip
