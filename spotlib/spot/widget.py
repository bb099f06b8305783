"""`spotlib.view`: a result in JupyterLab, as a timeline with the frame beside it, to look through and correct.

The widget brings its script and style along and needs no network. Frames are read from the video when they are looked
at, so that it must be where it was when it was spotted.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from spotlib.errors import SpotlibError
from spotlib.intervals import Event
from spotlib.report.spot_data import by_onset, event_data, timeline_data
from spotlib.spot.frames import FrameReader
from spotlib.spot.result import Result
from spotlib.spot.review import Review, corrections_path
from spotlib.tables import SYNTHETIC

HEIGHT = 480  # px of the frames that are sent at most


def view(result: Result, corrections: str | Path | None = None, *, coder: str = "", keep: bool = True) -> ResultView:
    """Look through a result in JupyterLab and correct it.

    Args:
        result: what `spotlib.spot.spot` gave.
        corrections: the table of decisions, which `spotlib import` reads; it is taken up again if it is there. Default:
            ``<video>.corrections.csv`` in the working folder. It is written with the first decision.
        coder: a name to write beside each decision; "" for none.
        keep: False: write no file; the decisions are in ``view.review`` only.

    Raises:
        SpotlibError: if the table belongs to another video or result.
    """
    path = corrections if corrections is not None else corrections_path(result)
    return ResultView(result, Review(result, path if keep else None, coder=coder))


def _joined(*names: str) -> str:
    return "\n".join(files("spotlib.report").joinpath(name).read_text(encoding="utf-8") for name in names)


class ResultView(anywidget.AnyWidget):
    """The widget. ``review`` holds the decisions, ``events`` the events as they stand."""

    _esm = _joined("timeline.js", "widget.js")
    _css = _joined("timeline.css", "widget.css")
    data = traitlets.Dict().tag(sync=True)
    items: Any = traitlets.List().tag(sync=True)
    about = traitlets.Dict().tag(sync=True)

    def __init__(self, result: Result, review: Review) -> None:
        self.result = result
        self.review = review
        self._reader: FrameReader | None = None
        super().__init__(
            data={**timeline_data(result), "events": []},
            items=self._items(),
            about={
                "video": result.spotted.video,
                "synthetic": SYNTHETIC if result.spotted.synthetic else "",
                "file": "" if review.path is None else str(review.path),
            },
        )
        self.on_msg(self._receive)

    @property
    def events(self) -> list[Event]:
        """The events as they stand after the review, by onset."""
        return self.review.events

    def refresh(self) -> None:
        """Show decisions that were made in Python, through ``review``."""
        self.items = self._items()

    def frame(self, index: int) -> np.ndarray:
        """One frame of the result, (H, W, 3) uint8 RGB; SpotlibError if the video cannot be read."""
        if self.result.path is None:
            raise SpotlibError("there is no video to show frames of; it came from a camera")
        if self._reader is None:
            self._reader = FrameReader(self.result.path, fps=self.result.spotted.fps)
        return self._reader.at(self.result.spotted.start(index))

    def _items(self) -> list[dict[str, Any]]:
        numbers = {place: number for number, place in enumerate(by_onset(self.result), start=1)}
        sent = []
        for place, item in enumerate(self.review.items):
            event = item.now or item.was
            assert event is not None
            score = None if item.was is None else item.was.score
            sent.append(
                {
                    **event_data(event),
                    "score": score,
                    "number": numbers.get(place) if item.was is not None else None,
                    "decision": str(item.decision),
                    "doubt": item.doubt.value,
                    "reasons": list(item.doubt.reasons),
                }
            )
        return sent

    def _receive(self, _: Any, content: dict[str, Any], __: Sequence[Any] = ()) -> None:
        kind = content.get("type")
        if kind == "frame":
            self._send_frame(int(content["frame"]))
        elif kind == "loop":
            index = int(content["index"])
            moment = self.result.moments[index] if 0 <= index < len(self.result.moments) else None
            self.send({"type": "loop", "index": index}, list(moment.loop or moment.strip) if moment else [])
        elif kind == "decide":
            self._decide(content)

    def _send_frame(self, index: int) -> None:
        import cv2

        index = min(max(index, 0), self.result.spotted.n_frames - 1)
        try:
            picture = self.frame(index)
        except SpotlibError as error:
            self.send({"type": "frame", "frame": index, "error": str(error)}, [])
            return
        height, width = picture.shape[:2]
        if height > HEIGHT:
            size = (max(1, round(width * HEIGHT / height)), HEIGHT)
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        self.send({"type": "frame", "frame": index}, [data.tobytes()])

    def _decide(self, content: dict[str, Any]) -> None:
        index = int(content.get("index", -1))
        answer: dict[str, Any] = {"type": "decided"}
        try:
            match content.get("decision"):
                case "accept":
                    self.review.accept(index)
                case "reject":
                    self.review.reject(index)
                case "reopen":
                    self.review.reopen(index)
                case "adjust":
                    self.review.adjust(index, **_place(content))
                case "add":
                    answer["select"] = self.review.add(**_place(content))
                case other:
                    raise SpotlibError(f"decision {other!r} is unknown")
        except SpotlibError as error:
            answer = {"type": "decided", "error": str(error)}
        self.refresh()
        self.send(answer)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        # beside the widget a still picture, for pages made of the notebook and where no kernel runs
        bundle = super()._repr_mimebundle_(**options)
        still = {"text/html": self.result._repr_html_()}
        if isinstance(bundle, tuple):
            return ({**bundle[0], **still}, *bundle[1:])
        return None if bundle is None else {**bundle, **still}


def _place(content: dict[str, Any]) -> dict[str, Any]:
    """kind, onset, apex and offset of a message; an empty apex is none."""
    if content.get("onset") is None or content.get("offset") is None:
        raise SpotlibError("onset and offset are needed; fill them in")
    place: dict[str, Any] = {name: int(content[name]) for name in ("onset", "offset")}
    apex = content.get("apex")
    return {**place, "apex": None if apex is None else int(apex), "kind": str(content.get("kind"))}
