"""The two functions that training consists of on a device, loss of a batch and scores of frames, and how to have them.

Whatever a machine cannot do (compile, Triton) is replaced by the plain way and told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.utils import deterministic as _deterministic

from spotlib.labels import FrameTargets
from spotlib.losses import spotting_loss
from spotlib.material import targets_of
from spotlib.models.fast import trainer
from spotlib.models.fast.packed import PackedForward, joined_agrees, site_seeds
from spotlib.models.fast.packed_attention import Backend, triton_agrees
from spotlib.models.options import loss_options
from spotlib.models.spotformer import SpotFormer

if TYPE_CHECKING:  # any object with these attributes will do
    from spotlib.params import Params


@dataclass(frozen=True)
class Speed:
    """How a network is trained; the result differs by rounding only, and with ``precision`` by its noise."""

    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    compile: bool = False
    graph: bool = False  # CUDA graphs
    packed: bool = False  # the GPU's formulation of the network, instead of the CPU's or the reference
    attention: Backend = "fused"
    joined: bool = False  # of the packed form: each sub-layer with its residual as one operator
    fold: bool = True  # BatchNorm into the weights behind it, in training too
    deterministic: bool = True  # same seed, same machine, same numbers

    @property
    def dtype(self) -> torch.dtype:
        """Of tokens."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32

    @classmethod
    def best(cls, device: torch.device) -> Speed:
        """The fastest way known."""
        if device.type != "cuda":
            return cls()
        precision: Literal["float32", "bfloat16"] = "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
        return cls(precision, compile=True, graph=True, packed=True, attention="triton", joined=precision == "bfloat16")


def possible(speed: Speed, model: nn.Module, device: torch.device) -> tuple[Speed, list[str]]:
    """``speed`` without what this machine or network cannot do, and what that is, in words."""
    notes = []
    if speed.packed and not isinstance(model, SpotFormer):
        speed = replace(speed, packed=False, compile=False, precision="float32")
        notes.append(f"{type(model).__name__} has no packed form: trained by itself, in float32")
    if device.type != "cuda":
        return replace(speed, graph=False), notes
    if not isinstance(model, SpotFormer):
        return speed, notes
    apart = joined_agrees(model.config, speed.dtype, device) if speed.joined else "not asked for"
    if apart and speed.packed and speed.attention == "triton":  # else it was tried with what is joined
        problem = triton_agrees(model.config.heads, model.config.head_dim, speed.dtype, device)
        if problem:
            notes.append(f"no Triton attention: {problem}")
            return replace(speed, attention="fused", joined=False), notes
    if apart and speed.joined:
        notes.append(f"sub-layers in parts: {apart}")
        speed = replace(speed, joined=False)
    return speed, notes


Objective = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
Scorer = Callable[[Tensor], Tensor]


def functions(model: nn.Module, params: Params, speed: Speed, seed: Tensor) -> tuple[Objective, Scorer, Scorer]:
    """What a step computes, compiled or not.

    Args:
        model: the network.
        params: of the losses.
        speed: how.
        seed: int32 on the device; with the number of the step it decides what the packed form drops.

    Returns:
        The objective, from the windows (N, K, V, 2) and targets (`spotlib.material.matrix_of`) of a batch and the
        number of the step to the loss and its terms (`term_names`); the scorer, from windows to logits (N, 10),
        float32; and the same scorer never compiled, for what is not worth the compiler's seconds. They see batches
        only, so that what is compiled for one data set serves the next.
    """
    packed = None
    if speed.packed and isinstance(model, SpotFormer):
        packed = PackedForward(model, dtype=speed.dtype, backend=speed.attention, fold=speed.fold, joined=speed.joined)
    options = loss_options(params)
    drops = packed is not None and packed.model.config.dropout > 0

    def objective(windows: Tensor, targets: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        if packed is None:
            logits, embedding = trainer(model)(windows.float())
        else:
            logits, embedding = packed(windows, site_seeds(seed, step) if drops else None, training=True)
        loss, terms = spotting_loss(logits, embedding, targets_of(targets), **options)
        return loss, torch.stack([loss.detach(), *(term.detach() for term in terms.values())])

    def scorer(windows: Tensor) -> Tensor:
        logits: Any = (model(windows.float()) if packed is None else packed(windows, training=False))[0]
        return logits.float()

    if not speed.compile:
        return objective, scorer, scorer
    return torch.compile(objective, dynamic=False), torch.compile(scorer, dynamic=False), scorer


def term_names(params: Params) -> list[str]:
    """Names of what an objective returns beside the loss: the loss again, then its terms."""
    whole, share = torch.zeros(2, dtype=torch.int64), torch.zeros(2)
    targets = FrameTargets(share, share, share, share, whole, whole, whole)
    return ["loss", *spotting_loss(torch.zeros(2, 10), torch.zeros(2, 1), targets, **loss_options(params))[1]]


@contextlib.contextmanager
def settings(speed: Speed) -> Iterator[None]:
    """PyTorch's switches while something is computed: precision of products, the same numbers every time."""
    precision, exact = torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled()
    switches: Any = _deterministic
    warn, fill = torch.is_deterministic_algorithms_warn_only_enabled(), switches.fill_uninitialized_memory
    torch.set_float32_matmul_precision("high" if speed.precision == "tf32" else "highest")
    if speed.deterministic:
        torch.use_deterministic_algorithms(True, warn_only=True)
        switches.fill_uninitialized_memory = False  # nothing here reads what it has not written
    try:
        with _chosen_by_rule() if speed.compile and speed.deterministic else contextlib.nullcontext():
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(exact, warn_only=warn)
        switches.fill_uninitialized_memory = fill


def _chosen_by_rule() -> contextlib.AbstractContextManager[None]:
    """The compiler takes the first of the block sizes that it knows for a kernel, instead of the fastest in a trial.

    PyTorch's own deterministic mode leaves it that trial where nothing is summed. Another block size rounds
    differently there too, and two processes on one machine chose differently for 18 of 87 kernels.
    """
    from torch._inductor import config  # only who compiles needs it: a second

    return config.patch({"triton.autotune_pointwise": False})
