"""Weights that spot: a trained network with all that it takes to use it, in one safetensors file.

Beside the arrays the file says, as text: which network, how its windows are made of a video, the rules that make
intervals of its scores, what it was trained on and what was measured. Nothing in it is code, nothing is unpickled.
Writing and reading need numpy only, so that a machine that only trains can do it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS, Kind
from spotlib.spotting import SpotRule
from spotlib.store import canonical
from spotlib.tensors_file import read_tensors, write_tensors

if TYPE_CHECKING:
    from torch import nn

    from spotlib.window_stream import WindowStream

FORMAT, VERSION = "spotlib-weights", "1"
ASSETS = Path(__file__).parent / "assets"
DEFAULT = "spotlib"  # of several packaged ones
MAX_BYTES = 512 * 2**20
LONGEST = 10_000  # frames from onset to apex, or from there to the offset

#: parameters (spotlib.params) that say how windows come from a video; without the last three they are of any video
WINDOW_NAMES = (
    "window", "window_alignment", "window_border", "keep_zero_row", "motion", "head_motion", "nodes",
    "crop", "extractor", "detect_every",
)  # fmt: skip
_TEXTS = ("system", "model", "window", "rules", "trained_on", "measured", "synthetic", "commit")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A trained network and how it is used.

    Args:
        state: the network's arrays by name, as its ``state_dict``; float16 ones are widened when used.
        system: name of the network (`spotlib.models.build_model`).
        model: its options, with ``frames`` and ``nodes``.
        window: the parameters WINDOW_NAMES.
        rules: per kind how intervals are made (METHOD section 5).
        trained_on: data sets, numbers of people, videos, minutes, events; how it was trained.
        measured: what was measured, by name: F1s of inner subjects, of cross-validation, ...
        synthetic: only rendered people were seen in training.
        commit: of the code that trained.
        name: of the file, without suffix.
    """

    state: Mapping[str, np.ndarray] = field(repr=False, compare=False)
    system: str
    model: Mapping[str, Any]
    window: Mapping[str, Any]
    rules: Mapping[Kind, SpotRule]
    trained_on: Mapping[str, Any]
    measured: Mapping[str, Any] = field(default_factory=dict)
    synthetic: bool
    commit: str = "unknown"
    name: str = "weights"

    @cached_property
    def digest(self) -> str:
        """sha256 over arrays and texts, as hex; equal weights have equal digests wherever they are."""
        found = hashlib.sha256(canonical(_texts(self)).encode())
        for name, array in sorted(self.state.items()):
            found.update(canonical([name, str(array.dtype), list(array.shape)]).encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    @property
    def label(self) -> str:
        """Name and the beginning of the digest: how results call the weights."""
        return f"{self.name} ({self.digest[:12]})"

    def network(self) -> nn.Module:
        """The network in evaluation mode, float32, on the CPU; SpotlibError if the arrays are not its own."""
        import torch

        from spotlib.models import build_model

        # JSON has no tuples
        options: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in self.model.items()}
        model = build_model(self.system, **options)
        widened = {
            name: torch.from_numpy(np.asarray(array, np.float32) if array.dtype == np.float16 else array.copy())
            for name, array in self.state.items()
        }
        try:
            model.load_state_dict(widened)
        except RuntimeError as error:
            said = str(error).splitlines()[-1].strip()
            raise SpotlibError(
                f"{self.name}: not the weights of this {self.system} ({said}); export them again"
            ) from None
        return model.eval()

    def scorer(self) -> Callable[[np.ndarray], np.ndarray]:
        """Windows (n, K, V, 2) float32 to logits (n, 10) float32, the fastest way known for the CPU."""
        import torch

        from spotlib.models.fast import evaluator

        forward = evaluator(self.network())

        def score(windows: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return forward(torch.from_numpy(np.ascontiguousarray(windows)))[0].numpy()

        return score

    def window_stream(self, name: str = "video") -> WindowStream:
        """What gathers the network's windows from a stream of frames."""
        from spotlib.flow import CROPS
        from spotlib.units import window_options
        from spotlib.window_stream import WindowStream

        window = self.window
        return WindowStream(
            layout=window["nodes"],
            head=window["head_motion"],
            crop=CROPS[window["crop"]],
            name=name,
            **window_options(SimpleNamespace(**window)),
        )

    def tracking(self) -> dict[str, Any]:
        """Keyword arguments of `spotlib.pipeline.frame_results` that belong to these weights."""
        from spotlib.flow import CROPS
        from spotlib.swmro import window_gap
        from spotlib.units import window_options

        window = self.window
        return {
            "extractor": window["extractor"],
            "crop": CROPS[window["crop"]],
            "detect_every": window["detect_every"],
            "max_gap": window_gap(**window_options(SimpleNamespace(**window))),
        }


def save_weights(path: Path | str, weights: Weights, *, half: bool = True) -> Weights:
    """Write ``weights``; return them as they can now be read.

    Args:
        path: a .safetensors file; it is written whole or not at all.
        weights: what to write.
        half: matrices as float16, which halves the file; statistics and biases stay float32.

    Raises:
        SpotlibError: if it cannot be written.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise SpotlibError(f"{path}: weights are written as .safetensors; give such a name")
    written = dataclasses.replace(weights, state=halved(weights.state) if half else dict(weights.state), name=path.stem)
    write_tensors(path, written.state, {"format": FORMAT, "version": VERSION, **_texts(written)})
    return written


def halved(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``state`` with its matrices as float16."""
    return {n: a.astype(np.float16) if a.ndim >= 2 and a.dtype == np.float32 else a for n, a in state.items()}


def load_weights(given: Path | str | None = None) -> Weights:
    """Read weights: a file, the name of packaged ones, or (None) the packaged ones.

    Raises SpotlibError, one line, for a file that is missing, damaged, of another kind or version.
    """
    path = _packaged(None) if given is None else Path(given)
    if given is not None and not path.exists() and path.name == str(given) and path.suffix != ".safetensors":
        path = _packaged(str(given))
    try:
        with open(path, "rb") as file:  # says at once what keeps it from being read
            size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:
            raise SpotlibError(f"{path}: larger than {MAX_BYTES >> 20} MiB; this is no file of spotlib's weights")
        arrays, texts = read_tensors(path)
    except FileNotFoundError:
        raise SpotlibError(f"{path}: no such file of weights; check the name, or leave --weights out") from None
    except OSError as error:
        said = (error.strerror or "unreadable").lower()
        raise SpotlibError(f"{path}: cannot be read ({said}); give a .safetensors file") from None
    except SpotlibError as error:
        raise SpotlibError(f"{error}, or not spotlib's weights; get or export the file again") from None
    if texts.get("format") != FORMAT:
        raise SpotlibError(f"{path}: not spotlib's weights; `spotlib train --export` writes them")
    if texts.get("version") != VERSION:
        known = f"version {texts.get('version')}, known is {VERSION}"
        raise SpotlibError(f"{path}: weights of another version of spotlib ({known}); export them again")
    try:
        values = {name: json.loads(texts[name]) for name in _TEXTS}
        rules = {Kind(kind): SpotRule(**rule) for kind, rule in values.pop("rules").items()}
        if {*WINDOW_NAMES} - {*values["window"]} or {"frames", "nodes"} - {*values["model"]} or not rules:
            raise ValueError
        _check(values["model"], values["window"], rules, sum(array.size for array in arrays.values()))
        weights = Weights(state=arrays, rules=rules, name=path.stem, **values)
        weights.network()  # says what does not fit
    except (KeyError, ValueError, TypeError, AttributeError):
        raise SpotlibError(f"{path}: not whole: its header lacks something; export the weights again") from None
    return weights


#: what the parameters of a window may be
_CHOICES: dict[str, tuple[object, ...]] = {
    "window": tuple(range(3, 66)),
    "window_alignment": ("centred", "causal"),
    "window_border": ("clamp", "zero"),
    "keep_zero_row": (True, False),
    "motion": ("swmro", "adjacent", "fixed_gap"),
    "head_motion": ("nose", "none", "robust"),
    "crop": ("cas", "samm"),
    "extractor": ("lk", "farneback"),
    "detect_every": tuple(range(1, 65)),
}


def _check(model: Mapping[str, Any], window: Mapping[str, Any], rules: Mapping[Kind, SpotRule], total: int) -> None:
    """ValueError for options that fit nothing, or that would make more of a small file than any memory holds.

    ``total``: numbers in the arrays. A network has matrices of dim x dim and dim x heads head_dim, so that it cannot
    have fewer.
    """
    for name, choices in _CHOICES.items():
        if not any(type(window[name]) is type(choice) and window[name] == choice for choice in choices):
            raise ValueError
    dim, heads, head_dim, mlp = (model.get(name) or 1 for name in ("dim", "heads", "head_dim", "mlp"))
    if dim * max(dim, heads * head_dim, mlp, model["frames"]) > 4 * total or window["nodes"] != str(model["nodes"]):
        raise ValueError
    for rule in rules.values():
        limits = (rule.max_per_video or 1, rule.max_per_minute or 1)
        shares = (rule.threshold, rule.min_score, rule.nms_iou)
        if not rule.k_max <= LONGEST or not all(0 < limit < 1e6 for limit in limits):
            raise ValueError
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError


def _packaged(name: str | None) -> Path:
    found = sorted(ASSETS.glob("*.safetensors"), key=lambda path: (path.stem != DEFAULT, path.stem))
    if name is None and found:
        return found[0]
    for path in found:
        if path.stem == name:
            return path
    if not found:
        raise SpotlibError("no weights come with this spotlib; train some (`spotlib train --export`), give --weights")
    known = ", ".join(path.stem for path in found)
    raise SpotlibError(f"{name}: no such weights; give a .safetensors file, or one of: {known}")


def _texts(weights: Weights) -> dict[str, str]:
    values: dict[str, Any] = {name: getattr(weights, name) for name in _TEXTS}
    values["rules"] = {str(k): dataclasses.asdict(weights.rules[k]) for k in KINDS if k in weights.rules}
    return {name: canonical(_plain(value)) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """Mappings and sequences of any type as those of JSON."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
