"""Single frames of a video, by time: what the widget shows beside the timeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spotlib.errors import SpotlibError

_EARLY = 0.0005  # s: timestamps are rounded to ticks


class FrameReader:
    """Frames of a file, or of a folder of pictures, at given instants.

    A file is read from the last key frame before the instant on, so that any place of a long video comes quickly; the
    next frames of the same part are read on from where the last call stopped.

    Args:
        path: the video.
        fps: pictures per second of a folder.

    Raises:
        SpotlibError: if there is no such video or it cannot be read.
    """

    def __init__(self, path: str | Path, *, fps: float | None = None) -> None:
        from spotlib.video import ImageFolder, open_container, video_stream

        self.path = Path(path)
        self._folder: ImageFolder | None = None
        self._container: Any = None
        self._decoded: Any = None
        self._last: Any = None
        self._waiting: Any = None
        if self.path.is_dir():
            self._folder = ImageFolder(self.path, fps=fps)
            return
        if not self.path.exists():
            raise SpotlibError(f"{self.path}: no such file; was it moved after it was spotted?")
        self._container = open_container(self.path)
        self._stream = video_stream(self.path, self._container)
        self._stream.thread_type = "AUTO"
        first = next(self._container.decode(self._stream), None)
        self._start = 0.0 if first is None or first.time is None else float(first.time)

    def at(self, seconds: float) -> np.ndarray:
        """The frame that is shown at ``seconds`` from the first one: (H, W, 3) uint8 RGB, upright."""
        if self._folder is not None:
            return self._picture(seconds)
        from spotlib.video import upright

        return upright(self._file_frame(self._start + seconds))

    def close(self) -> None:
        """Let go of the file."""
        if self._container is not None:
            self._container.close()

    def _picture(self, seconds: float) -> np.ndarray:
        from spotlib.video import read_image

        assert self._folder is not None
        index = min(self._folder.n_frames - 1, max(0, round(seconds * self._folder.fps)))
        return read_image(self._folder.files[index], "rgb")

    def _file_frame(self, wanted: float) -> Any:
        import av

        try:
            last = self._last
            ahead = None if last is None else wanted - last.time
            if self._decoded is None or ahead is None or not -_EARLY <= ahead < 2.0:
                before = max(0, int((wanted - 0.001) / self._stream.time_base))
                self._container.seek(before, stream=self._stream, backward=True)
                self._decoded, last = self._container.decode(self._stream), None
            # the last frame that begins no later than the instant
            waiting = self._waiting if last is not None else None
            while True:
                frame = waiting if waiting is not None else next(self._decoded, None)
                waiting = None
                if frame is None or frame.time is None or frame.time > wanted + _EARLY:
                    break
                last = frame
            self._waiting = frame
            if last is None:  # the instant lies before the first frame
                last = frame
        except av.error.FFmpegError:
            last = None
        if last is None:
            raise SpotlibError(f"{self.path}: the frame at {wanted:.2f} s cannot be read; is the file damaged?")
        self._last = last
        return last
