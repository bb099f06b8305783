"""Hours of video through ``spotlib spot``: memory and speed as they go, as JSON and as a plot.

``python -m spotlib.bench.load --json docs/load.json --plot docs/load.png``: 10 minutes, 1 hour and 3 hours of a twin's
person, each by the command itself in a process that is looked at from outside, once a second. Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spotlib.bench.common import facts
from spotlib.bench.end_to_end import repeat_clip, write_clip
from spotlib.errors import SpotlibError
from spotlib.figures.canvas import BLACK, BLUE, GREEN, VERMILLION, Figure, new_figure, styled
from spotlib.store import write_text

MINUTES = (10.0, 60.0, 180.0)
CLIP = 10.0  # s that are rendered and coded; longer videos are the same packets again and again
POINTS = 400  # of a series, at most, in the JSON file
_COLOURS = (BLUE, VERMILLION, GREEN, BLACK)


def memory_mb(pid: int) -> tuple[float, float]:
    """MB that a process and all its children hold now, and the most that each of them has held, summed."""
    now = most = 0.0
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text(encoding="ascii", errors="replace")
            waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii").split())
        except OSError:  # it has just ended
            continue
        for line in status.splitlines():
            if line.startswith("VmRSS:"):
                now += int(line.split()[1]) / 1024
            elif line.startswith("VmHWM:"):
                most += int(line.split()[1]) / 1024
    return now, most


def watch(command: Sequence[str], *, every: float = 1.0, folder: Path) -> dict[str, Any]:
    """Run a command that tells its progress in the file SPOTLIB_METER; ``folder`` is for that file.

    Returns seconds, peak memory, and the series [seconds, frames done, MB]. SpotlibError, with the last line that it
    said, if it fails.
    """
    if not Path("/proc/self/status").exists():
        raise SpotlibError("bench: memory of another process is read from /proc, which this system does not have")
    meter, said = folder / "meter", folder / "said.txt"
    environment = {**os.environ, "SPOTLIB_BATCH": "1", "SPOTLIB_METER": str(meter)}
    series: list[tuple[float, float, float]] = []
    peak, begin = 0.0, time.monotonic()
    with open(said, "wb") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment) as child:
        while True:
            ended = child.poll() is not None
            now, most = memory_mb(child.pid)
            if not ended and now:
                peak = max(peak, now, most)
                series.append((round(time.monotonic() - begin, 2), _done(meter, series), round(now, 1)))
            if ended:
                break
            time.sleep(every)
    seconds = time.monotonic() - begin
    if child.returncode:
        lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["nothing"]
        raise SpotlibError(f"bench: {' '.join(command[:4])} ended with {child.returncode}: {lines[-1]}")
    return {"seconds": round(seconds, 2), "peak memory, MB": round(peak, 1), "series": thinned(series, POINTS)}


def _done(meter: Path, series: Sequence[tuple[float, float, float]]) -> float:
    try:
        return float(meter.read_text(encoding="utf-8").split("\t")[1])
    except (OSError, IndexError, ValueError):
        return series[-1][1] if series else 0.0  # not begun, or ended: the rest is the report


def thinned(series: Sequence[Any], most: int) -> list[Any]:
    """At most ``most`` of the entries, evenly spread, the first and the last among them.

    >>> thinned(range(10), 4)
    [0, 3, 6, 9]
    """
    if len(series) <= most:
        return list(series)
    return [series[round(k * (len(series) - 1) / (most - 1))] for k in range(most)]


def run(
    minutes: Sequence[float] = MINUTES, *, path: Path | None = None, arguments: Sequence[str] = (), every: float = 1.0
) -> dict[str, Any]:
    """Spot a video of each length; ``arguments`` are added to the command. Written to ``path`` after each."""
    found: dict[str, Any] = {**facts(), "clip seconds": CLIP, "arguments": list(arguments), "videos": []}
    with tempfile.TemporaryDirectory(prefix="spotlib-load-") as name:
        folder = Path(name)
        clip = write_clip(folder / "clip.mp4", seconds=CLIP)
        for length in minutes:
            video = repeat_clip(clip, folder / f"{length:g}.mp4", max(1, round(60 * length / CLIP)))
            frames = 30 * CLIP * max(1, round(60 * length / CLIP))
            out = folder / f"out-{length:g}"
            command = [sys.executable, "-m", "spotlib.cli", "spot", str(video), "--out", str(out), *arguments]
            seen = watch(command, every=every, folder=folder)
            written = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
            found["videos"].append(
                {"minutes": length, "frames": frames, "frames a second": round(frames / seen["seconds"], 2),
                 "results, MB": round(written / 2**20, 2), **seen}
            )  # fmt: skip
            video.unlink()
            if path is not None:
                write_text(path, json.dumps(found, indent=1) + "\n")
    return found


@styled
def plot(found: Mapping[str, Any]) -> Figure:
    """Memory and frames a second over the share of the video that is done, one line a length."""
    canvas = new_figure(10, 3.6)
    memory, speed = canvas.subplots(1, 2)
    said = []
    for video, colour in zip(found["videos"], _COLOURS, strict=False):
        series, name = video["series"], f"{video['minutes']:g} minutes"
        share = [100 * done / video["frames"] for _, done, _ in series]
        memory.plot(share, [mb for _, _, mb in series], color=colour, label=name)
        pace = [(s, b[1] - a[1], b[0] - a[0]) for a, b, s in zip(series, series[10:], share[5:], strict=False)]
        speed.plot([s for s, _, _ in pace], [n / max(t, 1e-9) for _, n, t in pace], color=colour, label=name)
        said.append(f"{name}: {video['peak memory, MB']:.0f} MB, {video['frames a second']:.0f} frames a second")
    for ax, label in ((memory, "MB held"), (speed, "frames a second")):
        ax.set_ylim(bottom=0)
        ax.set_xlabel("share of the video, %")
        ax.set_ylabel(label)
    memory.legend()
    return Figure("load", canvas, f"Memory and speed while long videos are spotted. {'; '.join(said)}.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m spotlib.bench.load", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", default=",".join(f"{m:g}" for m in MINUTES), help="lengths, separated by commas")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="where to draw them")
    parser.add_argument("--from", dest="source", type=Path, metavar="JSON", help="draw these numbers, measure nothing")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two looks")
    chosen, rest = parser.parse_known_args(arguments)
    try:
        if chosen.source is not None:
            found = json.loads(chosen.source.read_text(encoding="utf-8"))
        else:
            lengths = [float(text) for text in chosen.minutes.split(",")]
            found = run(lengths, path=chosen.json, arguments=rest, every=chosen.every)
        if chosen.plot is not None:
            plot(found).save(chosen.plot.parent, formats=("png",))
            (chosen.plot.parent / "load.png").replace(chosen.plot)
    except (SpotlibError, OSError, ValueError, KeyError) as error:
        sys.exit(f"spotlib: {error}")
    for video in found["videos"]:
        print(
            f"{video['minutes']:g} minutes: {video['seconds']:.0f} s, {video['frames a second']:.0f} frames a second,"
            f" {video['peak memory, MB']:.0f} MB"
        )


if __name__ == "__main__":
    main()
