"""Files of ELAN, Praat, BORIS and cameras: readers as functions of bytes."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from spotlib.datasets.pictures import glance, too_large
from spotlib.errors import SpotlibError
from spotlib.exports import FORMATS, Spotted, read_events, write_events
from spotlib.exports.label import read_label
from spotlib.intervals import Event, Kind
from tests.exports.examples import INTERVIEW, NASTY, named
from tests.fuzz.edits import Bytes, edited
from tests.fuzz.place import file, folder


def export(suffix: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        path = file(f"export{suffix}", data)
        for fps in (None, 30.0):
            try:
                table = read_events(path, fps=fps)
            except SpotlibError:
                continue
            for events in table.events.values():
                assert all(0 <= event.onset <= event.offset for event in events)

    return run


def seeds_of(name: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        found = []
        for spotted in (INTERVIEW, named(NASTY)):
            found.append(write_events(folder() / FORMATS[name].file, spotted, format=name).read_bytes())
        return found

    return seeds


def boris_json(data: bytes) -> None:
    """A BORIS project or spotlib's JSON, edited."""
    base = json.loads(seeds_of("boris" if data[:1] < b"\x80" else "json")()[0]) if data else {}
    read_events(file("edited.boris", json.dumps(edited(base, data[1:])).encode()), fps=30)


def round_trips(data: bytes) -> None:
    """Any result written in every format, and read back where that is possible: the same frames."""
    source = Bytes(data)
    n_frames = 1 + source.below(2000)
    events = []
    for _ in range(source.below(6)):
        onset = source.below(n_frames)
        offset = onset + source.below(n_frames - onset)
        apex = onset + source.below(offset - onset + 1) if source.below(3) else None
        score = source.below(10_001) / 10_000 if source.below(4) else None
        side = ("both", "left", "right")[source.below(3)]
        events.append(Event(tuple(Kind)[source.below(2)], onset, apex, offset, score=score, side=side, aus=("4",)))
    text = source.data[source.at :].decode("utf-8", "surrogateescape") or "v"
    rate = (25.0, 30.0, 30000 / 1001, 200.0, 7.5)[source.below(5)]
    spotted = Spotted(video=text, source=text.replace("/", "_"), fps=rate, n_frames=n_frames, events=tuple(events))
    wanted = sorted((e.kind, e.onset, e.offset) for e in events)
    for name in FORMATS:
        path = write_events(folder() / FORMATS[name].file, spotted, format=name)
        if name in ("eaf", "textgrid", "boris", "json") or (name == "csv" and events):
            table = read_events(path)
            found = sorted((e.kind, e.onset, e.offset) for own in table.events.values() for e in own)
            assert found == wanted, (name, found, wanted)


def label(data: bytes) -> None:
    """The text of an annotation."""
    read_label(data.decode("utf-8", "replace"))


def picture(data: bytes) -> None:
    """The ends of a picture file."""
    too_large(data)
    glance(file("picture.jpg", data))


def pictures() -> list[bytes]:
    import cv2

    image = np.zeros((8, 8), np.uint8)
    return [cv2.imencode(suffix, image)[1].tobytes() for suffix in (".jpg", ".png", ".bmp", ".tif")]
