"""Fold rows as a run would leave them, from a seed: random but plausible, and no training needed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from spotlib.variants import get_variant

FPS, N_FRAMES, FOLDS = 30.0, 600, 4
# recall of MaE and ME, false alarms per video and kind, boundary error in frames
SKILL = {
    "spotformer": ("SpotFormer", 0.68, 0.55, 0.9, 2.0),
    "peaks": ("Peak detector", 0.42, 0.28, 2.4, 4.0),
    "no_contrastive": ("without contrastive loss", 0.66, 0.54, 1.0, 2.1),
    "no_flgp": ("without FLGP", 0.60, 0.42, 1.2, 2.4),
    "k11": ("K = 11", 0.45, 0.52, 1.2, 3.0),
}


def skill(variant: str) -> tuple[str, float, float, float, float]:
    """Label and skill of any variant; those that are not listed do about as well as the main system."""
    if variant in SKILL:
        return SKILL[variant]
    wobble = 0.1 * _rng(variant).random()
    return get_variant(variant).label, 0.60 + wobble, 0.48 + wobble, 1.1, 2.2


LOSSES = (
    "apex_micro",
    "boundary_micro",
    "expression_micro",
    "apex_macro",
    "boundary_macro",
    "expression_macro",
    "contrastive",
)


def truth_of(subject: str, video: str, seed: int = 0) -> list[dict[str, Any]]:
    """The true events of one video: the same for every system."""
    rng = _rng(subject, video, seed)
    events, frame = [], int(rng.integers(20, 50))
    kinds = rng.permutation(["micro"] * int(rng.integers(3, 6)) + ["macro"] * 3)
    for kind in kinds:
        length = int(rng.integers(8, 16)) if kind == "micro" else int(rng.integers(20, 70))
        if frame + length >= N_FRAMES:
            break
        apex = frame + int(0.4 * length)
        events.append(_event(str(kind), frame, apex, frame + length - 1, aus=["4"]))
        frame += length + int(rng.integers(12, 50))
    return events


def make_rows(
    variants: tuple[str, ...] = tuple(SKILL),
    *,
    folds: int = FOLDS,
    subjects: int = 12,
    videos: int = 2,
    seeds: tuple[int, ...] = (270,),
    dataset: str = "demo",
    synthetic: bool = True,
    params: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Rows of ``variants``: one per fold and seed, in the form of the row store.

    ``params`` go into the rows' keys, besides what is always there.
    """
    names = [f"s{i:02d}" for i in range(1, subjects + 1)]
    made = [
        _row(variant, fold, seed, names, folds=folds, videos=videos, dataset=dataset, synthetic=synthetic)
        for variant in variants
        for seed in seeds
        for fold in range(folds)
    ]
    for row in made:
        row["key"]["params"] |= params or {}
    return made


def fail(row: dict[str, Any], error: str = "RuntimeError: out of memory") -> dict[str, Any]:
    """The same fold as a failed row."""
    kept = ("schema", "digest", "key", "dataset", "synthetic", "variant", "system", "fold", "n_folds", "seed",
            "train_subjects", "inner_subjects", "test_subjects")  # fmt: skip
    return {
        **{name: row[name] for name in kept},
        "status": "failed",
        "error": error,
        "traceback": f"...\n{error}",
    }


def make_scores(row: dict[str, Any], video: str) -> dict[str, np.ndarray]:
    """The arrays beside a row for one video: scores (T, 10), or (T, 2) for peaks, and valid (T,)."""
    of_video = next(v for v in row["videos"] if v["video"] == video)
    rng = _rng(video, row["variant"], 5)
    frames = np.arange(N_FRAMES)
    apex = {kind: 0.12 + 0.04 * rng.random(N_FRAMES) for kind in ("micro", "macro")}
    for event in of_video["truth"] + of_video["clean"]:
        width = 3 if event["kind"] == "micro" else 9
        bump = rng.uniform(0.4, 0.75) * np.exp(-((frames - event["apex"]) ** 2) / (2 * width**2))
        apex[event["kind"]] = np.maximum(apex[event["kind"]], 0.14 + bump)
    if row["variant"] == "peaks":
        scores = np.stack([3 * apex["micro"], 3 * apex["macro"]], axis=1)
    else:
        scores = np.full((N_FRAMES, 10), 1 / 3)
        scores[:, 6], scores[:, 7] = apex["micro"], apex["macro"]
    valid = np.ones(N_FRAMES, dtype=bool)
    for first, last in of_video["gaps"]:
        valid[first : last + 1] = False
    return {f"{video}/scores": scores.astype(np.float16), f"{video}/valid": valid}


def _row(
    variant: str,
    fold: int,
    seed: int,
    names: list[str],
    *,
    folds: int,
    videos: int,
    dataset: str,
    synthetic: bool,
) -> dict[str, Any]:
    test = names[fold::folds]
    rest = [name for name in names if name not in test]
    key = {
        "code": {"spotlib.fold": "0" * 12},
        "params": {"dataset": dataset, "iou": 0.5, "epochs": 24, "apex_threshold": 0.5},
        "data": "d" * 16,
        "fold": fold,
        "seed": seed,
    }
    learned = variant != "peaks"
    return {
        "schema": 1,
        "digest": hashlib.sha256(f"{variant}{fold}{seed}".encode()).hexdigest(),
        "key": key, "dataset": dataset, "synthetic": synthetic, "variant": variant,
        "system": skill(variant)[0], "fold": fold, "n_folds": folds, "seed": seed,
        "train_subjects": rest[2:], "inner_subjects": rest[:2], "test_subjects": test,
        "chosen": {"epoch": 19 if learned else None, "inner_f1": 0.61},
        "curves": _curves(variant, fold, seed) if learned else [],
        "videos": [_video(variant, seed, s, f"{s}_{k + 1}") for s in test for k in range(videos)],
        "author_epochs": [20, 21, 22, 23] if learned else [],
        "parameters": 51234 if learned else 0, "gflop_per_window": 0.0123 if learned else 0.0,
        "train_seconds": 61.2, "windows_per_second": 1234.5, "device": "cpu", "status": "done",
    }  # fmt: skip


def _video(variant: str, seed: int, subject: str, video: str) -> dict[str, Any]:
    truth = truth_of(subject, video)
    rng = _rng(variant, video, seed)
    return {
        "subject": subject, "video": video, "n_frames": N_FRAMES, "fps": FPS,
        "gaps": [[300, 330]] if subject == "s01" else [],
        "truth": truth, "clean": _spotted(variant, truth, rng, 1.0),
        "author": _spotted(variant, truth, rng, 1.15),
        "author_epoch": 22 if variant != "peaks" else None,
    }  # fmt: skip


def _spotted(variant: str, truth: list[dict[str, Any]], rng: np.random.Generator, luck: float) -> list[dict[str, Any]]:
    _, macro, micro, alarms, error = skill(variant)
    found = []
    for event in truth:
        if rng.random() < luck * (macro if event["kind"] == "macro" else micro):
            spread = error * (1 if event["kind"] == "micro" else 3) / luck
            onset = max(0, round(event["onset"] + rng.normal(0, spread)))
            offset = min(N_FRAMES - 1, max(onset + 4, round(event["offset"] + rng.normal(0, spread))))
            kind = event["kind"] if rng.random() > 0.1 else {"micro": "macro", "macro": "micro"}[event["kind"]]
            found.append(_event(kind, onset, (onset + offset) // 2, offset, score=float(rng.uniform(0.25, 0.9))))
    for kind, length in (("micro", 12), ("macro", 40)):
        for _ in range(rng.poisson(alarms / luck)):
            onset = int(rng.integers(0, N_FRAMES - length))
            score = float(rng.uniform(0.1, 0.6))
            found.append(_event(kind, onset, onset + length // 2, onset + length - 1, score=score))
    return found


def _curves(variant: str, fold: int, seed: int) -> list[dict[str, float]]:
    rng = _rng(variant, str(fold), seed)
    curves = []
    for epoch in range(24):
        fall = np.exp(-epoch / 7)
        point = {
            "epoch": epoch,
            "step": (epoch + 1) * 40,
            "lr": 1e-3 * 0.96**epoch,
            "loss": 0.5 + 2 * fall + rng.normal(0, 0.03),
        }
        point |= {name: (0.1 + 0.08 * i) * (0.3 + fall) + rng.normal(0, 0.004) for i, name in enumerate(LOSSES)}
        if epoch % 2 == 1:
            rise = 1 / (1 + np.exp(-(epoch - 9) / 2.5))
            point |= {
                "inner_f1_macro": 0.65 * rise,
                "inner_f1_micro": 0.5 * rise**2,
                "inner_f1": 0.57 * rise + rng.normal(0, 0.02),
            }
        curves.append({name: round(float(value), 6) for name, value in point.items()})
    return curves


def _event(
    kind: str, onset: int, apex: int, offset: int, *, aus: list[str] | None = None, score: float | None = None
) -> dict[str, Any]:
    scored = {} if score is None else {"score": round(score, 6)}
    return {
        "kind": kind,
        "onset": onset,
        "apex": apex,
        "offset": offset,
        **scored,
        "aus": aus or [],
        "side": "both",
    }


def _rng(*what: object) -> np.random.Generator:
    digest = hashlib.sha256(repr(what).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
