"""Tables are made of measurements alone, and the page in docs holds what its committed measurements say."""

from __future__ import annotations

import re

import pytest

from spotlib.bench.common import FEWER_CHOOSE
from spotlib.bench.results import Measured, read
from spotlib.bench.table import fill, tables
from spotlib.bench.targets import best_loso, fastest, gpu_ways, targets
from spotlib.errors import SpotlibError
from spotlib.figures.growth import growth_figures
from spotlib.provenance import CHECKOUT

DOCS = CHECKOUT / "docs"
FILES = sorted((DOCS / "performance").glob("*.json"))


def one(median, low=None, high=None):
    return {"median": median, "low": low or median, "high": high or median, "n": 3}


def known(device="cpu", **results):
    run = {
        "machine": {"system": "Linux", "cores": "2", "device": device}, "versions": {"numpy": "2.0"},
        "commit": "abc", "quick": False, "date": "2026-01-01", "spread": "lowest and highest",
    }  # fmt: skip
    parts = {part: {name: {"run": 0, "found": f} for name, f in of.items()} for part, of in results.items()}
    return Measured([{"runs": [run], "results": parts}])


def way(ms, *, deterministic=True, last=0.7):
    return {
        "speed": {"deterministic": deterministic}, "notes": [], "ready_seconds": 50.0, "memory_gb": 1.4,
        "loss_every_10_steps": [2.5, 1.0, last], "ms_per_step": one(ms), "evaluation_ms_per_512_windows": one(1.0),
        "floor": {"floor_ms": 2.0},
    }  # fmt: skip


def test_nothing_measured_is_a_dash():
    lines = targets(known()).splitlines()[2:]
    assert len(lines) == 9
    assert {line.split(" | ")[3] for line in lines} == {"–"}
    assert set(tables(known())) == {"targets", "runs"}


def test_a_target_with_its_reference_and_floor():
    found = {
        "dim": 256, "threads": 2, "ms_per_window": {"reference": one(2.9), "fast": one(1.7, 1.6, 1.8)},
        "largest_difference": 3e-7, "floor": {"gflop": 0.326, "products_ms": 1.0},
    }  # fmt: skip
    files = known(model={"evaluation, 2 threads": found})
    row = next(line for line in targets(files).splitlines() if "batches of 64" in line)
    assert row.endswith("| 2.90 ms | 3.7 ms, outputs equal to 1e-5 | 1.70 ms (1.60 to 1.80); largest difference of the"
                        " outputs 3.0e-07 | 1.00 ms | 1.7 |")  # fmt: skip
    assert "1.71 | 3.0e-07" in tables(files)["network"]


def test_accuracy_stands_beside_speed():
    def errors(mean):
        return {
            "by size": {"micro": {"mean": mean, "p95": 1.0, "n": 5}},
            "by gap": {"1": {"mean": 0.1, "p95": 1, "n": 5}},
        }

    extractors = {
        "ms a frame": {"lk": one(2.0)}, "frames a second": {"farneback": one(3.0), "lk": one(500.0)},
        "times as fast as farneback": one(170.0), "times as fast as farneback on regions": one(50.0),
        "floor": {"floor_ms": 1.0, "measured_ms": 2.0},
    }  # fmt: skip
    accuracy = {"seeds": [7], "farneback": errors(0.2), "farneback on regions": errors(0.2), "lk": errors(0.3)}
    text = targets(known(features={"extractors": extractors, "end-point error, px": accuracy}))
    assert "170 times: 500 frames/s; error not above in 1 of 2 sizes and gaps" in text


def test_ways_on_a_gpu():
    ways = {
        "fast": way(4.0),
        "faster": way(3.0, deterministic=False),
        "reference": way(30.0, last=0.71),
        "bad": "failed",
    }
    files = known("NVIDIA H100", train={"ways": {"ways": ways}})
    assert "bad" not in gpu_ways(files)
    assert fastest(gpu_ways(files)) == "fast"
    text = targets(files)
    assert (
        "4.00 ms, fast; loss in the second half of the curve 0.8500, of the reference 0.8550 | 2.00 ms | 2.0 |" in text
    )
    assert "73.5 min for its steps alone |" in text  # 147,000 steps of 30 ms
    assert "4.90 min for the steps alone |" in text
    assert gpu_ways(known("cpu", train={"ways": {"ways": ways}})) == {}


def test_the_loss_of_several_seeds_stands_beside_that_of_the_first():
    ways = {"fast": way(4.0, last=0.8), "reference": way(30.0, last=0.7)}
    ways["fast"]["late_loss_by_seed"] = {"270": 0.9, "271": 0.85}
    text = targets(known("H100", train={"ways": {"ways": ways}}))
    assert "second half of the curve 0.8750 (mean of 2 seeds, 0.8500 to 0.9000), of the reference 0.8500" in text
    lines = tables(known("H100", train={"ways": {"ways": ways}}))["ways"].splitlines()
    assert lines[-2].endswith("| 0.8000 | 0.8750 (0.9000, 0.8500) |")


def test_the_cost_of_determinism_on_a_gpu_is_that_of_two_ways_by_turns():
    ways = {"fast": way(4.03), "fast, not deterministic": way(3.91, deterministic=False), "reference": way(30.0)}
    repeat = {"same_weights": True}
    line = tables(known("H100", train={"ways": {"ways": ways}, "repeat": repeat}))["determinism"].splitlines()[-1]
    assert line == "| GPU | yes | – | 4.03 ms | 3.91 ms |"
    del ways["fast, not deterministic"]
    assert tables(known("H100", train={"ways": {"ways": ways}, "repeat": repeat}))["determinism"].endswith("| – | – |")
    measured = {"seconds": {"on": one(5e-3), "off": one(4e-3)}}  # the part of its own comes first
    line = tables(known("H100", train={"ways": {"ways": ways}, "determinism": measured}))["determinism"]
    assert line.splitlines()[-1] == "| GPU | – | – | 5.00 ms | 4.00 ms |"


def test_an_extrapolation_says_so_and_yields_to_the_whole():
    few = {"whole": False, "folds": 4, "epochs": 6, "at_once": 3, "minutes": one(8.0), "ready_seconds": 80.4}
    measured = {"rows": 16, "reference_ms_per_step": one(30.0), "floor": {"floor_ms": 2.0}}
    whole = {**few, "whole": True, "at_once": 2, "minutes": one(9.0), **measured}
    files = known("H100", train={"loso, 3 at once": few})
    text = targets(files)
    assert "8.00 min, 3 folds at once, extrapolated from 4 folds of 6 epochs, after 80 s of getting ready" in text
    assert "getting ready (9.34 min in all) |" in text
    files = known("H100", train={"loso, 3 at once": few, "loso, 2 at once": whole})
    assert best_loso(files) == whole
    text = targets(files)
    assert "9.00 min, 2 folds at once, after 80 s of getting ready (10.3 min in all) |" in text
    assert "25,000 windows of 16 frames" in text
    assert "73.5 min for its steps alone" in text  # 147,000 steps of 30 ms
    assert "4.90 min for the steps alone" in text


def test_leave_one_subject_out_with_fewer_subjects_to_choose_on_stands_beside_it():
    usual = {"whole": True, "folds": 30, "epochs": 100, "at_once": 6, "minutes": one(9.0), "ready_seconds": 60.0}
    usual["scored_subjects"] = 9
    fewer = {**usual, "minutes": one(7.5), "ready_seconds": 30.0, "scored_subjects": 2}
    files = known("H100", train={"loso, 6 at once": usual, f"{FEWER_CHOOSE}, 6 at once": fewer})
    assert (
        "9.00 min, 6 folds at once, after 60 s of getting ready (10.0 min in all); 7.50 min, 6 folds at once,"
        " after 30 s of getting ready (8.00 min in all), with 2 subjects scored after each epoch instead of 9 |"
    ) in targets(files)
    extrapolated = {**fewer, "whole": False, "folds": 3, "epochs": 6}
    few = known("H100", train={"loso, 6 at once": usual, f"{FEWER_CHOOSE}, 6 at once": extrapolated})
    assert "7.50 min, 6 folds at once, extrapolated from 3 folds of 6 epochs, after 30 s" in targets(few)
    assert tables(files)["folds"].splitlines()[2:] == [
        "| leave-one-subject-out, folds at once: 6, 9 subjects scored after each epoch | 9.00 min | all of it |",
        "| leave-one-subject-out, folds at once: 6, 2 subjects scored after each epoch | 7.50 min | all of it |",
    ]


def test_a_quick_run_is_told():
    files = known(model={"rates, 2 threads": {}})
    files.files[0]["runs"][0]["quick"] = True
    assert targets(files).endswith("not how fast anything is: model.**")


def test_only_named_tables_are_replaced():
    page = "a\n<!-- table: runs -->\nold\n<!-- end -->\nb"
    assert fill(page, {"runs": "new", "other": "x"}) == "a\n<!-- table: runs -->\n\nnew\n\n<!-- end -->\nb"
    with pytest.raises(SpotlibError, match="'runs'"):
        fill(page, {})


def test_the_page_is_what_the_committed_measurements_say():
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    made = tables(Measured(map(read, FILES)))
    assert re.findall(r"<!-- table: (\w+) -->", page)[:1] == ["targets"]
    assert set(re.findall(r"<!-- table: (\w+) -->", page)) == set(made)
    assert fill(page, made) == page


def test_the_page_shows_every_plot():
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"!\[([^\]]+)\]\(performance/([\w-]+)\.png\)", page))
    assert sorted(shown.values()) == sorted(figure.name for figure in growth_figures(Measured(map(read, FILES))))
    for alt, name in shown.items():
        assert len(alt) > 20
        assert 0 < (DOCS / "performance" / f"{name}.png").stat().st_size < 100_000
