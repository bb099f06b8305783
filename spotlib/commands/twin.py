"""`spotlib twin`: write a synthetic twin of a data set to disk, in the real layout or as somebody's own data."""

from __future__ import annotations

from pathlib import Path

import click

from spotlib.commands.run_options import WORKERS


@click.command()
@click.argument("dataset")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--layout", is_flag=True, help="Folders, names and spreadsheet of the real data set, quirks included.")
@click.option("--subjects", type=click.IntRange(1, 1000), help="Only the first so many people.")
@click.option("--videos", type=click.IntRange(1, 100), help="Videos of each person (default: as in the data set).")
@click.option("--seconds", type=click.FloatRange(1, 7200), help="Median length of a video, if not as in the data set.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=270, show_default=True)
@click.option("--size", type=click.IntRange(64, 4096), nargs=2, metavar="HEIGHT WIDTH", help="Of the pictures, in px.")
@click.option("--annotations", type=click.Path(path_type=Path), help="Play this annotation table of the real data set.")
@click.option("--durations", type=click.Path(path_type=Path), help="CSV of video,n_frames for --annotations.")
@click.option("--part", type=click.Choice(["A", "C"]), default="A", show_default=True, help="Of CAS(ME)^3.")
@click.option("--sampled-only", is_flag=True, help="SAMM-LV with --layout: only the pictures that --sampling uses.")
@click.option(
    "--sampling",
    type=click.Choice(["every_7th_round", "every_8th_floor"]),
    default="every_7th_round",
    show_default=True,
    help="Of SAMM-LV.",
)
@WORKERS
def twin(
    dataset: str,
    out: Path,
    layout: bool,
    subjects: int | None,
    videos: int | None,
    seconds: float | None,
    seed: int,
    size: tuple[int, int] | None,
    annotations: Path | None,
    durations: Path | None,
    part: str,
    sampled_only: bool,
    sampling: str,
    workers: int | None,
) -> None:
    """Render the twin of DATASET (demo, samm_lv, cas_me2, cas_me3) into the folder OUT.

    Without --layout: OUT/events.csv and OUT/videos/NAME/000000.jpg, which `spotlib run own --root OUT` takes. An
    interrupted run goes on where it stopped. All of it is synthetic: rendered faces of invented people.
    """
    from spotlib.datasets.twin_disk import write_twin

    said = write_twin(
        dataset,
        out,
        layout=layout,
        seed=seed,
        part=part,
        subjects=subjects,
        videos_per_subject=videos,
        seconds=seconds,
        size=size,
        annotations=annotations,
        durations=durations,
        sampled_only=sampled_only,
        sampling=sampling,
        workers=workers,
    )
    click.echo(said)
