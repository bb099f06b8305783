"""How measurements are taken and summed up."""

from __future__ import annotations

import gc
import json

import pytest

from spotlib.bench.common import against_floor, facts, in_turns, limits, ratios


def test_work_is_done_in_turns_after_a_round_that_does_not_count() -> None:
    done: list[str] = []
    clock = iter(range(100))
    seconds = in_turns(
        {"a": lambda: done.append("a"), "b": lambda: done.append("b")},
        repeats=3,
        units={"b": 4},
        clock=lambda: float(next(clock)),
    )
    assert done == ["a", "b"] * 4
    assert seconds == {"a": [1.0] * 3, "b": [0.25] * 3}
    assert ratios(seconds, "a", "b") == {"median": 4.0, "low": 4.0, "high": 4.0, "n": 3}


def test_no_garbage_is_collected_within_a_turn() -> None:
    seen: list[bool] = []
    in_turns({"a": lambda: seen.append(gc.isenabled())}, repeats=2)
    assert seen == [False] * 3
    assert gc.isenabled()


def test_facts_can_be_written_and_name_nobody() -> None:
    known = facts()
    assert json.loads(json.dumps(known)) == known
    assert known["machine"]["usable cores"] >= 1
    assert known["machine"]["processor"]
    assert {"system", "cores", "device", "processor", "usable cores", "threads"} == set(known["machine"])


def test_floor_is_the_slower_of_computing_and_reading() -> None:
    limit = {"gflop_s": 10.0, "memory_gb_s": 1.0, "cache_gb_s": 100.0}
    from_memory = against_floor(0.4, limit, operations=1e9, moved=2e8, cached=False)
    assert from_memory["floor_ms"] == pytest.approx(200)
    assert from_memory["measured_over_floor"] == pytest.approx(2)
    assert against_floor(0.4, limit, operations=1e9, moved=2e8, cached=True)["floor_ms"] == pytest.approx(100)


def test_limits_are_positive() -> None:
    measured = limits(seconds=0.02)
    assert set(measured) == {"gflop_s", "memory_gb_s", "cache_gb_s"}
    assert min(measured.values()) > 0
