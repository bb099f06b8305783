"""The workbook's one object: a Run knows its parameters and its folder, and makes what is missing.

Data flows one way: videos -> features -> fold rows -> tables and figures. Notebooks and the command line call this.
"""

from __future__ import annotations

import dataclasses
import functools
import html
import json
import os
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from spotlib import store
from spotlib.datasets.base import Dataset
from spotlib.datasets.catalogue import open_dataset
from spotlib.errors import SpotlibError
from spotlib.features_file import load_features, save_features
from spotlib.fold import run_fold
from spotlib.jobs import run_jobs
from spotlib.params import (
    DataParams,
    EvalParams,
    FeatureParams,
    ModelParams,
    Params,
    TrainParams,
    WindowParams,
    make_params,
    read_yaml,
)
from spotlib.progress import log
from spotlib.provenance import CHECKOUT, code_digest, collect, git_commit, versions
from spotlib.splits import Fold, make_folds
from spotlib.swmro import PairMotion, windows
from spotlib.training import Clip
from spotlib.variants import VARIANTS, get_variant

_FEATURE_CODE = ("spotlib.datasets.catalogue", "spotlib.swmro")
_FOLD_CODE = ("spotlib.fold", "spotlib.swmro", "spotlib.splits")


class Run:
    """One data set under one set of parameters, in ``results/<dataset>``.

    Cheap to make. :meth:`features` and :meth:`train` compute what is missing and say why; everything else reads.
    """

    def __init__(
        self,
        params: Params,
        *,
        results: Path | str | None = None,
        workers: int | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.params = params
        base = Path(results) if results else CHECKOUT / "results"
        self.folder = base / params.dataset
        self.store = store.RowStore(self.folder / "rows")
        self.workers = workers
        self.executor = executor
        self.started = time.time()

    # -- data --

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The videos and their events; nothing is rendered or read yet."""
        return open_dataset(self.params)

    @property
    def synthetic(self) -> bool:
        """True if the data set is a twin."""
        return self.dataset.synthetic

    @functools.cached_property
    def _feature_key(self) -> dict[str, Any]:
        return {
            "code": code_digest(_FEATURE_CODE),
            "params": self.params.section(FeatureParams),
            "libraries": {n: v for n, v in versions().items() if n in ("numba", "opencv-python-headless", "dlib-bin")},
        }

    def feature_path(self, index: int) -> Path:
        """Where the pair motions of video ``index`` stand, whether they exist or not."""
        video = self.dataset.videos[index]
        digest = store.digest({**self._feature_key, "data": video.digest})
        return self.folder / "features" / f"{video.name}-{digest[:12]}.npz"

    def features(self) -> list[Path]:
        """Make sure that every video has its pair motions on disk; return their paths."""
        paths = [self.feature_path(i) for i in range(len(self.dataset.videos))]
        missing = [i for i, path in enumerate(paths) if not _usable(path)]
        if missing:
            stale = sum(1 for i in missing if list(paths[i].parent.glob(f"{self.dataset.videos[i].name}-*.npz")))
            log.info(
                "features: %d of %d videos to do (%d never computed, %d under other code or parameters)",
                len(missing), len(paths), len(missing) - stale, stale,
            )  # fmt: skip
            paths[0].parent.mkdir(parents=True, exist_ok=True)
            begin = time.monotonic()
            frames = [self.dataset.videos[i].n_frames for i in missing]
            run_jobs(
                _extract_job,
                [(self.params.model_dump(mode="json"), i, str(paths[i])) for i in missing],
                desc="render and track" if self.synthetic else "track",
                unit="frames",
                weights=frames,
                workers=self.workers,
                executor=self.executor,
            )
            seconds = time.monotonic() - begin
            log.info("features: %d frames in %.0f s (%.0f frames/s)", sum(frames), seconds, sum(frames) / seconds)
            store.write_text(
                self.folder / "features" / "speed.json",
                store.canonical({"frames": sum(frames), "seconds": round(seconds, 1)}) + "\n",
            )
        return paths

    def motion(self, index: int) -> PairMotion:
        """The stored pair motions of video ``index`` (computed if missing)."""
        path = self.feature_path(index)
        if not path.exists():
            self.features()
        return load_features(path)

    # -- folds --

    @functools.cached_property
    def folds(self) -> list[Fold]:
        """The subject-wise folds, the same for all variants."""
        return make_folds(
            self.dataset.subjects,
            folds=self.params.folds,
            inner_share=self.params.inner_share,
            seed=self.params.data_seed,
        )

    def key(self, variant: str, fold: int) -> dict[str, Any]:
        """All that the row of ``variant`` and ``fold`` depends on."""
        params = get_variant(variant).apply(self.params)
        sections = (DataParams, FeatureParams, WindowParams, EvalParams)
        values = params.section(*sections, ModelParams, TrainParams)
        if params.system == "peaks":  # knows no network: its rows outlive a change of the training parameters
            values = {**params.section(*sections), "system": "peaks"}
        for name in ("bootstrap",):  # used after the rows
            values.pop(name, None)
        return {
            "code": code_digest(_FOLD_CODE, without=_FEATURE_CODE[:1]),
            "params": values,
            "data": self._data_digest,
            "subjects": store.digest(dataclasses.asdict(self.folds[fold]))[:12],
            "libraries": {name: version for name, version in versions().items() if name in ("torch", "numpy")},
            "fold": fold,
            "seed": params.seed,
        }

    @functools.cached_property
    def _data_digest(self) -> str:
        videos = [[v.subject, v.name, v.digest] for v in self.dataset.videos]
        return store.digest({"features": self._feature_key, "videos": videos})[:16]

    def train(self, *variants: str, retry_failed: bool = True) -> list[dict[str, Any]]:
        """Make sure that every fold of ``variants`` has its row; return the rows, variant by variant, fold by fold.

        A fold that fails becomes a row that says so; the others go on. Failed rows are tried again on the next call.
        """
        todo: list[tuple[str, int, str]] = []
        for variant in variants:
            for fold in self.folds:
                key = self.key(variant, fold.index)
                row = self.store.read(variant, key)
                if row is None or (retry_failed and row["status"] == "failed"):
                    todo.append((variant, fold.index, self.store.why(variant, key)))
        if todo:
            paths = [str(path) for path in self.features()]
            for variant, fold_index, why in todo:
                log.info("fold %d of %s: computed because %s", fold_index, variant, why)
            # keys travel with the jobs: whatever happens to the code meanwhile, a row says what was asked for
            values = self.params.model_dump(mode="json")
            jobs = [(values, str(self.folder.parent), v, self.key(v, fold), paths) for v, fold, _ in todo]
            run_jobs(
                _fold_job, jobs, desc="folds", unit="epochs", weights=[self.params.epochs] * len(jobs),
                workers=self.workers, executor=self.executor, on_done=self._report,
            )  # fmt: skip
        return self.rows(*variants)

    def _report(self, _: int, outcome: tuple[str, int, str]) -> None:
        variant, fold, said = outcome
        log.info("fold %d of %s: %s", fold, variant, said)

    def rows(self, *variants: str) -> list[dict[str, Any]]:
        """The rows that exist now for ``variants`` under the current parameters and code."""
        found = [self.store.read(v, self.key(v, fold.index)) for v in variants for fold in self.folds]
        return [row for row in found if row is not None]

    def scores(self, variant: str, fold: int) -> dict[str, np.ndarray]:
        """The arrays of one row: "<video>/scores" and "<video>/valid"."""
        return self.store.arrays(variant, self.key(variant, fold))

    # -- saying what it is --

    def provenance(self) -> dict[str, dict[str, Any]]:
        """What the last page of the report shows."""
        return collect(
            self.params.model_dump(mode="json"),
            **{
                "data set": self.params.dataset + (" (synthetic)" if self.synthetic else ""),
                "data digest": self._data_digest,
                "seed": self.params.seed,
                "duration": self._duration(),
            },
        )

    def _duration(self) -> str:
        """What was spent on the rows that exist now, whenever that was, and on this session."""
        rows = self.rows(*VARIANTS)
        said = [f"{len(rows)} folds in {sum(row.get('train_seconds', 0) for row in rows):.0f} s of one core"]
        try:
            speed = json.loads((self.folder / "features" / "speed.json").read_text(encoding="utf-8"))
            said.insert(0, f"last features: {speed['frames']} frames in {speed['seconds']:.0f} s")
        except (OSError, ValueError, KeyError):
            pass
        return "; ".join([*said, f"this session: {time.time() - self.started:.0f} s"])

    def __repr__(self) -> str:
        data = self.dataset
        kind = "synthetic twin" if data.synthetic else "data set"
        frames = sum(v.n_frames for v in data.videos)
        return (
            f"Run of {data.name} ({kind}): {len(data.subjects)} subjects, {len(data.videos)} videos,"
            f" {frames} frames, {len(self.folds)} folds"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


def open_run(
    dataset: str = "demo",
    *,
    params_file: str | Path | None = None,
    overrides: dict[str, Any] | None = None,
    results: str | Path | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
) -> Run:
    """A :class:`Run` from a parameter file (default ``params/<dataset>.yaml``) and single changed values."""
    path = Path(params_file) if params_file else CHECKOUT / "params" / f"{dataset}.yaml"
    if not path.is_absolute() and not path.exists():
        path = CHECKOUT / path  # notebooks run in notebooks/, the command line anywhere
    known = sorted(p.stem for p in (CHECKOUT / "params").glob("*.yaml"))
    if not params_file and not path.exists():
        raise SpotlibError(f"unknown data set {dataset!r}; known: {', '.join(known)}")
    values = read_yaml(path)
    make_params(values, where=_shown(path))  # so that an error names its true source
    params = make_params({**values, **(overrides or {})})
    if params.dataset not in known:
        raise SpotlibError(f"data set {params.dataset!r} is not ready to be run; known: {', '.join(known)}")
    return Run(params, results=results, workers=workers, executor=executor)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(CHECKOUT))
    except ValueError:
        return str(path)


# -- jobs (module level, so that any process can import them) --


@functools.lru_cache(maxsize=1)
def _run_of(values: tuple[tuple[str, Any], ...], results: str) -> Run:
    return Run(make_params(dict(values)), results=results)


def _extract_job(values: dict[str, Any], index: int, path: str, beat: Callable[[float, float], None]) -> None:
    from spotlib.flow import CropSpec
    from spotlib.swmro import extract

    run = _run_of(tuple(values.items()), "")
    video = run.dataset.videos[index]
    motion = extract(
        video,
        extractor=run.params.extractor,
        crop=CropSpec(size=run.params.crop_size),
        max_gap=run.params.max_gap,
        detect_every=run.params.detect_every,
        on_frame=beat,
    )
    save_features(Path(path), motion)


def _usable(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        load_features(path)
    except SpotlibError as error:
        log.warning("%s; computing it again", error)
        return False
    return True


def load_clips(
    run: Run, subjects: Iterable[str], params: Params, *, paths: Sequence[str | Path] | None = None
) -> list[Clip]:
    """The videos of ``subjects`` as windows under ``params``, in the data set's order.

    ``paths``: the features file of each video of the data set (default: where this run keeps them).
    """
    wanted = set(subjects)
    clips = []
    for index, video in enumerate(run.dataset.videos):
        if video.subject not in wanted:
            continue
        gathered, valid = windows(
            load_features(paths[index] if paths is not None else run.feature_path(index)),
            K=params.window,
            alignment=params.window_alignment,
            border=params.window_border,
            keep_zero_row=params.keep_zero_row,
            layout=params.nodes,
            head=params.head_motion,
            feature=params.motion,
        )
        clips.append(Clip(video.subject, video.name, video.fps, gathered, valid, tuple(video.events)))
    return clips


def _fold_job(
    values: dict[str, Any],
    results: str,
    variant: str,
    key: dict[str, Any],
    paths: Sequence[str],
    beat: Callable[[float, float], None],
) -> tuple[str, int, str]:
    run = _run_of(tuple(values.items()), results)
    params = get_variant(variant).apply(run.params)
    fold = run.folds[key["fold"]]
    head = {
        "dataset": params.dataset,
        "synthetic": run.synthetic,
        "variant": variant,
        "system": get_variant(variant).label,
        "fold": fold.index,
        "n_folds": len(run.folds),
        "seed": params.seed,
        "commit": git_commit(),
        "train_subjects": list(fold.train),
        "inner_subjects": list(fold.inner),
        "test_subjects": list(fold.test),
    }
    try:
        train, inner, test = (load_clips(run, g, params, paths=paths) for g in (fold.train, fold.inner, fold.test))
        row, arrays = run_fold(train, inner, test, params, beat=beat)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        trimmed = "".join(traceback.format_exception(error, limit=-4)).replace(str(CHECKOUT) + os.sep, "")
        run.store.write(variant, key, {**head, "status": "failed", "error": said, "traceback": trimmed})
        return variant, fold.index, f"failed ({said})"
    run.store.write(variant, key, {**head, **row}, arrays)
    return variant, fold.index, f"done in {row['train_seconds']:.0f} s"
