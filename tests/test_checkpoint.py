"""A fold that is killed and goes on gives the same row as one that was never disturbed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spotlib.checkpoint import Checkpoint
from spotlib.engine import Engine
from spotlib.fold import run_fold
from spotlib.fold_run import FoldRun
from spotlib.fold_state import restore, state_of
from spotlib.material import Bank
from spotlib.params import Params
from spotlib.steps import Speed
from tests.clips import planted_clip

PARAMS = Params(
    dim=16, heads=2, head_dim=8, dropout=0.3, epochs=4, steps_per_epoch=2, segments_per_batch=2, lr=3e-3,
    evaluate_every=2, candidate_epochs=2,
)  # fmt: skip
#: of the ways to train on a CPU: in chunks (dropout), the reference by itself, another network, the GPU's formulation
WAYS = {
    "chunks": (PARAMS, None),
    "reference": (PARAMS.replace(dropout=0.0), None),
    "joint attention with dropout": (PARAMS.replace(attention="joint"), None),
    "spotgcn": (PARAMS.replace(system="spotgcn"), None),
    "packed": (PARAMS, Speed(packed=True)),
}
TIMES = ("train_seconds", "windows_per_second")


class Killed(BaseException):
    """What a signal does to a fold."""


@pytest.fixture(scope="module")
def groups():
    return [[planted_clip(f"{group}{i}", 0) for i in range(n)] for group, n in (("a", 2), ("b", 1), ("c", 1))]


@pytest.fixture
def at_every_epoch(monkeypatch):
    monkeypatch.setenv("SPOTLIB_CHECKPOINT_SECONDS", "0")


def text(row):
    return json.dumps({name: value for name, value in row.items() if name not in TIMES})


def killed_behind(epoch, groups, params, path, **options):
    """A fold that dies right behind the checkpoint of ``epoch``; where it was noted."""

    def beat(done, _):
        if done == epoch + 1:
            raise Killed

    with pytest.raises(Killed):
        run_fold(*groups, params, beat=beat, checkpoint=Checkpoint(path, key="k"), **options)
    assert path.exists()


@pytest.mark.parametrize(("way", "epoch"), [*((way, 1) for way in WAYS), ("chunks", 3)])
@pytest.mark.usefixtures("at_every_epoch")
def test_the_same_row(way, epoch, groups, tmp_path):
    params, speed = WAYS[way]
    expected, arrays = run_fold(*groups, params, speed=speed)
    path = tmp_path / "fold.checkpoint"
    killed_behind(epoch, groups, params, path, speed=speed)
    beats = []
    row, again = run_fold(
        *groups, params, speed=speed, checkpoint=Checkpoint(path, key="k"), beat=lambda done, _: beats.append(done)
    )
    assert beats == list(range(epoch + 1, PARAMS.epochs + 1))  # what was done is not done again
    assert text(row) == text(expected)
    assert arrays.keys() == again.keys()
    for name, array in arrays.items():
        assert array.tobytes() == again[name].tobytes()


@pytest.mark.usefixtures("at_every_epoch")
def test_killed_twice(groups, tmp_path):
    expected, _ = run_fold(*groups, PARAMS)
    path = tmp_path / "fold.checkpoint"
    killed_behind(1, groups, PARAMS, path)
    killed_behind(2, groups, PARAMS, path)
    row, _ = run_fold(*groups, PARAMS, checkpoint=Checkpoint(path, key="k"))
    assert text(row) == text(expected)


def test_epochs_that_a_gpu_is_ahead_of_are_taken_in_first(groups):
    """The way of a GPU, on a CPU: epochs enqueued and not taken in yet when the state is asked for."""
    clips = [clip for group in groups for clip in group]
    import torch

    def fresh():
        engine = Engine(Bank(clips, device=torch.device("cpu")), PARAMS, speed=Speed(packed=True))
        return FoldRun(engine, tuple(groups), PARAMS, later=True)

    def finish(fold):
        while fold.enqueued < PARAMS.epochs:
            fold.enqueue()
        fold.drain()
        return fold.row()[0]

    expected = finish(fresh())
    first, second = fresh(), fresh()
    for _ in range(3):
        first.enqueue()
    first.take()
    state = state_of(first)
    restore(second, state)
    assert len(second.curves) == 3
    assert text(finish(second)) == text(expected)
    assert text(finish(first)) == text(expected)  # asking changes nothing


@pytest.mark.usefixtures("at_every_epoch")
def test_a_damaged_one_is_told_and_ignored(groups, tmp_path, log):
    expected, _ = run_fold(*groups, PARAMS)
    path = tmp_path / "fold.checkpoint"
    killed_behind(1, groups, PARAMS, path)
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 4
    path.write_bytes(blob)
    row, _ = run_fold(*groups, PARAMS, checkpoint=Checkpoint(path, key="k", name="fold 0 of v"))
    assert text(row) == text(expected)
    assert "fold 0 of v: its checkpoint is not used, the fold begins anew" in log.text
    assert "damaged (checksum)" in log.text


@pytest.mark.parametrize(
    ("change", "said"), [({"key": "other"}, "it is of another fold"), ({"threads": 2}, "made with another threads")]
)
@pytest.mark.usefixtures("at_every_epoch")
def test_one_of_another_fold_or_machine_is_ignored(groups, tmp_path, log, change, said):
    path = tmp_path / "fold.checkpoint"
    killed_behind(2, groups, PARAMS, path)
    beats = []
    run_fold(
        *groups,
        PARAMS,
        threads=change.get("threads"),
        checkpoint=Checkpoint(path, key=change.get("key", "k")),
        beat=lambda done, _: beats.append(done),
    )
    assert beats[0] == 1
    assert said in log.text


@pytest.mark.usefixtures("at_every_epoch")
def test_one_of_another_network_is_ignored(groups, tmp_path, log):
    path = tmp_path / "fold.checkpoint"
    killed_behind(2, groups, PARAMS, path)
    row, _ = run_fold(*groups, PARAMS.replace(dim=32), checkpoint=Checkpoint(path, key="k"))
    assert "begins anew: the checkpoint does not fit (ValueError: the state of another network)" in log.text
    assert text(row) == text(run_fold(*groups, PARAMS.replace(dim=32))[0])


@pytest.mark.usefixtures("at_every_epoch")
def test_a_folder_that_cannot_be_written_is_told_only(groups, tmp_path, log):
    (tmp_path / "f").write_text("")
    row, _ = run_fold(*groups, PARAMS, checkpoint=Checkpoint(tmp_path / "f" / "c", key="k"))
    assert text(row) == text(run_fold(*groups, PARAMS)[0])
    assert "goes on without a checkpoint" in log.text


def test_a_short_fold_writes_none(groups, tmp_path, monkeypatch):
    monkeypatch.delenv("SPOTLIB_CHECKPOINT_SECONDS", raising=False)
    path = tmp_path / "fold.checkpoint"
    run_fold(*groups, PARAMS, checkpoint=Checkpoint(path, key="k"))
    assert not path.exists()


def test_a_slow_disk_makes_them_rarer(tmp_path, monkeypatch):
    monkeypatch.delenv("SPOTLIB_CHECKPOINT_SECONDS", raising=False)
    now = [100.0]
    monkeypatch.setattr("spotlib.checkpoint.time.monotonic", lambda: now[0])

    def slow(*_):
        now[0] += 3  # seconds

    monkeypatch.setattr("spotlib.checkpoint.write_tensors", slow)
    checkpoint = Checkpoint(tmp_path / "c", key="k")
    now[0] += 19
    assert not checkpoint.due()
    now[0] += 1
    assert checkpoint.due()
    checkpoint.save(({}, {}), where={})
    now[0] += 299
    assert not checkpoint.due()  # 3 s are 1 % of 300 s
    now[0] += 1
    assert checkpoint.due()


def test_the_time_of_earlier_attempts_counts(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "c", key="k")
    checkpoint.save(({"a": np.zeros(2)}, {"x": 1}), where={"w": (1, 2)}, seconds=40)
    again = Checkpoint(tmp_path / "c", key="k")
    arrays, values = again.load(where={"w": (1, 2)})
    assert (arrays["a"] == 0).all()
    assert values == {"x": 1}
    assert again.earlier == 40
    again.remove()
    again.remove()  # gone already
    assert not (tmp_path / "c").exists()


def test_a_fold_without_checkpoint_asks_for_nothing(groups, monkeypatch):
    monkeypatch.setattr("spotlib.fold_state.state_of", lambda fold: pytest.fail("asked"))
    run_fold(*groups, PARAMS)
