from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from spotlib import studies
from spotlib.commands.status import duration, status, to_json, to_text
from spotlib.studies import Cell, Status, Study

STUDY = Study(name="mine", dataset="demo", profile="study", variants=("spotformer", "k7"), budget_hours=0.05)
CELLS = (
    (Cell("spotformer", 1, 0), "done", 100.0), (Cell("spotformer", 1, 1), "stale", 100.0),
    (Cell("k7", 1, 0), "failed", float("nan")), (Cell("k7", 1, 1), "missing", float("nan")),
)  # fmt: skip
FOUND = Status(STUDY, CELLS, ("k7, fold 0, seed 1: no face",))


def test_text_says_what_is_there_and_what_the_rest_takes() -> None:
    assert to_text(FOUND).splitlines() == [
        "mine (demo, profile study): 1 of 4 done, 1 of other code, 1 failed, 1 missing; about 5 min left, one fold at a"
        " time (budget 0.05 h, exceeded by 5 min)",
        "  spotformer  1 of 2 done, 1 of other code",
        "  k7          0 of 2 done, 1 failed, 1 missing",
        "  failed: k7, fold 0, seed 1: no face",
    ]
    assert "about 3 min left" in to_text(FOUND, any_code=True)


def test_text_without_an_estimate_and_with_nothing_left() -> None:
    nothing = Status(STUDY, tuple((cell, "missing", float("nan")) for cell, _, _ in CELLS), ())
    assert "no finished row tells how long the rest takes" in to_text(nothing)
    whole = Status(STUDY, tuple((cell, "done", 30.0) for cell, _, _ in CELLS), ())
    assert to_text(whole).splitlines()[0] == "mine (demo, profile study): 4 of 4 done; nothing left to do (2 min spent)"
    assert [duration(s) for s in (119, 120, 7200)] == ["119 s", "2 min", "2 h 00 min"]


def test_json_holds_the_same() -> None:
    value = to_json(FOUND)
    assert value["done"] == value["stale"] == value["failed"] == value["missing"] == 1
    assert value["variants"]["k7"] == {"done": 0, "running": 0, "stale": 0, "failed": 1, "missing": 1}
    assert value["seconds_left"] == 300
    json.dumps(value)


def test_many_failures_are_counted() -> None:
    found = Status(STUDY, CELLS, tuple(f"k7, fold {i}" for i in range(8)))
    assert to_text(found).splitlines()[-1] == "  and 3 more failed"


@pytest.fixture
def looked_up(monkeypatch) -> list[str]:
    asked: list[str] = []

    def look_up(study: Study, **options) -> Status:
        asked.append(study.name)
        return FOUND

    monkeypatch.setattr(studies, "status", look_up)
    return asked


def test_the_command_takes_some_studies_or_all(looked_up) -> None:
    result = CliRunner().invoke(status, ["demo", "difficulty"])
    assert result.exit_code == 0
    assert looked_up == ["demo", "difficulty"]
    assert result.output.count("mine (demo, profile study)") == 2
    looked_up.clear()
    result = CliRunner().invoke(status, ["--json"])
    assert looked_up == studies.known_studies()
    assert len(json.loads(result.output)) == len(looked_up)


def test_unknown_studies_are_errors_of_the_user() -> None:
    result = CliRunner().invoke(status, ["dmo"])
    assert str(result.exception) == "unknown study 'dmo'; did you mean 'demo'?"
