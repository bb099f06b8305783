"""A short rendered clip for those who have no video at hand: one person of the demo twin, with known expressions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spotlib.errors import SpotlibError
from spotlib.intervals import Event, Kind
from spotlib.store import atomic
from spotlib.tables import SYNTHETIC

_LEAD = 2.5  # s before the first micro-expression
_SEED = 7


def own_or_example(video: str | Path, folder: str | Path, *, seconds: float = 14.0) -> Path:
    """``video`` if one is named, else a rendered clip in ``folder``, made unless it is there.

    Args:
        video: a file or folder of pictures; "" for none.
        folder: where the clip goes.
        seconds: length of the clip, 1 to 20.

    Raises:
        SpotlibError: if the video is not there, or for another length.
    """
    if str(video):
        if not Path(video).exists():
            raise SpotlibError(f"{video}: no such file or folder; check the name")
        return Path(video)
    path = Path(folder) / f"example_{seconds:g}s.mp4"
    if not path.exists():
        write_example(path, seconds=seconds)
    return path


def write_example(path: Path, *, seconds: float) -> tuple[Event, ...]:
    """Render the clip; returns the expressions that lie in it whole, in its frames."""
    import av

    if not 1 <= seconds <= 20:
        raise SpotlibError(f"seconds is {seconds:g}; an example of 1 to 20 seconds can be rendered")
    video, first = _person()
    count = min(round(seconds * video.fps), video.n_frames - first)
    with atomic(path) as part, av.open(str(part), "w", format="mp4") as container:
        container.metadata["comment"] = SYNTHETIC
        stream: Any = container.add_stream("libx264", rate=round(video.fps), options={"preset": "veryfast"})
        stream.height, stream.width = video.frame(first).shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 3_000_000
        for index in range(first, first + count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(video.frame(index), format="rgb24")))
        container.mux(stream.encode(None))
    return tuple(
        Event(e.kind, e.onset - first, None if e.apex is None else e.apex - first, e.offset - first, e.aus, e.side)
        for e in video.events
        if e.onset >= first and e.offset < first + count
    )


def _person() -> tuple[Any, int]:
    """A video of the demo twin in which a micro-expression comes early, and the frame to begin at."""
    from spotlib.datasets.twin import make_twin

    for video in make_twin("demo", seed=_SEED).videos:
        for event in video.events:
            first = event.onset - round(_LEAD * video.fps)
            if event.kind == Kind.MICRO and first >= 0 and event.offset + video.fps < video.n_frames:
                return video, first
    raise SpotlibError("the demo twin has no micro-expression to show; choose another seed")
