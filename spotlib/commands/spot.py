"""`spotlib spot`: macro- and micro-expressions in one's own videos, or before a camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from spotlib.errors import SpotlibError


@click.command()
@click.argument("videos", nargs=-1, metavar="[VIDEO]...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for results (default: spotted).")
@click.option("--weights", metavar="FILE", help="Weights of your own (.safetensors); default: those of spotlib.")
@click.option("--kinds", default="macro,micro", show_default=True, help="What to look for.")
@click.option("--min-score", type=float, help="Leave out events with a lower score, 0 to 1 (default: as trained).")
@click.option("--fps", type=click.FloatRange(1, 1000), help="Bring to this rate; of a folder of images: its rate.")
@click.option("--face", type=click.Choice(["only", "largest"]), help="If there are two faces: stop, or the largest.")
@click.option(
    "--formats", default="", help="More files: eaf,textgrid,boris,webvtt,bids,megc,json (csv is always there)."
)
@click.option("--no-pictures", is_flag=True, help="No second look at the events: no strips, loops and arrows.")
@click.option("--force", is_flag=True, help="Spot again what was done before.")
@click.option("--camera", type=click.IntRange(0), metavar="N", help="Live, from camera N (0: the first).")
@click.option(
    "--stream", type=click.Path(path_type=Path), metavar="FILE", help="Live, from a file as if from a camera."
)
@click.option("--realtime", is_flag=True, help="With --stream: no faster than it was filmed.")
@click.option("--stop-after", type=click.FloatRange(0.6), metavar="SECONDS", help="End a live run after so long.")
def spot(
    videos: tuple[Path, ...],
    out: Path | None,
    weights: str | None,
    kinds: str,
    min_score: float | None,
    fps: float | None,
    face: Literal["only", "largest"] | None,
    formats: str,
    no_pictures: bool,
    force: bool,
    camera: int | None,
    stream: Path | None,
    realtime: bool,
    stop_after: float | None,
) -> None:
    """Find macro- and micro-expressions (onset, apex, offset, score) in each VIDEO.

    VIDEO: a file, a folder of images, or a folder of videos. Each gets a folder with events.csv, scores.npz and
    report.html, and a row in summary.csv; what was done before is not done again. Live, events are printed as soon as
    nothing can change them.

    What is found are movements of the face, proposals for a person to look at: no feelings, no lies, no diagnosis.
    """
    from spotlib.spot.batch import formats_of

    live = camera is not None or stream is not None
    if (camera is not None) + (stream is not None) + bool(videos) != 1:
        raise SpotlibError("give VIDEO files, or --camera N, or --stream FILE: one of the three")
    if realtime and stream is None:
        raise SpotlibError("--realtime goes with --stream FILE")
    if stop_after is not None and not live:
        raise SpotlibError("--stop-after goes with --camera or --stream")
    chosen = tuple(kind.strip() for kind in kinds.split(",") if kind.strip())
    names = formats_of(formats)
    from spotlib.spot.spotting import choose_rules
    from spotlib.spot.weights import load_weights

    known = load_weights(weights)
    rules = choose_rules(known, chosen, min_score)
    if live:
        _live(known, rules, camera=camera, stream=stream, realtime=realtime, fps=fps, face=face or "largest", out=out,
              formats=names, stop_after=stop_after)  # fmt: skip
        return
    from spotlib.spot.batch import Job, plain, spot_all, videos_in

    job = Job(
        weights=known, kinds=tuple(rules), min_score=min_score, fps=fps, face=face or "only",
        pictures=not no_pictures, formats=names, force=force,
    )  # fmt: skip
    out = out or Path("spotted")
    rows = spot_all(videos_in(videos), out, job)
    for row in rows:
        if row["status"] != "failed":
            found = f"{row['macro']} macro, {row['micro']} micro"
            again = ", done before" if row["status"] == "done before" else ""
            click.echo(f"{plain(out)}/{row['folder']}: {found} in {row['seconds']:.1f} s of video{again}")
    failed = [row for row in rows if row["status"] == "failed"]
    if failed and len(rows) == 1:
        raise SpotlibError(failed[0]["error"])
    if failed:
        raise SpotlibError(f"{len(failed)} of {len(rows)} videos failed, the first: {failed[0]['error']}")


def _live(
    weights: Any, rules: Any, *, camera: int | None, stream: Path | None, realtime: bool, fps: float | None,
    face: Literal["only", "largest"], out: Path | None, formats: tuple[str, ...], stop_after: float | None,
) -> None:  # fmt: skip
    from spotlib.progress import log
    from spotlib.spot.batch import plain, prepare
    from spotlib.spot.live import CameraFeed, FileFeed, stopped_by_interrupt, watch

    if out is not None:
        prepare(out)
    feed: CameraFeed | FileFeed
    if camera is not None:
        feed = CameraFeed(camera)
    else:
        assert stream is not None
        feed = FileFeed(stream, fps=fps, realtime=realtime)
    for note in feed.notes:
        log.info("%s: %s", plain(feed.name), note)

    def show(event: Any, begin: float, end: float, moved: tuple[str, str]) -> None:
        region, side = moved
        where = f"  {region}{'' if side == 'both' else ' ' + side}" if region else ""
        click.echo(f"{begin:9.3f} s to {end:9.3f} s  {event.kind}  score {event.score:.2f}{where}")

    log.info("%s: Ctrl-C ends", plain(feed.name))
    with stopped_by_interrupt(feed):
        told = watch(feed, weights, rules, face=face, keep=out is not None, stop_after=stop_after, on_event=show)
    click.echo(str(told), err=True)
    if out is not None and told.result is not None:
        import time

        from spotlib.spot.folder import folder_for, locked, save_result

        named = stream if stream is not None else Path(f"camera-{camera}-{time.strftime('%Y%m%d-%H%M%S')}")
        folder = folder_for(out, named)
        with locked(folder):
            save_result(folder, told.result, formats=formats)
        click.echo(plain(folder))
