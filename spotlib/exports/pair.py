"""Two files of events that are to be compared: the same videos under the same names, in frames of the same rate."""

from __future__ import annotations

from pathlib import Path

from spotlib.errors import SpotlibError
from spotlib.exports import Imported, UnknownRate, read_events

#: rates that differ by less are two spellings of one (30 and 29.97); it is said, since seconds drift apart by it
SAME_RATE = 0.01


def read_pair(truth: str | Path, predictions: str | Path, *, fps: float | None = None) -> tuple[Imported, Imported]:
    """Read true and spotted events from any format that `read_events` reads.

    A file with seconds and without a frame rate is read at the rate of the other. Where each holds one video, and a
    file does not tell what it is called, they are taken for the same. What was assumed is in the notes of the first.

    Raises:
        SpotlibError: for a file that does not fit, no true event, or two frame rates.
    """
    try:
        true = read_events(truth, fps=fps, allow_empty=False)
    except UnknownRate:
        found = read_events(predictions, fps=fps)
        true = read_events(truth, fps=_rate_of(found, truth), allow_empty=False)
    else:
        try:
            found = read_events(predictions, fps=fps)
        except UnknownRate:
            found = read_events(predictions, fps=_rate_of(true, predictions))
    if len(true.events) == len(found.events) == 1 and not (true.named and found.named):
        (name,) = true.events if true.named else found.events
        other = next(iter((found if true.named else true).events))
        if name != other:
            true.notes.append(f"taken for the same video: {name!r} and {other!r}")
            (found if true.named else true).rename(other, name)
    for name in [name for name in found.events if name not in true.events]:
        # a plain table does not keep spaces at the ends of a name, the other formats do
        same = [other for other in true.events if other.strip() == name.strip() and other not in found.events]
        if len(same) == 1:
            found.rename(name, same[0])
    true.notes += found.notes
    for video, mine in true.rates.items():
        other_rate = found.rates.get(video, mine)
        if abs(mine / other_rate - 1) > SAME_RATE:
            raise SpotlibError(
                f"{truth}: frames of {mine:g}/s, but {predictions} has {other_rate:g}/s for {video!r};"
                " write both at one frame rate"
            )
        if abs(mine / other_rate - 1) > 1e-5:
            true.notes.append(f"frame rates of {video!r} differ: {mine:.6g}/s and {other_rate:.6g}/s")
    return true, found


def _rate_of(table: Imported, path: str | Path) -> float:
    rates = set(table.rates.values())
    if len(rates) != 1:
        raise UnknownRate(f"{path}: the frame rate is not in it, nor in the other file; pass fps")
    return rates.pop()


def length_of(video: str, true: Imported, found: Imported) -> int | None:
    """Frames of a video: what the files tell (the longer if they differ), None if neither does."""
    lengths = [table.lengths[video] for table in (true, found) if video in table.lengths]
    return max(lengths, default=None)
