"""`spotlib train`: weights to be used, from data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spotlib.commands.run_options import opened, run_options
from spotlib.errors import SpotlibError


@click.command()
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@click.option("--export", "out", required=True, type=click.Path(path_type=Path), help="The .safetensors file to write.")
@run_options
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option("--rows", type=click.Path(path_type=Path), help="Packed rows of a cross-validation, for the model card.")
@click.option("--full-precision", is_flag=True, help="Matrices as float32: twice the size.")
def train(
    datasets: tuple[str, ...],
    out: Path,
    root: str | None,
    device: str,
    rows: Path | None,
    full_precision: bool,
    **options: Any,
) -> None:
    """Train weights for `spotlib spot` on all people of DATASET but a few, who choose epoch and thresholds.

    Beside the file stands a model card. Weights from a real data set are for those who may use that data set. Several
    data sets (their twins) are trained on together.
    """
    from spotlib.devices import use_device
    from spotlib.progress import log
    from spotlib.runner import load_clips
    from spotlib.spot.export import export, joined, measured_by_rows, train_weights

    if out.suffix != ".safetensors":
        raise SpotlibError(f"{out}: weights are written as .safetensors; give such a name")
    if root is not None and len(datasets) > 1:
        raise SpotlibError("--root is the folder of one data set; give one")
    use_device(device)
    measured = measured_by_rows(rows) if rows is not None else {}
    parts = []
    for name in datasets:
        run = opened(name, root=root, **options)
        log.info("%s", repr(run))
        run.features()
        parts.append((name, run, load_clips(run, run.dataset.subjects, run.params)))
    clips, params = joined([(name, own, run.params) for name, run, own in parts])
    said = [f"{name} ({'synthetic twin' if run.synthetic else 'real'})" for name, run, _ in parts]
    from spotlib.provenance import git_commit

    weights = train_weights(
        clips,
        params,
        synthetic=all(run.synthetic for _, run, _ in parts),
        trained_on={"data sets": said},
        measured=measured,
        commit=git_commit(),
        device=device,
        half=not full_precision,
        beat=lambda done, total: log.info("epoch %d of %d", done, total),
    )
    for path in export(weights, out, half=not full_precision):
        click.echo(path)
