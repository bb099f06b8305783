"""From parameters to a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spotlib.datasets.base import Dataset

if TYPE_CHECKING:
    from spotlib.params import Params


def open_dataset(params: Params) -> Dataset:
    """The data set that ``params`` name; nothing is rendered or read yet.

    Raises SpotlibError for an unknown name, with the nearest known one.
    """
    from spotlib.datasets.twin import make_twin

    return make_twin(
        params.dataset,
        seed=params.data_seed,
        subjects=params.subjects,
        videos_per_subject=params.videos_per_subject,
        seconds=params.video_seconds,
        head_rotation=params.head_rotation,
        talking=params.talking,
    )
