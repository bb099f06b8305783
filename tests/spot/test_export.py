"""Weights trained for use: people who choose are not trained on, and a bare machine can do it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spotlib.bench.base import synthetic_clips
from spotlib.clip import Clip
from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind
from spotlib.params import make_params
from spotlib.rows import events_of
from spotlib.spot import export as module
from spotlib.spot.export import choose_inner, export, joined, measured_by_rows, train_weights
from spotlib.spot.weights import load_weights
from spotlib.spotting import FrameScores, SpotRule
from tests.conftest import TINY


def params(**changes):
    values = {"dim": 8, "heads": 1, "head_dim": 8, "dropout": 0.0, "epochs": 3, "steps_per_epoch": 2,
              "segments_per_batch": 2, "candidate_epochs": 1, "lr": 1e-3}  # fmt: skip
    return make_params({**TINY, **values, **changes})


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [dataclasses.replace(c, subject=f"p{i}") for i, c in enumerate(synthetic_clips(5, 1, 120))]


def test_some_people_choose_and_are_not_trained_on(clips, monkeypatch) -> None:
    groups = []
    real = module.FoldRun.__init__

    def spy(self, engine, of, *rest, **options):
        groups.append([{clip.subject for clip in group} for group in of])
        real(self, engine, of, *rest, **options)

    monkeypatch.setattr(module.FoldRun, "__init__", spy)
    weights = train_weights(clips, params(), synthetic=True, trained_on={"data sets": ["x"]}, commit="abc")
    train, inner, _ = groups[0]
    assert not train & inner
    assert train | inner == {clip.subject for clip in clips}
    assert inner == set(choose_inner([clip.subject for clip in clips], share=0.25, seed=270))
    assert weights.trained_on["people"] == len(train)
    assert weights.trained_on["data sets"] == ["x"]
    assert weights.commit == "abc"
    assert {"macro", "micro", "overall"} == set(next(iter(weights.measured.values())))


def test_the_weights_are_those_of_the_chosen_epoch(clips, monkeypatch) -> None:
    states = []
    real = module.FoldRun.drain

    def spy(self):
        real(self)
        states.append({n: v.clone() for n, v in self.engine.model.state_dict().items()})

    monkeypatch.setattr(module.FoldRun, "drain", spy)
    weights = train_weights(clips, params(), synthetic=True, half=False)
    chosen = int(weights.trained_on["epoch"].split()[0]) - 1
    for name, value in states[chosen].items():
        np.testing.assert_array_equal(weights.state[name], value.numpy())
    assert any(
        not np.array_equal(weights.state[n], v.numpy()) for n, v in states[(chosen + 1) % 3].items() if v.ndim > 1
    )


def test_same_seed_same_weights_and_a_file_with_a_card(clips, tmp_path) -> None:
    one, two = (train_weights(clips, params(), synthetic=False) for _ in range(2))
    for name, value in one.state.items():
        np.testing.assert_array_equal(value, two.state[name])
    path, text = export(one, tmp_path / "mine.safetensors")
    assert load_weights(path).rules == one.rules
    assert text.read_text(encoding="utf-8").startswith("# mine")
    assert "real people" in text.read_text(encoding="utf-8")


def test_the_least_score_can_be_set_for_few_false_alarms(clips) -> None:
    as_best = train_weights(clips, params(), synthetic=True)
    loose, strict = (train_weights(clips, params(), synthetic=True, micro_alarms=n) for n in (1e6, 0.0))
    assert loose.rules == as_best.rules
    assert loose.measured == as_best.measured
    assert strict.rules[Kind.MACRO] == as_best.rules[Kind.MACRO]
    assert strict.rules[Kind.MICRO].min_score >= as_best.rules[Kind.MICRO].min_score
    floored = train_weights(clips, params(), synthetic=True, micro_least=0.97)
    assert floored.rules[Kind.MICRO].min_score == max(0.97, as_best.rules[Kind.MICRO].min_score)
    alarms = strict.measured["false alarms per minute of the same people"]
    assert alarms["micro"] == 0
    assert alarms["macro"] == as_best.measured["false alarms per minute of the same people"]["macro"]


def test_the_count_of_false_alarms_by_hand() -> None:
    # around frame 20 a true one, then three false ones, each with a lower score
    scores = np.zeros((1800, 10), np.float32)
    for apex, height in ((20, 0.9), (60, 0.8), (100, 0.7), (140, 0.6)):
        scores[apex, 6] = height
        scores[apex - 4, 0] = scores[apex + 4, 1] = 1.0
    rule = SpotRule(k_min=2, k_max=8, threshold=0.5, max_per_video=None)
    videos = [(FrameScores(scores), 30.0, [Event(Kind.MICRO, 16, 20, 24)])]  # one minute
    for allowed, least in ((0, 0.8), (1, 0.7), (2, 0.6)):
        found = module._quiet(videos, rule, allowed)
        assert float(np.float32(least)) < found < least + 2e-6
    assert module._quiet(videos, rule, 3) == 0.0


def test_data_sets_together() -> None:
    clip = synthetic_clips(1, 1, 80)[0]
    together, first = joined([("a", [clip], params()), ("b", [clip], params(lr=0.5))])
    assert [c.subject for c in together] == [f"a/{clip.subject}", f"b/{clip.subject}"]
    assert first.lr == 1e-3
    with pytest.raises(SpotlibError, match="b: crop is samm, but cas in a; set it: -p crop="):
        joined([("a", [clip], params()), ("b", [clip], params(crop="samm"))])
    some = choose_inner([f"{s}/{i}" for s in "ab" for i in range(4)], share=0.25, seed=1)
    assert [name[0] for name in some] == ["a", "b"]


def test_bad_input(clips) -> None:
    with pytest.raises(SpotlibError, match="peak detector has no weights"):
        train_weights(clips, params(system="peaks"), synthetic=True)
    with pytest.raises(SpotlibError, match="one to train on and one to choose on"):
        train_weights(clips[:1], params(), synthetic=True)


def test_packed_rows_for_the_card(tmp_path) -> None:
    from spotlib.metrics import SpottingMetric
    from spotlib.tables.packed import pack_rows
    from tests.rows_factory import make_rows

    rows = make_rows()
    path = tmp_path / "rows.jsonl.gz"
    pack_rows(rows, path)
    name, f1 = next(iter(measured_by_rows(path).items()))
    metric = SpottingMetric()
    for number, row in enumerate(row for row in rows if row["variant"] == "spotformer" and row["status"] == "done"):
        for video in row["videos"]:
            truth, found = (events_of(video, key) for key in ("truth", "clean"))
            metric.add(video["video"], truth, found, subject=f"{number}/{video['subject']}")
    assert f1["overall"] == pytest.approx(metric.f1(), abs=1e-4)
    assert f1["micro"] == pytest.approx(metric.f1(Kind.MICRO), abs=1e-4)
    assert "people left out" in name
    with pytest.raises(SpotlibError, match="no such file of rows"):
        measured_by_rows(tmp_path / "absent.gz")
    pack_rows([row for row in rows if row["variant"] != "spotformer"], path)
    with pytest.raises(SpotlibError, match="no finished rows of SpotFormer"):
        measured_by_rows(path)


SCRIPT = """
import sys
BLOCKED = {"pydantic", "pydantic_core", "yaml", "dlib", "av", "numba", "papermill", "cv2", "pandas", "matplotlib",
           "sklearn", "seaborn", "click", "tqdm", "bs4", "safetensors", "openpyxl", "nbformat"}
sys.modules.update(dict.fromkeys(BLOCKED))
import torch
torch.set_num_threads(1)
from pathlib import Path
from spotlib.spot.export import main
main([sys.argv[1], "--out", sys.argv[2], "-p", "epochs=2", "-p", "steps_per_epoch=1"])
"""


def test_a_bundle_on_a_machine_with_nothing_else(tmp_path, tiny_results) -> None:
    from spotlib.bundle import write_bundle
    from spotlib.runner import open_run

    run = open_run("demo", overrides=TINY, results=tiny_results)
    bundle = tmp_path / "bundle"
    write_bundle(bundle, [(run, run.unit("spotformer", 0))])
    out = tmp_path / "far.safetensors"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SCRIPT, str(bundle), str(out)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    weights = load_weights(out)
    assert weights.synthetic
    assert weights.trained_on["data sets"] == ["demo (synthetic twin)"]
    assert weights.window["extractor"] == "lk"
    assert "epoch 2 of 2" in done.stdout
    with pytest.raises(SystemExit, match="fixed by the bundle"):
        module.main([str(bundle), "--out", str(out), "-p", "window=11"])
    with pytest.raises(SystemExit, match="unknown parameter"):
        module.main([str(bundle), "--out", str(out), "-p", "windo=11"])
    with pytest.raises(SystemExit, match="no unit of 'k11'"):
        module.main([str(bundle), "--out", str(out), "--variant", "k11"])
