"""What trains a network on a device, as fast as that device can: one step, repeated without asking the host.

On a GPU the whole step (gathering windows, forward, losses, backward, optimiser, counting) is compiled and captured
once as a CUDA graph; an epoch is then so many replays, evaluation so many of another graph, and the host only waits
where it wants to read a number. Whatever a machine cannot do (compile, capture, Triton) is replaced by the plain way
and noted in `Engine.notes`. On a CPU the same steps run one by one (`spotlib.models.fast.chunked`).
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from spotlib.errors import in_a_line
from spotlib.labels import SEGMENT
from spotlib.material import Bank, Material, matrix_of
from spotlib.memory import keep_freed_memory
from spotlib.models import build_model
from spotlib.models.fast import evaluator
from spotlib.models.options import model_options
from spotlib.steps import Speed, functions, possible, settings, term_names

if TYPE_CHECKING:  # any object with these attributes will do
    from spotlib.params import Params

ORDER = 64  # steps whose segments are sent to the device at a time
SCORED, REST = 2048, 256  # windows of an evaluation step on a GPU; of one for what is left over, not compiled
WARM_UP = 3  # steps before a capture: compilation, libraries and optimiser state are made there


def network(params: Params, frames: int, nodes: int) -> nn.Module:
    """The untrained network that ``params`` describe, for windows of ``frames`` x ``nodes``.

    Two layouts have twelve nodes, so ``params.nodes`` names the one; ``nodes`` is what the windows hold.

    METHOD section 3 gives the variant ``gim`` no head: its release stops at the embedding, and what was built on it is
    not described. To be spotted with at all it needs ten scores per frame, so here it gets SpotFormer's head
    (`spotlib.models.options`), trained by the same losses; its row measures the network's shape, not that release.
    """
    return build_model(params.system, frames=frames, nodes=params.nodes, **model_options(params))


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Weight decay on Linear and Conv weights only: not on biases, norms or position embeddings (METHOD section 4)."""
    decayed = [module.weight for module in model.modules() if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d)]
    chosen = {id(weight) for weight in decayed}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


class Engine:
    """A network with its optimiser on the device of a bank of videos.

    One engine can train fold after fold (`begin`); what was compiled and captured stays. Several on one GPU work side
    by side, each on a stream of its own. Everything is only *enqueued* until `losses` or a `Scores` is read.
    """

    def __init__(self, bank: Bank, params: Params, *, speed: Speed | None = None) -> None:
        self.bank, self.params, self.device = bank, params, bank.device
        _, self.frames, self.nodes, _ = bank.windows.shape
        self.cuda = self.device.type == "cuda"
        if self.cuda:  # read when the first product is made; without it cuBLAS may give other numbers each time
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        else:
            keep_freed_memory()
        self.stream = torch.cuda.Stream(self.device) if self.cuda else None
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(self.device))  # the bank was made there
        with self._here():
            self.model = network(params, self.frames, self.nodes).to(self.device)
            self.speed, notes = possible(speed or Speed.best(self.device), self.model, self.device)
            lr: Any = torch.tensor(params.lr, device=self.device) if self.cuda else params.lr
            self.optimiser = torch.optim.AdamW(
                parameter_groups(self.model, params.weight_decay), lr=lr, fused=True, capturable=self.cuda
            )
            self._order = torch.zeros(ORDER, params.segments_per_batch, dtype=torch.int64, device=self.device)
            self._at = torch.zeros(1, dtype=torch.int64, device=self.device)  # which row of the order is next
            self._targets = matrix_of(bank.targets)  # (F, 7)
            self._within = torch.arange(SEGMENT, device=self.device)
            self._step_number = torch.zeros((), dtype=torch.int32, device=self.device)
            self._seed = torch.zeros((), dtype=torch.int32, device=self.device)
            self._names = term_names(params)
            self._sums = torch.zeros(len(self._names), device=self.device)
            self._asked = {n: torch.zeros(n, dtype=torch.int64, device=self.device) for n in (SCORED, REST)}
        self.notes = notes  # what could not be had, in words
        self._graphs: dict[str, Any] = {}  # of steps that were made ready: their graph, or None
        self._answer: dict[int, Tensor] = {}
        self._set_functions()

    @property
    def independent(self) -> bool:
        """Whether another engine at work in this process changes nothing here, random numbers included."""
        return self.speed.packed or not any(_drops(module) for module in self.model.modules())

    # -- what the host does --

    def begin(self, material: Material) -> None:
        """Fresh weights by the seed, an optimiser that remembers nothing, and the segments to train on."""
        params = self.params
        batch = min(params.segments_per_batch, len(material.starts))
        if batch != self._order.shape[1]:  # fewer segments than a batch takes: another step altogether
            with self._here():
                self._order = self._order.new_zeros(ORDER, batch)
            self._graphs.pop("train", None)
        self.material = material
        self.steps = params.steps_per_epoch or -(-len(material.starts) // params.segments_per_batch)
        self._make_ready("train", self._train_step)  # which trains a little: before the weights are set
        torch.manual_seed(params.seed)
        self.generator = torch.Generator().manual_seed(params.seed)
        fresh = network(params, self.frames, self.nodes)
        with self._here(), torch.no_grad():
            self.model.load_state_dict(fresh.state_dict())
            for state in self.optimiser.state.values():
                for value in state.values():
                    value.zero_()
            self._step_number.zero_()
            own = torch.Generator().manual_seed(params.seed)  # leaves the others as they are without dropout
            self._seed.fill_(int(torch.randint(-(2**31), 2**31, (), generator=own)))
        self.lr = params.lr
        self._set_lr()

    def epoch(self) -> None:
        """Enqueue one epoch, and the step of the learning rate behind it."""
        self.model.train()
        drawn = self.material.orders(steps=self.steps, size=self._order.shape[1], generator=self.generator)
        order = torch.stack(list(drawn))  # (steps, B)
        with self._here():
            self._sums.zero_()
            for part in order.split(ORDER):
                self._order[: len(part)].copy_(part.pin_memory() if self.cuda else part, non_blocking=True)
                self._at.zero_()
                for _ in range(len(part)):
                    self._run("train", self._train_step)
        self.lr *= self.params.lr_decay
        self._set_lr()

    def state(self) -> dict[str, Tensor]:
        """All that training has changed since `begin`, as copies on the host; waits for what was enqueued.

        Beside it there is `lr`.
        """
        self._make_optimiser_state()  # of weights that have had no gradient so far
        with self._here():
            found = {name: value.detach().to("cpu", copy=True) for name, value in self._stateful().items()}
        return {**found, "random/order": self.generator.get_state(), "random/dropout": torch.get_rng_state()}

    def restore(self, state: Mapping[str, Tensor], *, lr: float) -> None:
        """Go on from what `state` gave and ``lr``, after `begin` with the same material.

        Raises ValueError, before anything is changed, if it is the state of another network.
        """
        self._make_optimiser_state()
        own = self._stateful()
        expected = {*own, "random/order", "random/dropout"}
        if {*state} != expected or any(state[n].shape != v.shape or state[n].dtype != v.dtype for n, v in own.items()):
            raise ValueError("the state of another network")
        with self._here(), torch.no_grad():
            for name, value in own.items():
                value.copy_(state[name])  # in place: a captured graph knows these addresses
        self.generator.set_state(state["random/order"])
        torch.set_rng_state(state["random/dropout"])
        self.lr = lr
        self._set_lr()

    def losses(self) -> dict[str, float]:
        """Means of the loss and its terms over the epoch enqueued last; waits for it."""
        return self.later_losses()()

    def later_losses(self) -> Callable[[], dict[str, float]]:
        """The same, to be asked for when it is needed; more may be enqueued meanwhile."""
        with self._here():
            read = self._to_host(self._sums)
        steps = self.steps
        return lambda: {n: float(v) / steps for n, v in zip(self._names, read(), strict=True)}

    def scores(self, frames: Tensor) -> Callable[[], Tensor]:
        """Enqueue the logits (F, 10) of some frames (int64, on the CPU) of the bank, by the weights as they are now."""
        if not self.cuda:
            return self._cpu_scores(frames)
        self.model.eval()
        with self._here():
            sizes = [SCORED] * (len(frames) // SCORED)
            left = -(-(len(frames) % SCORED) // REST)
            sizes += [REST] * left if 2 * left * REST <= SCORED else [SCORED]
            padded = torch.cat([frames, frames[-1:].expand(sum(sizes) - len(frames))])
            asked = padded.pin_memory().to(self.device, non_blocking=True)
            out = torch.empty(len(asked), 10, device=self.device)
            for rows, answer in zip(asked.split(sizes), out.split(sizes), strict=True):
                size = len(rows)
                self._asked[size].copy_(rows)
                step = functools.partial(self._score_step, size)
                self._make_ready(f"score {size}", step)
                self._run(f"score {size}", step)
                answer.copy_(self._answer[size])
            read = self._to_host(out[: len(frames)])
        self.model.train()
        return read

    def _cpu_scores(self, frames: Tensor) -> Callable[[], Tensor]:
        forward = evaluator(self.model)
        with torch.no_grad():
            logits = torch.cat([forward(self.bank.windows[part].float())[0] for part in frames.split(256)])
        return lambda: logits

    # -- what the device does --

    def _train_step(self) -> None:
        starts = self._order.index_select(0, self._at).view(-1)  # (B,)
        frames = (starts[:, None] + self._within).view(-1)  # (B 16,)
        self.optimiser.zero_grad(set_to_none=True)
        loss, terms = self._objective(self.bank.windows[frames], self._targets[frames], self._step_number)
        loss.backward()
        self.optimiser.step()
        self._sums += terms
        self._at += 1
        self._step_number += 1

    @torch.no_grad()
    def _score_step(self, size: int) -> None:
        scorer = self._plain_scorer if size == REST else self._scorer
        self._answer[size] = scorer(self.bank.windows[self._asked[size]])

    def _set_functions(self) -> None:
        made = functions(self.model, self.params, self.speed, self._seed)
        self._objective, self._scorer, self._plain_scorer = made

    def _run(self, name: str, step: Callable[[], None]) -> None:
        graph = self._graphs.get(name)
        if graph is not None:
            graph.replay()
            return
        with settings(self.speed):
            step()

    def _make_ready(self, name: str, step: Callable[[], None]) -> None:
        """Compile ``step`` and turn it into a graph, or find out what cannot be had; it is run a few times for that."""
        if name in self._graphs or not (self.speed.compile or self.speed.graph):
            return
        self._graphs[name] = None
        with self._here(), settings(self.speed):
            try:
                for _ in range(WARM_UP):
                    step()
            except Exception as error:  # a compiler or a kernel may fail with anything
                if not self.speed.packed:
                    raise
                self.notes.append(f"neither compiled nor Triton: {in_a_line(error)}")
                self.speed = replace(self.speed, compile=False, attention="fused")
                self._set_functions()
                step()
            if self.stream is None or not self.speed.graph:
                return
            self.stream.synchronize()
            try:
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                    step()
                self._graphs[name] = graph
            except Exception as error:
                self.notes.append(f"no CUDA graph of the {name} step: {in_a_line(error)}")
                self.speed = replace(self.speed, graph=False)
                torch.cuda.synchronize(self.device)

    def _stateful(self) -> dict[str, Tensor]:
        """Every tensor that a step changes and the next one reads, by name."""
        found = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        for number, parameter in enumerate(self._parameters()):
            for name, value in self.optimiser.state.get(parameter, {}).items():
                found[f"optimiser/{number}/{name}"] = value
        return {**found, "step_number": self._step_number}

    def _parameters(self) -> list[nn.Parameter]:
        return [parameter for group in self.optimiser.param_groups for parameter in group["params"]]

    def _make_optimiser_state(self) -> None:
        # the optimiser makes it in its first step; a fold that goes on needs the places before
        for parameter in self._parameters():
            if not self.optimiser.state.get(parameter):
                self.optimiser.state[parameter] = {
                    "step": torch.zeros((), device=self.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }

    def _here(self) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext() if self.stream is None else torch.cuda.stream(self.stream)

    def _set_lr(self) -> None:
        for group in self.optimiser.param_groups:
            if self.cuda:
                with self._here():
                    group["lr"].fill_(self.lr)
            else:
                group["lr"] = self.lr

    def _to_host(self, value: Tensor) -> Callable[[], Tensor]:
        if not self.cuda:
            copy = value.clone()
            return lambda: copy
        host = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
        host.copy_(value, non_blocking=True)
        event = torch.cuda.Event()
        event.record()

        def read() -> Tensor:
            event.synchronize()
            return host

        return read


def _drops(module: nn.Module) -> bool:
    dropout = module.p if isinstance(module, nn.Dropout) else getattr(module, "dropout", 0.0)
    return isinstance(dropout, float) and dropout > 0
