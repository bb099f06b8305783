"""From a video file or image folder to a features file: the command ``spotlib features``."""

from __future__ import annotations

import os
import time
from pathlib import Path

from spotlib.errors import SpotlibError
from spotlib.faces import FaceChoice
from spotlib.features_file import save_features
from spotlib.pipeline import frame_results
from spotlib.progress import progress
from spotlib.swmro import SHORTEST, ExtractorName, collect
from spotlib.video import open_video


def extract_file(
    source: Path, out: Path, *, extractor: ExtractorName = "lk", fps: float | None = None, face: FaceChoice = "only"
) -> str:
    """Extract pair motions (METHOD section 2) from ``source`` and write them to ``out``; return a line about it.

    Raises SpotlibError, in one line and with nothing written, for input that cannot be used (see ``spotlib.video``
    and ``spotlib.faces``) and for a folder that cannot be written.
    """
    if out.suffix != ".npz":
        raise SpotlibError(f"{out}: features are written as .npz; name the file so")
    if out.is_dir() or not out.resolve().parent.is_dir():
        raise SpotlibError(f"{out}: cannot be written (no such folder, or it is a folder itself); choose another path")
    if not os.access(out.resolve().parent, os.W_OK):
        raise SpotlibError(f"{out}: no permission to write there; choose another path")
    video = open_video(source, fps=fps)
    if video.n_frames < SHORTEST:
        raise SpotlibError(f"{source}: {video.n_frames} frames, but one window needs {SHORTEST}; give a longer video")
    begin = time.monotonic()
    frames = progress(video.frames(format="grey"), desc="track", total=video.n_frames, unit="frames")
    steps = frame_results((frame for _, _, frame in frames), extractor=extractor, face=face, name=str(source))
    results = [result for step in steps for result in step]
    motion = collect(results, extractor=extractor, fps=video.fps, name=str(source))
    save_features(out, motion)
    seconds = time.monotonic() - begin
    gaps = ", ".join(f"{gap.onset}-{gap.offset}" for gap in motion.gaps) or "none"
    slow = "" if 24 <= motion.fps <= 40 else "; note: windows are made for about 30 frames per second, see --fps"
    return (
        f"{out}: {motion.n_frames} frames at {motion.fps:.2f} per second, {motion.valid.mean():.0%} with a face"
        f" (gaps: {gaps}), {motion.n_frames / seconds:.0f} frames/s{slow}"
    )
