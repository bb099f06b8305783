from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spotlib.commands.twin import twin as command
from spotlib.datasets import twin_pictures
from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.layout_tables import table_path, write_table
from spotlib.datasets.reenact import reenact
from spotlib.datasets.twin import TwinVideo
from spotlib.datasets.twin_dataset import twin_videos
from spotlib.datasets.twin_disk import write_twin
from spotlib.errors import SpotlibError

TINY = {"subjects": 1, "videos_per_subject": 2, "seconds": 3.0, "size": (64, 86)}


@pytest.fixture(autouse=True)
def here_and_faceless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other processes, no faces: what is written where is tested here."""

    def render(self: TwinVideo, index: int) -> np.ndarray:
        return np.full((*self.spec.size, 3), self._checked(index) % 256, dtype=np.uint8)

    def run_jobs(function, jobs, **_):
        return [function(*job, lambda *_: None) for job in jobs]

    monkeypatch.setattr(TwinVideo, "render", render)
    monkeypatch.setattr(twin_pictures, "run_jobs", run_jobs)


def test_what_is_said_about_a_layout(tmp_path: Path):
    out = tmp_path / "x"
    said = write_twin("samm_lv", out, layout=True, sampled_only=True, seed=5, **TINY)
    videos = twin_videos("samm_lv", seed=5, **TINY)
    table = read_annotations("samm_lv", out / table_path("samm_lv"))
    macro = sum(record.kind == "macro" for record in table.records)
    pictures = sum(-(-video.n_frames // 7) for video in videos)
    assert said.splitlines() == [
        f"{out}: SYNTHETIC twin of samm_lv, 1 people, 2 videos, {pictures} pictures, 0.00 GB,"
        f" {macro} MaE, {len(table.records) - macro} ME",
        f"to use it: spotlib doctor samm_lv {out}, spotlib run samm_lv --root {out}",
    ]
    assert len(list(out.rglob("*.jpg"))) == pictures
    assert "2 videos (2 of them were there already)" in write_twin(
        "samm_lv", out, layout=True, sampled_only=True, seed=5, **TINY
    )


def test_part_c_says_how_it_is_used(tmp_path: Path):
    out = tmp_path / "x"
    said = write_twin("cas_me3", out, layout=True, part="C", subjects=1, seconds=4.0, size=(64, 86))
    assert said.endswith(f"spotlib doctor cas_me3 {out} --part C, spotlib run cas_me3 --root {out} -p part=C")


@pytest.mark.parametrize("name", ["demo", "samm_lv", "cas_me2", "cas_me3"])
def test_without_a_layout_it_is_own_data(tmp_path: Path, name: str):
    out = tmp_path / "x"
    assert f"spotlib run own --root {out}" in write_twin(name, out, seed=5, **TINY)
    (first,) = (path.parent.name for path in out.rglob("000000.jpg") if path.parent.name.endswith(("_1", "_a", "0101")))
    assert (out / "events.csv").read_text().startswith("subject,video,kind,onset,apex,offset")
    last = max(int(path.stem) for path in (out / "videos" / first).iterdir())
    n_frames = (make_first(name).n_frames - 1) // (7 if name == "samm_lv" else 1) + 1
    assert last == n_frames - 1


def make_first(name: str) -> TwinVideo:
    return twin_videos(name, seed=5, **TINY)[0]


def test_a_table_is_played(tmp_path: Path):
    source = twin_videos("cas_me2", seed=3, **TINY, macro_per_video=2.0)
    write_table(tmp_path / "table.xlsx", source, "cas_me2")
    (tmp_path / "lengths.csv").write_text("video,n_frames\n15_0101,200\n")
    out = tmp_path / "x"
    lengths = tmp_path / "lengths.csv"
    said = write_twin(
        "cas_me2", out, layout=True, annotations=tmp_path / "table.xlsx", durations=lengths, size=(64, 86)
    )
    told = read_annotations("cas_me2", tmp_path / "table.xlsx")
    assert f"{sum(r.kind == 'macro' for r in told.records)} MaE" in said
    again = read_annotations("cas_me2", out / table_path("cas_me2"))
    assert [(r.video, r.onset, r.aus) for r in again.records] == [(r.video, r.onset, r.aus) for r in told.records]
    assert len(list((out / "CAS(ME)^2/rawpic/s15").glob("15_0101*/*.jpg"))) == 200
    assert "table table.xlsx" in (out / "README.txt").read_text()
    assert [v.name for v in reenact(told)] == sorted({r.video for r in told.records})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("demo", {"layout": True}, "demo: is no twin of a real data set; leave out --layout, --annotations and --part"),
        ("cas_me2", {"part": "C"}, "cas_me2 has no part 'C'; only cas_me3 has the parts A and C"),
        ("cas_me4", {}, r"unknown data set 'cas_me4'; did you mean 'cas_me\d'"),
        ("samm_lv", {"durations": "x.csv"}, "x.csv: lengths are used with an annotation table only"),
        ("samm_lv", {"sampled_only": True}, "--sampled-only: without --layout only the pictures used are written"),
        ("samm_lv", {"annotations": "x.xlsx", "seconds": 3.0}, "x.xlsx: the table says which videos there are"),
        ("samm_lv", {"workers": 0}, "workers is 0; give 1 or more"),
        ("cas_me2", {"sampled_only": True, "layout": True}, "cas_me2: all of its pictures are used"),
    ],
)
def test_what_does_not_fit_together(tmp_path: Path, name: str, options: dict, message: str):
    with pytest.raises(SpotlibError, match=message):
        write_twin(name, tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_the_command(tmp_path: Path):
    out = tmp_path / "x"
    options = [
        "--layout",
        "--subjects",
        "1",
        "--videos",
        "1",
        "--seconds",
        "2",
        "--seed",
        "5",
        "--size",
        "64",
        "86",
        "--workers",
        "1",
    ]
    done = CliRunner().invoke(command, ["cas_me3", str(out), *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.output.startswith(f"{out}: SYNTHETIC twin of cas_me3, 1 people, 1 videos,")
    assert list(out.glob("part_A/data/part_A/spNO.1/a/color/*.jpg"))
    refused = CliRunner().invoke(command, ["cas_me3", str(out), "--part", "B"])
    assert refused.exit_code == 2
    assert "'B' is not one of 'A', 'C'" in refused.output
