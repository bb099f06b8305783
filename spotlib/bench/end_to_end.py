"""From a video file to intervals, all steps: frames a second on two cores, and memory by the video's length."""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spotlib.bench.common import in_turns, ratios, spread, usable_cores
from spotlib.errors import SpotlibError

Network = Callable[[np.ndarray], np.ndarray]


def write_clip(path: Path, *, seed: int = 7, seconds: float = 10.0, fps: int = 30) -> Path:
    """A colour video file (H.264, 640 x 480, 3 Mbit/s) of a twin's person, there and back; returns ``path``."""
    import av

    from spotlib.datasets.twin import make_twin

    video: Any = make_twin("demo", seed=seed).videos[0]
    shown = round(seconds * fps / 2)
    pictures = [video.frame(i) for i in range(min(shown, video.n_frames))]
    order = itertools.cycle([*range(len(pictures)), *range(len(pictures) - 1, -1, -1)])
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "g": "60"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 3_000_000
        for i in itertools.islice(order, 2 * shown):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pictures[i], format="rgb24")))
        container.mux(stream.encode(None))
    return path


def repeat_clip(path: Path, out: Path, times: int) -> Path:
    """The same pictures ``times`` over as one file, without coding them again; returns ``out``."""
    import av

    with av.open(str(out), "w") as target:
        stream: Any = None
        shift = 0
        for _ in range(times):
            with av.open(str(path)) as source:
                coded = source.streams.video[0]
                if stream is None:
                    stream = target.add_stream_from_template(coded)
                step = round(1 / (coded.average_rate or 30) / (coded.time_base or 1))
                end = shift
                for packet in source.demux(coded):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    end = max(end, packet.pts + step)
                    packet.stream = stream
                    target.mux(packet)
                shift = end
    return out


def spotformer(dim: int = 64) -> Network:
    """An untrained SpotFormer of width ``dim`` with the method's four heads, ready for evaluation on one thread."""
    import torch

    from spotlib.models import build_model
    from spotlib.models.fast import evaluator

    torch.set_num_threads(1)
    torch.manual_seed(0)
    forward = evaluator(build_model("spotformer", dim=dim, heads=4, head_dim=dim // 4))

    def network(windows: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return forward(torch.from_numpy(windows))[0].numpy()

    return network


def frames_of(path: Path) -> Iterator[np.ndarray]:
    """Grey frames (H, W) of a file."""
    from spotlib.video import open_video

    return (frame for _, _, frame in open_video(path).frames(format="grey"))


def spot_file(path: Path, network: Network, *, threads: int = 2) -> int:
    """All steps for one file; the number of intervals found."""
    from spotlib.pipeline import frame_scores
    from spotlib.spotting import spot

    return len(spot(frame_scores(frames_of(path), network, threads=threads)))


def speed(path: Path, network: Network, *, repeats: int) -> dict[str, Any]:
    """Milliseconds a frame of every step alone and of all together, with one thread and with two, in turns."""
    from spotlib.faces import track
    from spotlib.pipeline import frame_results, frame_scores

    frames = sum(1 for _ in frames_of(path))
    windows = np.zeros((64, 17, 10, 2), np.float32)
    work: dict[str, Callable[[], object]] = {
        "decoding": lambda: sum(1 for _ in frames_of(path)),
        "decoding, tracking": lambda: track(frames_of(path)),
        "decoding, tracking, flow": lambda: sum(map(len, frame_results(frames_of(path), threads=1))),
        "network alone": lambda: network(windows),
        "all, one thread": lambda: spot_file(path, network, threads=1),
        "all, two threads": lambda: spot_file(path, network, threads=2),
    }
    units = {name: 64.0 if name == "network alone" else float(frames) for name in work}
    seconds = in_turns(work, repeats=repeats, units=units)
    one, two = (frame_scores(frames_of(path), network, threads=n).probabilities for n in (1, 2))
    return {
        "frames": frames,
        "ms a frame": {name: spread([1e3 * s for s in values]) for name, values in seconds.items()},
        "frames a second": {name: spread([1 / s for s in values]) for name, values in seconds.items()},
        "two threads against one": ratios(seconds, "all, one thread", "all, two threads"),
        "same scores with one thread and two": bool(np.array_equal(one, two)),
    }


def peak_memory(path: Path, *, dim: int = 64) -> float:
    """Most memory (MB) that a fresh process needs to spot one file."""
    code = f"from spotlib.bench.end_to_end import tell_peak; tell_peak({str(path)!r}, {dim})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def tell_peak(path: str, dim: int) -> None:
    """Spot a file and print the most memory (MB) that this process has needed."""
    spot_file(Path(path), spotformer(dim))
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage tells may be the parent's
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        print(int(line.split()[1]) / 1024)
    else:
        import resource

        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024))


def growth(short: Path, network: Network, folder: Path, *, lengths: Sequence[int]) -> list[dict[str, Any]]:
    """Seconds, frames a second and peak memory of one file, all steps, by the length of the video in seconds."""
    frames = sum(1 for _ in frames_of(short))
    seconds_of_short = frames / 30
    spot_file(short, network)  # compiled functions are loaded
    lines = []
    for seconds in lengths:
        path = repeat_clip(short, folder / f"{seconds}.mp4", max(1, round(seconds / seconds_of_short)))
        begin = time.perf_counter()
        spot_file(path, network)
        took = time.perf_counter() - begin
        shown = frames * max(1, round(seconds / seconds_of_short))
        lines.append({"video seconds": shown / 30, "seconds": took, "frames a second": shown / took,
                      "peak memory, MB": peak_memory(path)})  # fmt: skip
        path.unlink()
    return lines


def report_time(*, workers: int | None = None, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Seconds of ``spotlib run demo`` into a temporary folder, and of its notebooks; ``arguments``: added to it.

    Beside it the processor seconds of all its processes: divided by the cores they are the floor of what this code
    could take if no core ever waited.
    """
    cores = workers or usable_cores()
    with tempfile.TemporaryDirectory(prefix="spotlib-bench-") as folder:
        command = [sys.executable, "-m", "spotlib.cli", "run", "demo", "--results", folder, "--workers", str(cores)]
        before, begin = os.times(), time.perf_counter()
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        took, after = time.perf_counter() - begin, os.times()
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise SpotlibError(f"bench: `spotlib run demo` failed: {said}")
        speed = Path(folder) / "demo" / "features" / "speed.json"
        features = json.loads(speed.read_text(encoding="utf-8")) if speed.is_file() else None
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    notebooks = {name: float(s) for name, s in re.findall(r"notebook (.+?) done in (\d+) s", done.stderr)}
    return {
        "minutes": spread([took / 60]), "workers": cores, "features": features, "seconds of notebooks": notebooks,
        "processor minutes": busy / 60, "floor_minutes": busy / 60 / cores,
    }  # fmt: skip


def parts(*, quick: bool, report: bool) -> dict[str, Callable[[], Any]]:
    """The measurements, by name; none is taken yet."""
    seconds, lengths = (4.0, (4, 12)) if quick else (10.0, (10, 60, 600))
    folder = tempfile.TemporaryDirectory(prefix="spotlib-bench-")  # removed with the last measurement that knows it
    found: dict[str, Callable[[], Any]] = {}

    @functools.cache
    def clip() -> Path:
        return write_clip(Path(folder.name) / "short.mp4", seconds=seconds)

    found["spotting"] = lambda: speed(clip(), spotformer(), repeats=2 if quick else 5)
    found["growth"] = lambda: growth(clip(), spotformer(), Path(folder.name), lengths=lengths)
    if report:
        found["demo report"] = report_time
    return found
