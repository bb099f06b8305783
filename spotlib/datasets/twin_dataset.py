"""The twins of the real data sets, as the pipeline takes them."""

from __future__ import annotations

from typing import Any

from spotlib.datasets.base import Dataset
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.sampled import annotated
from spotlib.datasets.specs import twin_spec
from spotlib.datasets.twin import TwinVideo


def twin_videos(dataset: str, *, seed: int = 0, part: str = "A", **changes: Any) -> tuple[TwinVideo, ...]:
    """The recordings of a twin: ``changes`` are fields of `TwinSpec`, None keeps the default."""
    spec = twin_spec(dataset, part).changed(**changes)
    return tuple(TwinVideo(spec, seed, s, v) for s in range(spec.subjects) for v in range(spec.n_videos(s)))


def load_twin(
    dataset: str, *, seed: int = 0, conventions: Conventions | None = None, part: str = "A", **changes: Any
) -> Dataset:
    """The twin of ``samm_lv``, ``cas_me2`` or ``cas_me3`` under some conventions; nothing is rendered yet.

    >>> twin = load_twin("samm_lv", subjects=2, videos_per_subject=1)
    >>> [video.name for video in twin.videos], round(twin.videos[0].fps, 2)
    (['006_1', '007_1'], 28.57)

    ``changes`` are fields of `TwinSpec` (``subjects``, ``videos_per_subject``, ``seconds``, ``head_rotation``,
    ``talking``, ``size``, ...), None keeps the default. Equal to what the real loader reads from the same twin written
    to disk (`layout`). Raises SpotlibError for an unknown name, part or field and for values out of range.
    """
    return annotated(twin_videos(dataset, seed=seed, part=part, **changes), dataset, conventions, part=part)
