"""The workbook's one object: a Run knows its parameters and its folder, and makes what is missing.

Data flows one way: videos -> features -> fold rows -> tables and figures. Notebooks and the command line call this.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import html
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from spotlib import compiled, store
from spotlib.claims import BUSY, claim, wait_for
from spotlib.clip import Clip
from spotlib.datasets.base import Dataset, Video
from spotlib.datasets.catalogue import OWN, REAL, conventions, open_dataset
from spotlib.datasets.conventions import RELEVANT
from spotlib.datasets.nearby import MARKER
from spotlib.errors import ReadError, SpotlibError
from spotlib.features_file import load_features, save_features
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
from spotlib.swmro import PairMotion, gather, relative_motion
from spotlib.units import FOLD_CODE, Unit, window_options
from spotlib.variants import VARIANTS, get_variant

# what gives pictures, by where they come from; the annotation's interpretation changes no feature
_PICTURES = {
    "demo": "spotlib.datasets.twin",
    "twin": "spotlib.datasets.sampled",
    "real": "spotlib.datasets.folder",
    "own": "spotlib.video",
}
_FEATURE_CODE = "spotlib.swmro"
_CONVENTIONS = ("part", "sampling", "unknown_onset", "unknown_apex", "missing_offset", "max_micro", "max_macro")
# parameters of the data that only the twins have
_TWIN_ONLY = ("videos_per_subject", "video_seconds", "head_rotation", "talking", "motion_size", "noise")


class Run:
    """One data set under one set of parameters, in ``results/<dataset>`` (``results/<dataset>_twin`` for a twin).

    Cheap to make. :meth:`features` and :meth:`train` compute what is missing and say why; everything else reads.

    Args:
        params: what the results depend on.
        root: folder of the real data set; None: its twin.
        annotations: an annotation table to use instead of the one under ``root``.
        profile: name of the profile that is in ``params``, to be named beside results.
        results: where results go (default: ``results/`` of the checkout).
        workers: processes; None: one per core.
        executor: where jobs run instead of on processes of this machine.
        device: what trains networks: "auto" (every GPU there is, or else the CPU), "cpu", "cuda", "cuda:0".
        retry_failed: whether folds that failed before are tried again.
    """

    def __init__(
        self,
        params: Params,
        *,
        root: Path | str | None = None,
        annotations: Path | str | None = None,
        profile: str = "",
        results: Path | str | None = None,
        workers: int | None = None,
        executor: Executor | None = None,
        device: str = "auto",
        retry_failed: bool = True,
    ) -> None:
        self.params = params
        self.profile = profile
        self.root = Path(root).absolute() if root else None
        self.annotations = Path(annotations).absolute() if annotations else None
        base = Path(results) if results else CHECKOUT / "results"
        twin = (self.root is None or (self.root / MARKER).is_file()) and params.dataset in REAL
        self.folder = base / (f"{params.dataset}_twin" if twin else params.dataset)
        self.store = store.RowStore(self.folder / "rows")
        self.workers = workers
        self.executor = executor
        self.device = device
        self.retry_failed = retry_failed
        self.started = time.time()

    def changed(self, **values: Any) -> Run:
        """The same run with other parameters; what they do not touch is not looked for again."""
        other = Run(
            self.params.replace(**values),
            root=self.root,
            annotations=self.annotations,
            profile=self.profile,
            results=self.folder.parent,
            workers=self.workers,
            executor=self.executor,
            device=self.device,
            retry_failed=self.retry_failed,
        )
        if other.params.section(DataParams) == self.params.section(DataParams):
            other.__dict__["dataset"] = self.dataset
        return other

    # -- data --

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The videos and their events; nothing is rendered or read yet."""
        return open_dataset(self.params, root=self.root, annotations=self.annotations)

    @property
    def videos(self) -> Sequence[Video]:
        """The videos of the data set."""
        return self.dataset.videos

    @property
    def synthetic(self) -> bool:
        """True if the data set is a twin."""
        return self.dataset.synthetic

    @property
    def _origin(self) -> str:
        if self.params.dataset in ("demo", OWN):
            return self.params.dataset
        return "twin" if self.root is None else "real"

    @property
    def convention(self) -> str:
        """The parameters that decide what counts as truth here, in words; empty where there are none."""
        if self.params.dataset not in REAL:
            return ""
        part = [f"part = {self.params.part}"] if self.params.dataset == "cas_me3" else []
        return ", ".join([*part, conventions(self.params).describe(self.params.dataset)])

    @functools.cached_property
    def _feature_key(self) -> dict[str, Any]:
        return {
            "code": code_digest((_PICTURES[self._origin], _FEATURE_CODE)),
            "params": self.params.section(FeatureParams),
            "libraries": {n: v for n, v in versions().items() if n in ("numba", "opencv-python-headless", "dlib-bin")},
        }

    def feature_path(self, index: int) -> Path:
        """Where the pair motions of video ``index`` stand, whether they exist or not."""
        video = self.dataset.videos[index]
        digest = store.digest({**self._feature_key, "data": video.digest})
        return self.folder / "features" / f"{_file_name(video.name)}-{digest[:12]}.npz"

    def features(self) -> list[Path]:
        """Make sure that every video has its pair motions on disk; return their paths."""
        paths = [self.feature_path(i) for i in range(len(self.dataset.videos))]
        missing = [i for i, path in enumerate(paths) if not _usable(path)]
        missing.sort(key=lambda i: -self.dataset.videos[i].n_frames)  # so that no core waits for one that began late
        if missing:
            stale = sum(1 for i in missing if list(paths[i].parent.glob(f"{glob.escape(paths[i].stem[:-12])}*.npz")))
            log.info(
                "features: %d of %d videos to do (%d never computed, %d under other code or parameters)",
                len(missing), len(paths), len(missing) - stale, stale,
            )  # fmt: skip
            paths[0].parent.mkdir(parents=True, exist_ok=True)
            begin = time.monotonic()
            frames = [self.dataset.videos[i].n_frames for i in missing]
            shared = not self.root and self.params.extractor == "lk"  # both rendering and tracking are compiled
            outcomes = run_jobs(
                _extract_job,
                [(*self.recipe(), i, str(paths[i]), shared and at % 2 == 1) for at, i in enumerate(missing)],
                desc="track" if self.root else "render and track",
                unit="frames",
                weights=frames,
                workers=self.workers,
                executor=self.executor,
            )
            left = [paths[i] for i, outcome in zip(missing, outcomes, strict=True) if outcome == BUSY]
            if left:  # another run on this folder is at them
                wait_for(left)
                return self.features()
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

    def relative(self, index: int, head: str, layout: str) -> np.ndarray:
        """Pair motions (T, G+1, V, 2) of video ``index``, head motion removed (see `spotlib.swmro.relative_motion`)."""
        return relative_motion(self.motion(index), head=head, layout=layout)  # type: ignore[arg-type]

    # -- folds --

    @functools.cached_property
    def folds(self) -> list[Fold]:
        """The subject-wise folds, the same for all variants; no more of them than there are people."""
        people = self.dataset.subjects
        folds = min(self.params.folds, len(people))
        if folds < self.params.folds:
            log.info(
                "%d folds were asked for, but there are %d people: each is left out once", self.params.folds, folds
            )
        return make_folds(
            people,
            folds=folds,
            inner_share=self.params.inner_share,
            seed=self.params.data_seed,
        )

    def key(self, variant: str, fold: int) -> dict[str, Any]:
        """All that the row of ``variant`` and ``fold`` depends on."""
        known = self._keys.get(variant)
        if known is None:  # a study has a thousand folds of some variants
            known = self._keys[variant] = self._key_of(variant)
        return {**known, "params": dict(known["params"]), "subjects": self._subjects[fold], "fold": fold}

    @functools.cached_property
    def _subjects(self) -> list[str]:
        """Digest of who is on which side, by fold."""
        return [store.digest(dataclasses.asdict(fold))[:12] for fold in self.folds]

    @functools.cached_property
    def _keys(self) -> dict[str, dict[str, Any]]:
        return {}

    def _key_of(self, variant: str) -> dict[str, Any]:
        """What the rows of ``variant`` have in common."""
        params = get_variant(variant).apply(self.params)
        sections = (DataParams, FeatureParams, WindowParams, EvalParams)
        values = params.section(*sections, ModelParams, TrainParams)
        if params.system == "peaks":  # knows no network: its rows outlive a change of the training parameters
            values = {**params.section(*sections), "system": "peaks"}
        for name in ("bootstrap", *self._without_effect()):  # used after the rows, or not at all
            values.pop(name, None)
        return {
            "code": code_digest(FOLD_CODE),
            "params": values,
            "data": self._data_digest,
            "seed": params.seed,
        }

    def _without_effect(self) -> list[str]:
        """Parameters of the data that change nothing here: another data set's conventions, a twin's knobs."""
        if self.params.dataset == "demo":
            return list(_CONVENTIONS)
        relevant = RELEVANT.get(self.params.dataset, ())
        return [name for name in _CONVENTIONS if name not in relevant] + list(_TWIN_ONLY if self.root else ())

    def recipe(self) -> tuple[dict[str, Any], str, str, str]:
        """What another process needs to make this Run again."""
        where = (str(self.folder.parent), str(self.root or ""), str(self.annotations or ""))
        return (self.params.model_dump(mode="json"), *where)

    @functools.cached_property
    def _data_digest(self) -> str:
        videos = [
            [v.subject, v.name, v.digest, [[str(e.kind), e.onset, e.apex, e.offset, e.reachable] for e in v.events]]
            for v in self.dataset.videos
        ]
        return store.digest({"features": self._feature_key, "videos": videos})[:16]

    def train(self, *variants: str, retry_failed: bool | None = None) -> list[dict[str, Any]]:
        """Make sure that every fold of ``variants`` has its row; return the rows, variant by variant, fold by fold.

        A fold that fails becomes a row that says so; the others go on. Failed rows are tried again on the next call,
        unless ``retry_failed`` (None: as this run was made) says otherwise.
        """
        from spotlib.training_jobs import train_all

        train_all([(self, variants)], retry_failed=retry_failed)
        return self.rows(*variants)

    def missing(self, *variants: str, retry_failed: bool = True) -> list[Unit]:
        """The folds of ``variants`` that have no row yet, or (``retry_failed``) one that says it failed."""
        todo = []
        for variant in variants:
            for fold in self.folds:
                name = get_variant(variant).name  # of a composition, whatever the order it was written in
                key = self.key(name, fold.index)
                row = self.store.read(name, key)
                if row is None or (retry_failed and row["status"] == "failed"):
                    todo.append(self.unit(name, fold.index, key=key))
        return todo

    @functools.cached_property
    def _commit(self) -> str:
        return git_commit()

    def unit(self, variant: str, fold: int, *, key: dict[str, Any] | None = None) -> Unit:
        """Fold ``fold`` of ``variant`` as a piece of work; ``key``: what was asked for, if that was decided before."""
        variant = get_variant(variant).name  # of a composition, whatever the order it was written in
        params = get_variant(variant).apply(self.params)
        head = {
            "dataset": params.dataset,
            "synthetic": self.synthetic,
            "variant": variant,
            "system": get_variant(variant).label,
            "fold": fold,
            "n_folds": len(self.folds),
            "seed": params.seed,
            "commit": self._commit,
        }
        return Unit(variant, key or self.key(variant, fold), params, self.folds[fold], head)

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
                "ground truth": self.convention or "as annotated",
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
    profile: str | None = None,
    overrides: dict[str, Any] | None = None,
    root: str | Path | None = None,
    annotations: str | Path | None = None,
    results: str | Path | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    device: str = "auto",
    retry_failed: bool = True,
) -> Run:
    """A :class:`Run` from a parameter file, a profile over it, and single values over both.

    The file is by default ``params/<dataset>.yaml``; ``profile`` names one of ``params/profiles/``. The rest as for
    :class:`Run`. Raises SpotlibError, in one line, for whatever does not fit.
    """
    path = Path(params_file) if params_file else CHECKOUT / "params" / f"{dataset}.yaml"
    if not path.is_absolute() and not path.exists():
        path = CHECKOUT / path  # notebooks run in notebooks/, the command line anywhere
    known = sorted(p.stem for p in (CHECKOUT / "params").glob("*.yaml"))
    if not params_file and not path.exists():
        raise SpotlibError(f"unknown data set {dataset!r}; known: {', '.join(known)}")
    values = read_yaml(path)
    make_params(values, where=_shown(path))  # so that an error names its true source
    if profile:
        from spotlib.studies import read_profile

        values = {**values, **read_profile(profile)}
        make_params(values, where=f"profile {profile}")
    params = make_params({**values, **(overrides or {})})
    if root and not Path(root).is_dir():
        raise SpotlibError(f"--root {root}: no such folder; give the folder of the unpacked data set")
    return Run(
        params,
        root=root,
        annotations=annotations,
        profile=profile or "",
        results=results,
        workers=workers,
        executor=executor,
        device=device,
        retry_failed=retry_failed,
    )


def _file_name(name: str) -> str:
    """``name`` with what a file system may not like replaced; different names stay different."""
    safe = re.sub(r"[^\w.-]", "_", name)[:80].encode()[:150].decode(errors="ignore")  # a name has at most 255 bytes
    return safe if safe == name else f"{safe}-{store.digest(name)[:6]}"


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(CHECKOUT))
    except ValueError:
        return str(path)


# -- jobs (module level, so that any process can import them) --


@functools.lru_cache(maxsize=1)
def _run_of(values: str, results: str, root: str, annotations: str) -> Run:
    return Run(make_params(json.loads(values)), results=results, root=root or None, annotations=annotations or None)


def remade(values: dict[str, Any], *where: str) -> Run:
    """The Run whose :meth:`Run.recipe` this is, in another process."""
    return _run_of(json.dumps(values, sort_keys=True), *where)


def _extract_job(
    values: dict[str, Any],
    results: str,
    root: str,
    annotations: str,
    index: int,
    path: str,
    tracking_first: bool,
    beat: Callable[[float, float], None],
) -> str:
    if tracking_first:  # while the process beside this one compiles what renders
        compiled.tracking()
    with claim(Path(path)) as mine:
        if not mine:
            return BUSY
        if not _usable(Path(path)):  # or else another run has made them since
            _extract(remade(values, results, root, annotations), index, Path(path), beat)
        return "done"


def _extract(run: Run, index: int, path: Path, beat: Callable[[float, float], None]) -> None:
    from spotlib.flow import CROPS
    from spotlib.swmro import PairMotion, extract

    params, video = run.params, run.dataset.videos[index]
    crop = CROPS[params.crop]
    try:
        motion = extract(
            video,
            extractor=params.extractor,
            crop=crop,
            max_gap=params.max_gap,
            detect_every=params.detect_every,
            face="largest",  # annotated data sets film one person; a second face is a picture on the wall
            on_frame=beat,
        )
    except ReadError:  # says nothing about the video, and must not be remembered
        raise
    except SpotlibError as error:
        # a video without a face stays in the data set: its events count as missed, and the tracking table shows it
        log.warning("%s; nothing can be spotted in it", error)
        motion = PairMotion.blank(
            video.n_frames,
            extractor=params.extractor,
            fps=video.fps,
            crop=crop,
            max_gap=params.max_gap,
            name=video.name,
        )
    # half: what trains here and what travels to another machine is the same to the bit
    save_features(path, motion, half=True)


def _usable(path: Path) -> bool:
    """Whether ``path`` holds features; read once per process, unless the file has changed."""
    try:
        state = path.stat()
    except OSError:
        return False
    return _read_through(path, state.st_mtime_ns, state.st_size)


@functools.cache
def _read_through(path: Path, changed: int, size: int) -> bool:
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
        motion = load_features(paths[index] if paths is not None else run.feature_path(index))
        relative = relative_motion(motion, layout=params.nodes, head=params.head_motion)
        gathered, valid = gather(relative, **window_options(params), name=video.name)
        clips.append(Clip(video.subject, video.name, video.fps, gathered, valid, tuple(video.events)))
    return clips
