"""Comparing this implementation with stored numbers of the authors' release (METHOD section 10).

A fixture is told by what it holds, not by its name; widths, batch sizes, window lengths and video lengths are
read off its arrays. Whatever cannot be read or recognised counts as off.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from spotlib.errors import SpotlibError
from spotlib.intervals import KINDS, Event, Kind
from spotlib.labels import FrameTargets, targets
from spotlib.limits import read_arrays
from spotlib.losses import spotting_loss
from spotlib.matching import match
from spotlib.models import SpotGCN, build_released
from spotlib.spotting import AUTHOR_RULES, nms, proposals

FORWARD_ATOL, FORWARD_RTOL = 2e-5, 2e-6  # float32: absolute near 1, relative where numbers are large
GRADIENT_RTOL = 1e-4
#: what reading a damaged file or running on its contents may raise
_BROKEN = (
    *(SpotlibError, OSError, EOFError, ValueError, KeyError, IndexError, TypeError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, csv.Error),
)

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ParityLine:
    """The comparison of one fixture; an error is None where nothing could be compared."""

    name: str
    absolute: float | None  # largest absolute difference
    relative: float | None  # largest absolute difference within an array, as share of the array's largest number
    ok: bool
    note: str = ""


@dataclass
class _Comparison:
    """Collects the differences of one fixture."""

    absolute: float = 0.0
    relative: float = 0.0
    count: int = 0
    off: list[str] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)

    def add(self, name: str, ours: object, stored: object, *, atol: float = 0.0, rtol: float = 0.0) -> None:
        """Compare two arrays of numbers; with both tolerances 0 they must be equal."""
        a = np.asarray(ours.detach() if isinstance(ours, torch.Tensor) else ours, dtype=np.float64)
        b = np.asarray(stored, dtype=np.float64)
        self.count += 1
        self.compared.add(name)
        if a.shape != b.shape:
            self.off.append(f"{name}: shape {a.shape}, stored {b.shape}")
            self.absolute = self.relative = math.inf
            return
        if not a.size:
            return
        difference = np.abs(a - b)
        largest = float(difference.max())
        share = largest / max(float(np.abs(b).max()), np.finfo(np.float64).tiny) if largest else 0.0
        # np.maximum: NaN on either side is never ok, and shows as NaN
        self.absolute = float(np.maximum(self.absolute, largest))
        self.relative = float(np.maximum(self.relative, share))
        if not (difference <= atol + rtol * np.abs(b)).all():
            self.off.append(f"{name}: off by {largest:.3g}")

    def leftover(self, names: Iterable[str]) -> None:
        """Stored numbers that nothing was compared with: misspelt, or of a kind this version does not know."""
        self.off += [f"{name}: unknown, not compared" for name in names if name not in self.compared]

    def line(self, name: str, note: str) -> ParityLine:
        if not self.count:
            return ParityLine(name, None, None, False, "holds nothing to compare")
        if self.off:
            note = "; ".join(self.off[:3]) + (f"; and {len(self.off) - 3} more" if len(self.off) > 3 else "")
        return ParityLine(name, self.absolute, self.relative, not self.off, note)


def check_directory(path: str | Path) -> list[ParityLine]:
    """Compare every fixture in a directory, sorted by name.

    Every file is a fixture; ``anno.csv``, ``predictions.csv`` and ``author_matching.json`` are one together.
    A file that is damaged or of no known kind gives a line that is off.

    Raises:
        SpotlibError: if there is no such directory or no file in it.
    """
    path = Path(path)
    if not path.is_dir():
        raise SpotlibError(f"{path}: no such directory; give one with stored numbers (METHOD section 10)")
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    if not files:
        raise SpotlibError(
            f"{path}: there is no fixture in it; give a directory with stored numbers (METHOD section 10)"
        )
    tables = {p: _role(p) for p in files if p.suffix == ".csv"}
    lines, matched = [], False
    for file in (p for p in files if p not in tables):
        if file.suffix == ".json":
            line, known = _guarded(file.name, partial(_check_matching, file, tables))
            matched |= known
        else:
            line, _ = _guarded(file.name, partial(_check_arrays, file))
        lines.append(line)
    for table, role in tables.items():
        if role is None or not matched:
            note = "a table of other columns" if role is None else "a table without stored hits"
            lines.append(ParityLine(table.name, None, None, False, f"unknown: {note}"))
    return sorted(lines, key=lambda line: line.name)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """These networks are tiny: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _guarded(name: str, check: Callable[[], ParityLine | None]) -> tuple[ParityLine, bool]:
    """The line of a check, or one that says why there is none; and whether its kind was recognised."""
    try:
        line = check()
    except _BROKEN as error:
        reason = str(error.args[0] if isinstance(error, KeyError) and error.args else error).split("\n")[0]
        reason = f"{reason} is missing" if isinstance(error, KeyError) else reason or type(error).__name__
        return ParityLine(name, None, None, False, f"cannot be compared: {reason}"), True
    if line is None:
        return ParityLine(name, None, None, False, "unknown: no fixture of a known kind"), False
    return line, True


def _check_arrays(file: Path) -> ParityLine | None:
    if file.suffix != ".npz":
        return None
    arrays = read_arrays(file)
    for belongs, check in _KINDS:
        if belongs(arrays):
            comparison = _Comparison()
            with _one_thread():
                note = check(arrays, comparison)
            return comparison.line(file.name, note)
    return None


def _check_network(arrays: Arrays, c: _Comparison) -> str:
    """SpotFormer, gim or SpoT-GCN: outputs in evaluation and training mode, loss and gradient norm."""
    x = torch.from_numpy(np.asarray(arrays["input"], dtype=np.float32))
    if x.ndim == 5:  # gim: (B, L, T, V, 2), segments of windows
        lead, x = x.shape[:2], x.flatten(0, 1)  # (B L, T, V, 2)
    elif x.ndim == 4 and x.shape[1] == 2:
        lead, x = x.shape[:1], x.permute(0, 2, 3, 1).contiguous()  # (N, T, V, 2)
    else:
        raise SpotlibError(f"input has shape {tuple(x.shape)}, expected (N, 2, T, V) or (B, L, T, V, 2)")
    weights = {name.removeprefix("weights/"): a for name, a in arrays.items() if name.startswith("weights/")}
    model = build_released(weights, frames=x.shape[1], nodes=x.shape[2])
    for mode in ("eval", "train"):
        if not any(name.startswith(f"{mode}/") for name in arrays):
            continue
        model.train(mode == "train")
        outputs = {name: value for name, value in model(x)._asdict().items() if value is not None}
        for name, value in outputs.items():
            if f"{mode}/{name}" in arrays:
                value = value.reshape(*lead, -1)
                c.add(f"{mode}/{name}", value, arrays[f"{mode}/{name}"], atol=FORWARD_ATOL, rtol=FORWARD_RTOL)
        loss = sum((value.square().mean() for value in outputs.values()), torch.zeros(()))
        if f"{mode}/loss" in arrays:
            c.add(f"{mode}/loss", loss, arrays[f"{mode}/loss"], rtol=GRADIENT_RTOL)
        if f"{mode}/grad_l2" in arrays:
            model.zero_grad()
            loss.backward()
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
            c.add(f"{mode}/grad_l2", norm, arrays[f"{mode}/grad_l2"], rtol=GRADIENT_RTOL)
    if isinstance(model, SpotGCN):
        for name, graph in (("graph/A1", model.graph), ("graph/A2", model.graph.region_graph())):
            if name in arrays:
                c.add(name, graph.laplacian()[None], arrays[name], atol=1e-6)
    c.leftover(name for name in arrays if name.startswith(("eval/", "train/", "graph/")))
    return f"{type(model).__name__}, T = {x.shape[1]}, {c.count} arrays"


#: names of targets in the release's files -> ours
_TARGETS = {
    "apex_micro": "apex_micro",
    "apex_macro": "apex_macro",
    "action_micro": "expression_micro",
    "action_macro": "expression_macro",
    "boundary_micro": "boundary_micro",
    "boundary_macro": "boundary_macro",
    "supcon_class": "contrastive",
}


def _check_losses(arrays: Arrays, c: _Comparison) -> str:
    """Every term, and the total for every MaE weight that the file names."""
    of_batch = FrameTargets(**{ours: arrays[stored] for stored, ours in _TARGETS.items()}).to_torch()
    logits, embedding = torch.from_numpy(arrays["logits"]), torch.from_numpy(arrays["embedding"])
    terms = spotting_loss(logits, embedding, of_batch, macro_weight=0.5)[1]
    for name in (name for name in arrays if name.startswith("expected/")):
        term = name.removeprefix("expected/")
        if term.startswith("total_lambda_"):
            weight = float(term.removeprefix("total_lambda_"))
            ours = spotting_loss(logits, embedding, of_batch, macro_weight=weight)[0]
        elif term == "supcon" or term in _TARGETS:
            ours = terms["contrastive" if term == "supcon" else _TARGETS[term]]
        else:
            c.count += 1
            c.off.append(f"{name}: unknown term")
            continue
        c.add(name, ours, arrays[name], atol=1e-6, rtol=1e-5)
    return f"{len(logits)} windows, {c.count} terms"


def _check_labels(arrays: Arrays, c: _Comparison) -> str:
    """The release's targets of segments of frame labels."""
    labels = arrays["frame_labels"]
    ours = targets(labels, author_quirks=True)
    for stored, name in _TARGETS.items():
        if stored in arrays:
            exact = np.issubdtype(arrays[stored].dtype, np.integer)
            c.add(stored, getattr(ours, name), arrays[stored], atol=0.0 if exact else 1e-6)
    c.leftover(name for name in arrays if name != "frame_labels")
    return f"{labels.shape[0]} segments of {labels.shape[1]} frames, {c.count} arrays"


def _check_proposals(arrays: Arrays, c: _Comparison) -> str:
    """Candidates in order, their scores, and what NMS keeps, for each video and kind."""
    places = sorted({name.rsplit("/", 1)[0] for name in arrays})
    none = np.empty((0, 3), dtype=np.int64)  # the release stores nothing where nothing was found
    for place in places:
        kind = place.rsplit("/", 1)[-1]
        if kind not in tuple(KINDS):
            raise SpotlibError(f"{place!r} ends with neither macro nor micro")
        rule = AUTHOR_RULES[Kind(kind)]
        apex, start, end = (arrays[f"{place}/{name}"] for name in ("apex", "start", "end"))
        found = proposals(apex, start, end, threshold=rule.threshold, k_min=rule.k_min, k_max=rule.k_max)
        kept = found[nms(found, iou=rule.nms_iou, keep=rule.max_per_video)]
        c.add(f"{place}/candidates", found.frames, arrays.get(f"{place}/candidates", none))
        c.add(
            f"{place}/candidate_scores",
            found.scores,
            arrays.get(f"{place}/candidate_scores", none[:, 0]),
            rtol=1e-6,
        )
        c.add(f"{place}/kept", kept.frames, arrays.get(f"{place}/kept", none))
    return f"{len(places)} videos and kinds"


_KINDS: tuple[tuple[Callable[[Arrays], bool], Callable[[Arrays, _Comparison], str]], ...] = (
    (lambda a: "input" in a and any(name.startswith("weights/") for name in a), _check_network),
    (lambda a: "logits" in a and any(name.startswith("expected/") for name in a), _check_losses),
    (lambda a: "frame_labels" in a, _check_labels),
    (lambda a: any(name.count("/") > 1 and name.endswith("/apex") for name in a), _check_proposals),
)


def _role(table: Path) -> str | None:
    """What a CSV file holds by its columns: "predictions", "annotation", or None."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            columns = set(next(csv.reader(file), ()))
    except _BROKEN:
        return None
    if not {"video_name", "type_idx", "start_frame", "end_frame"} <= columns:
        return None
    return "predictions" if "score" in columns else "annotation"


def _check_matching(file: Path, tables: Mapping[Path, str | None]) -> ParityLine | None:
    """Hits of the author protocol's matching, in the two tables beside ``file``."""
    stored = json.loads(file.read_text(encoding="utf-8"))
    names = (*map(str, KINDS), "overall")
    if not isinstance(stored, dict) or not any(isinstance(stored.get(n), dict) for n in names):
        return None
    read = []
    for role in ("annotation", "predictions"):
        beside = [table for table, of_table in tables.items() if of_table == role]
        if len(beside) != 1:
            raise SpotlibError(f"{len(beside)} tables of the {role} lie beside it, one is needed")
        read.append(_released_events(beside[0]))
    truth, predicted = read
    c, totals = _Comparison(), np.zeros(3, dtype=np.int64)
    for kind in KINDS:
        counts = np.zeros(3, dtype=np.int64)  # found, predicted, ground truth
        for video in dict.fromkeys([*truth, *predicted]):
            true, found = ([e for e in events.get(video, []) if e.kind is kind] for events in (truth, predicted))
            counts += (len(match(true, found, protocol="author")), len(found), len(true))
        totals += counts
        _compare_counts(c, str(kind), counts, stored)
    _compare_counts(c, "overall", totals, stored)
    c.leftover(f"{of}/{key}" for of, values in stored.items() if isinstance(values, dict) for key in values)
    return c.line(file.name, f"{totals[2]} true and {totals[1]} predicted events")


def _compare_counts(c: _Comparison, name: str, counts: np.ndarray, stored: dict) -> None:
    for key, value in zip(("found", "predicted", "ground_truth"), counts, strict=True):
        if key in stored.get(name, {}):
            c.add(f"{name}/{key}", value, stored[name][key])
    if "f1" in stored.get(name, {}):
        total = counts[1] + counts[2]
        c.add(f"{name}/f1", 2 * counts[0] / total if total else 0.0, stored[name]["f1"], atol=1e-9)


def _released_events(table: Path) -> dict[str, list[Event]]:
    events: dict[str, list[Event]] = {}
    with table.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file, strict=True):
            kind = {"1": Kind.MACRO, "2": Kind.MICRO}[row["type_idx"].strip()]
            event = Event(kind, int(row["start_frame"]), None, int(row["end_frame"]))
            events.setdefault(row["video_name"], []).append(event)
    return events


def format_lines(lines: Iterable[ParityLine]) -> str:
    """One line per fixture (name, largest absolute and relative error, ok or OFF, note), then a count."""
    lines = list(lines)
    width = max((len(line.name) for line in lines), default=7)
    rows = [f"{'fixture':{width}}  {'absolute':>9}  {'relative':>9}"]
    for line in lines:
        errors = "  ".join(f"{'-' if e is None else format(e, '.2e'):>9}" for e in (line.absolute, line.relative))
        rows.append(f"{line.name:{width}}  {errors}  {'ok ' if line.ok else 'OFF'}  {line.note}".rstrip())
    good = sum(line.ok for line in lines)
    return "\n".join([*rows, f"{good} of {len(lines)} fixtures ok"])
