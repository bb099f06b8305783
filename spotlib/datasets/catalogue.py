"""From parameters to a data set: the real one where a root is given, else its twin."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from spotlib.datasets.base import Dataset
from spotlib.datasets.conventions import Conventions
from spotlib.errors import SpotlibError
from spotlib.progress import log

if TYPE_CHECKING:
    from spotlib.params import Params

#: data sets that are distributed, each with a twin of the same name
REAL = ("samm_lv", "cas_me2", "cas_me3")
#: the user's own annotated videos; no twin
OWN = "own"
NAMES = ("demo", *REAL, OWN)


def conventions(params: Params) -> Conventions:
    """What ``params`` say about the ground truth."""
    names = Conventions.__dataclass_fields__
    return Conventions(**{name: value for name, value in params.model_dump().items() if name in names})


def open_dataset(params: Params, *, root: Path | str | None = None, annotations: Path | str | None = None) -> Dataset:
    """The data set that ``params`` name; no picture is rendered or read yet.

    ``root``: the folder of the real data set; None: its synthetic twin. ``annotations``: a table to use instead of the
    one found under the root. Findings of the loader are logged, one line a kind; ``spotlib doctor`` lists them all.
    Raises SpotlibError for an unknown name, with the nearest known one, and for a root that does not hold the data set.
    """
    name = params.dataset
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(NAMES)}"
        raise SpotlibError(f"unknown data set {name!r}; {hint}")
    if root is None:
        if annotations is not None:
            raise SpotlibError("annotations without a root: say with --root where the pictures are")
        return _twin(params)
    dataset = _load(params, Path(root), Path(annotations) if annotations else None)
    if params.subjects is None:
        return dataset
    chosen = dataset.subjects[: params.subjects]
    return Dataset(dataset.name, dataset.synthetic, dataset.of(chosen))


def _twin(params: Params) -> Dataset:
    if params.dataset == OWN:
        raise SpotlibError("data set 'own' is your own folder; say with --root where it is")
    changes = {
        "subjects": params.subjects,
        "videos_per_subject": params.videos_per_subject,
        "seconds": params.video_seconds,
        "head_rotation": params.head_rotation,
        "talking": params.talking,
        "motion_size": params.motion_size,
        "noise": params.noise,
    }
    if params.dataset == "demo":
        from spotlib.datasets.twin import make_twin

        return make_twin("demo", seed=params.data_seed, **changes)
    from spotlib.datasets.twin_dataset import load_twin

    return load_twin(
        params.dataset, seed=params.data_seed, conventions=conventions(params), part=params.part, **changes
    )


def _load(params: Params, root: Path, annotations: Path | None) -> Dataset:
    chosen = conventions(params)
    if params.dataset == "demo":
        raise SpotlibError(f"--root {root}: the demo is rendered; give samm_lv, cas_me2, cas_me3 or own with a root")
    if params.dataset == "samm_lv":
        from spotlib.datasets.samm_lv import load
    elif params.dataset == "cas_me2":
        from spotlib.datasets.cas_me2 import load
    elif params.dataset == "cas_me3":
        from spotlib.datasets.cas_me3 import load
    else:
        from spotlib.datasets.own import load as load  # type: ignore[assignment]
    dataset, findings = load(root, chosen, part=params.part, annotations=annotations)
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        if finding.severity != "note":
            kinds.setdefault(finding.what, []).append(str(finding))
    for what, found in kinds.items():
        log.warning("%s: %d, the first: %s; `spotlib doctor %s` lists them", what, len(found), found[0], params.dataset)
    return dataset
