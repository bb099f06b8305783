"""Tiny untrained weights and short rendered files, for the tests of spotting in own videos."""

from __future__ import annotations

import functools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spotlib.intervals import Kind
from spotlib.models import build_model
from spotlib.spot.weights import Weights
from spotlib.spotting import SpotRule
from tests.scenes import actor, weights_of

WINDOW = {
    "window": 17, "window_alignment": "centred", "window_border": "clamp", "keep_zero_row": True, "motion": "swmro",
    "head_motion": "nose", "nodes": "10", "crop": "cas", "extractor": "lk", "detect_every": 8,
}  # fmt: skip
RULES = {
    Kind.MACRO: SpotRule(k_min=4, k_max=12, max_per_video=None, max_per_minute=60),
    Kind.MICRO: SpotRule(k_min=2, k_max=6, max_per_video=None, max_per_minute=60),
}
MODEL = {"frames": 17, "nodes": "10", "dim": 16, "heads": 2, "head_dim": 8}


def tiny_weights(seed: int = 0, **changes: Any) -> Weights:
    """Weights that were never trained, with a head so loud that any motion makes some events."""
    torch.manual_seed(seed)
    model = build_model("spotformer", **MODEL).eval()
    with torch.no_grad():
        still = model(torch.zeros(1, 17, 10, 2)).embedding[0]
        model.head.weight *= 300
        model.head.bias.copy_(-model.head.weight @ still)
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    values: dict[str, Any] = {
        "state": state, "system": "spotformer", "model": MODEL, "window": WINDOW, "rules": RULES, "trained_on": {},
        "synthetic": True, "name": "tiny",
    }  # fmt: skip
    return Weights(**{**values, **changes})


@functools.cache
def pictures(count: int = 72) -> np.ndarray:
    """(count, 480, 640, 3) uint8 RGB: brows rise, the mouth smiles, the left brow twitches; the rest is noise."""
    from spotlib.actor.face import Pose

    t = np.arange(count)

    def bump(middle: float, width: float) -> np.ndarray:
        return np.exp(-(((t - middle) / width) ** 2))

    units = weights_of(
        {
            "browInnerUp": 0.5 * bump(18, 5), "browOuterUpRight": 0.4 * bump(18, 5),
            "browOuterUpLeft": 0.4 * bump(18, 5) + 0.6 * bump(58, 3),
            "mouthSmileLeft": 0.4 * bump(38, 6), "mouthSmileRight": 0.4 * bump(38, 6),
        }
    )  # fmt: skip
    rng = np.random.default_rng(5)
    shown = []
    for row in units:
        picture = actor(3).render(row, Pose()).astype(np.float32)
        shown.append(np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8))
    return np.stack(shown)


def write_file(
    path: Path,
    shown: np.ndarray,
    *,
    fps: float = 30,
    times: np.ndarray | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    turn: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Pictures (T, H, W, 3) as a video file, at ``fps`` or at ``times`` (s); ``turn``: display matrix, degrees."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options or {})
        stream.height, stream.width = shown.shape[1:3]
        stream.pix_fmt, stream.bit_rate = pix_fmt, 2_000_000
        stream.codec_context.time_base = Fraction(1, 90_000)
        if turn:
            stream.set_display_rotation(turn)
        for i, picture in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = Fraction(1, 90_000)
            frame.pts = round(90_000 * (float(times[i]) if times is not None else i / fps))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
