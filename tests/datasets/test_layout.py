"""The acceptance test of loaders and layouts: what the real loader reads from a twin on disk is the twin."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from spotlib.datasets import annotator, layout_tables, twin_pictures
from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.annotator import SLIPS, Slips, records
from spotlib.datasets.base import Dataset
from spotlib.datasets.conventions import Conventions
from spotlib.datasets.layout import write_layout, write_own
from spotlib.datasets.layout_tables import table_path
from spotlib.datasets.records import Annotations, Origin, Record
from spotlib.datasets.reenact import reenact
from spotlib.datasets.sampled import AnnotatedTwin, annotated
from spotlib.datasets.twin import TwinVideo, make_twin
from spotlib.datasets.twin_dataset import load_twin, twin_videos
from spotlib.datasets.twin_files import file_plan, picture_folder
from spotlib.errors import SpotlibError

#: many events and slips in little time
CHANGES = {"subjects": 2, "videos_per_subject": 2, "size": (64, 86), "micro_per_video": 1.5, "macro_per_video": 2.5}
SECONDS = {"samm_lv": 2.0, "cas_me2": 7.0, "cas_me3": 7.0}
MANY_SLIPS = {
    "samm_lv": Slips(unknown_onset=0.9, unknown_apex=0.2, fractional=0.5, intensities=0.6, doubtful=0.2),
    "cas_me2": Slips(unknown_apex=0.1, missing_offset=0.35, apex_outside=0.15, doubtful=0.1),
    "cas_me3": Slips(doubtful=0.1),
}
EVERY = {
    "samm_lv": [
        Conventions(sampling=s, unknown_onset=o, unknown_apex=a)
        for s, o, a in itertools.product(
            ("every_7th_round", "every_8th_floor"), ("keep", "drop", "first_frame"), ("midpoint", "drop")
        )
    ],
    "cas_me2": [
        Conventions(missing_offset=m) for m in ("onset_plus_20", "apex", "apex_plus_20", "drop", "keep_zero")
    ],
    "cas_me3": [
        Conventions(),
        Conventions(max_micro=None),
        Conventions(max_macro=None, max_micro=None),
        Conventions(max_macro=40),
    ],
}  # fmt: skip
CASES = [("samm_lv", "A"), ("cas_me2", "A"), ("cas_me3", "A"), ("cas_me3", "C")]


def quick_render(self: TwinVideo, index: int) -> np.ndarray:
    """A picture that only this frame of this video has, without a face: what is on it does not matter here."""
    y, x = np.mgrid[0 : self.spec.size[0], 0 : self.spec.size[1]]
    grey = (self._checked(index) * 5 + x * (1 + self.number) + y * (1 + self.person)) % 256
    return np.repeat(grey[..., None].astype(np.uint8), 3, axis=2)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Path]]:
    """The twins on disk, faceless, in the layouts of the real data sets."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as executor:
        patch.setattr(TwinVideo, "render", quick_render)
        for name, slips in MANY_SLIPS.items():
            patch.setitem(SLIPS, name, slips)
        roots = {}
        for name, part in CASES:
            roots[name, part] = tmp_path_factory.mktemp("twin") / "data"
            write_layout(videos(name, part), name, roots[name, part], part=part, executor=executor)
        yield roots


def videos(name: str, part: str) -> tuple[TwinVideo, ...]:
    changes = CHANGES if part == "A" else {"subjects": 3, "size": (64, 86), "micro_per_video": 3.0}
    return twin_videos(name, seed=11, part=part, **({"seconds": SECONDS[name]} | changes))


def twin(name: str, part: str, conventions: Conventions) -> Dataset:
    return annotated(videos(name, part), name, conventions, part=part)


def load(root: Path, name: str, part: str, conventions: Conventions) -> Dataset:
    dataset, _ = importlib.import_module(f"spotlib.datasets.{name}").load(root, conventions, part=part)
    return dataset


def bare(found: list[Record] | tuple[Record, ...]) -> list[Record]:
    nowhere = Origin(file="")
    return sorted((dataclasses.replace(r, origin=nowhere) for r in found), key=repr)


@pytest.mark.parametrize(("name", "part"), CASES)
def test_the_loader_gives_the_events_of_the_twin_under_every_convention(written, name: str, part: str):
    different = set()
    for conventions in EVERY[name]:
        read, made = load(written[name, part], name, part, conventions), twin(name, part, conventions)
        assert read.synthetic
        assert read.name == made.name
        assert [(v.subject, v.name, v.n_frames) for v in read.videos] == [
            (v.subject, v.name, v.n_frames) for v in made.videos
        ]
        assert [v.fps for v in read.videos] == pytest.approx([v.fps for v in made.videos])
        assert [v.events for v in read.videos] == [v.events for v in made.videos]
        different.add(tuple(v.events for v in made.videos))
    if part == "A":
        assert len(different) > len(EVERY[name]) // 2  # so the conventions do something here


@pytest.mark.parametrize(("name", "part"), CASES)
def test_the_loader_gives_the_frames_of_the_twin(written, name: str, part: str):
    samplings = ("every_7th_round", "every_8th_floor") if name == "samm_lv" else ("every_7th_round",)
    held = 0
    for sampling in samplings:
        conventions = Conventions(sampling=sampling)
        read, made = load(written[name, part], name, part, conventions), twin(name, part, conventions)
        for one, other in zip(read.videos, made.videos, strict=True):
            assert isinstance(other, AnnotatedTwin)
            held += other.n_frames - len(set(other.sources.tolist()))
            for k, (got, wanted) in enumerate(zip(one.frames(), other.frames(), strict=True)):
                np.testing.assert_array_equal(got, wanted, err_msg=f"{one.name} frame {k}")
            np.testing.assert_array_equal(one.frame(other.n_frames - 1), other.frame(other.n_frames - 1))
    assert held > 0


@pytest.mark.parametrize(("name", "part"), CASES)
def test_the_reader_gives_the_records_of_the_annotator(written, name: str, part: str):
    table = read_annotations(name, written[name, part] / table_path(name, part), part=part)
    wanted = [record for video in videos(name, part) for record in records(video, name, part)]
    assert bare(table.records) == bare(wanted)
    lost = [finding for finding in table.findings if finding.severity == "loses"]
    assert lost == []
    if name == "cas_me3" and part == "A":
        assert table.blinks


def test_slips_stand_in_the_tables(written):
    samm = videos("samm_lv", "A")
    found = [record for video in samm for record in records(video, "samm_lv")]
    assert any(record.onset is None for record in found)
    assert any(record.apex is None for record in found)
    assert any(record.onset != int(record.onset) for record in found if record.onset is not None)
    cells = layout_tables.samm_sheet(samm)
    assert cells[9][:4] == ["Subject", "Filename", "Inducement Code", "Onset"]  # row 10
    names = [row[1] for row in cells[10:] if row]
    assert len(names) == len(set(names)) + 1  # two events of one name
    assert {-1} <= {row[4] for row in cells[10:] if row}
    assert {0} <= {row[3] for row in cells[10:] if row}
    events = layout_tables.cas_me2_sheets(videos("cas_me2", "A"))["CASFEcode_final"]
    assert any(row[4] == 0 for row in events)
    assert any(row[3] > row[4] > 0 for row in events)
    part_a = layout_tables.part_a_sheet(videos("cas_me3", "A"))
    assert all(isinstance(cell, str) for row in part_a for cell in row)
    assert any(row[1].isupper() for row in part_a[1:])


def test_what_lies_about_on_disk(written):
    root = written["cas_me3", "A"]
    assert list(root.rglob("depth/*.png"))
    assert list(root.rglob("color/Thumbs.db"))
    listed = (root / "part_A" / "error_info_damaged_image_partA.txt").read_text().splitlines()
    assert len(listed) == 3
    assert listed[0].startswith("spNO.1 A ")
    assert listed[0].endswith(".jpg  the image cannot open")
    first = videos("cas_me3", "A")[0]
    plan = file_plan(first, "cas_me3")
    folder = root / picture_folder(first, "cas_me3")
    numbers = sorted(int(path.stem) for path in folder.glob("*.jpg"))
    assert numbers == plan.numbers.tolist()
    damaged = (folder / f"{plan.damaged[0]}.jpg").read_bytes()
    assert not damaged.endswith(b"\xff\xd9")
    assert "SYNTHETIC" in (root / "README.txt").read_text()
    assert json.loads((root / "spotlib-twin.json").read_text())["synthetic"] is True
    assert not list(root.rglob(".*"))  # no half videos


def test_a_face_on_disk_is_the_face_of_the_twin(tmp_path: Path):
    changes = {"subjects": 1, "videos_per_subject": 1, "seconds": 1.0, "seconds_spread": 0.0, "size": (64, 86)}
    recordings = twin_videos("samm_lv", seed=2, **changes, macro_per_video=0.0, micro_per_video=1.0)
    with ThreadPoolExecutor(1) as executor:
        done = write_layout(recordings, "samm_lv", tmp_path / "x", sampled_only="every_7th_round", executor=executor)
    assert done.pictures == 29  # of 200
    (read,) = load(tmp_path / "x", "samm_lv", "A", Conventions()).videos
    (made,) = annotated(recordings, "samm_lv").videos
    assert read.n_frames == made.n_frames == 29
    assert [v.events for v in (read,)] == [v.events for v in (made,)]
    for index in (0, 3, 28):
        assert (read.frame(index) == made.frame(index)).all()
    assert read.frame(0).std() > 15  # a face, no fog


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def failing(self: TwinVideo, index: int) -> np.ndarray:
        if self.number == 1 and index == 9:
            raise SpotlibError("the power is gone")
        return quick_render(self, index)

    recordings = twin_videos("cas_me2", seed=1, subjects=1, videos_per_subject=2, seconds=2.0, size=(64, 86))
    root = tmp_path / "out"
    monkeypatch.setattr(TwinVideo, "render", failing)
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(SpotlibError, match="the power is gone"):
            write_layout(recordings, "cas_me2", root, executor=executor)
        folders = sorted(path.name for path in root.rglob("s15/*"))
        assert folders == [".15_0102spoiltfood.part", "15_0101disgustingteeth"]
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*.jpg") if ".part" not in str(path)}
        monkeypatch.setattr(TwinVideo, "render", quick_render)
        done = write_layout(recordings, "cas_me2", root, executor=executor)
        assert (done.videos, done.skipped) == (2, 1)
        assert done.pictures == sum(v.n_frames for v in recordings) == len(list(root.rglob("*.jpg")))
        assert all(path.stat().st_mtime_ns == before[path] for path in before)
        assert not list(root.rglob(".*"))
        next(root.rglob("img005.jpg")).unlink()
        assert write_layout(recordings, "cas_me2", root, executor=executor).skipped == 1
        assert len(list(root.rglob("*.jpg"))) == done.pictures


def test_other_folders_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(TwinVideo, "render", quick_render)
    recordings = twin_videos("cas_me2", seed=1, subjects=1, videos_per_subject=1, seconds=1.0, size=(64, 86))
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(SpotlibError, match="is not empty and no twin; choose a new or empty folder"):
        write_layout(recordings, "cas_me2", tmp_path)
    with pytest.raises(SpotlibError, match="mine.txt: cannot be used"):
        write_layout(recordings, "cas_me2", tmp_path / "mine.txt")
    with ThreadPoolExecutor(1) as executor:
        write_layout(recordings, "cas_me2", tmp_path / "twin", executor=executor)
    other = twin_videos("cas_me2", seed=2, subjects=1, videos_per_subject=1, seconds=1.0, size=(64, 86))
    with pytest.raises(SpotlibError, match=r"holds another twin \(seed differs\); choose another folder"):
        write_layout(other, "cas_me2", tmp_path / "twin")
    with pytest.raises(SpotlibError, match="cas_me2: all of its pictures are used; sampled_only is for samm_lv"):
        write_layout(recordings, "cas_me2", tmp_path / "b", sampled_only="every_7th_round")
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_disk_that_is_too_small_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(TwinVideo, "render", quick_render)
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(twin_pictures.shutil, "disk_usage", lambda _: usage)
    recordings = twin_videos("cas_me2", seed=1, subjects=1, videos_per_subject=1, seconds=1.0, size=(64, 86))
    with pytest.raises(SpotlibError, match="the pictures need about 0.0 GB, 0.0 GB are free"):
        write_layout(recordings, "cas_me2", tmp_path / "x")


def test_a_real_table_on_disk_is_that_table_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(TwinVideo, "render", quick_render)
    for name, part in CASES:
        source = videos(name, part)[:2]
        monkeypatch.setitem(SLIPS, name, MANY_SLIPS[name])
        told = tuple(record for video in source for record in annotator.records(video, name, part))
        table = Annotations(dataset=name, version="", records=told)
        recordings = reenact(table, part=part, size=(64, 86))
        root = tmp_path / f"{name}{part}"
        with ThreadPoolExecutor(1) as executor:
            write_layout(recordings, name, root, part=part, played="table.xlsx", executor=executor)
        again = read_annotations(name, root / table_path(name, part), part=part)
        assert bare(again.records) == bare(told)
        read = load(root, name, part, Conventions())
        made = annotated(recordings, name, part=part)
        assert [v.events for v in read.videos] == [v.events for v in made.videos]
        assert "played by invented people" in (root / "README.txt").read_text()


def test_own_data_is_read_as_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from spotlib.datasets import own

    monkeypatch.setattr(TwinVideo, "render", quick_render)
    recordings = twin_videos("samm_lv", seed=4, subjects=2, videos_per_subject=1, seconds=4.0, size=(64, 86))
    shown = load_twin("samm_lv", seed=4, subjects=2, videos_per_subject=1, seconds=4.0, size=(64, 86))
    with ThreadPoolExecutor(1) as executor:
        done = write_own(shown, recordings, tmp_path / "own", executor=executor)
    read, _ = own.load(tmp_path / "own", Conventions())
    assert done.pictures == sum(video.n_frames for video in shown.videos)
    assert read.synthetic
    for one, other in zip(read.videos, shown.videos, strict=True):
        assert isinstance(other, AnnotatedTwin)
        assert (one.subject, one.name, one.n_frames) == (other.subject, other.name, other.n_frames)
        assert one.events == other.true_events
        frame = one.frame(3)
        assert (frame[..., 0] == other.twin.frame(21)).all()  # own videos are colour, also grey ones


def test_the_demo_is_written_as_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(TwinVideo, "render", quick_render)
    demo = make_twin("demo", seed=1, subjects=1, videos_per_subject=1, seconds=2.0, size=(64, 86))
    recordings = tuple(video for video in demo.videos if isinstance(video, TwinVideo))
    with ThreadPoolExecutor(1) as executor:
        write_own(demo, recordings, tmp_path / "own", executor=executor)
    coded = np.fromfile(tmp_path / "own" / "videos" / "s01_1" / "000007.jpg", np.uint8)
    assert (cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB) == demo.videos[0].frame(7)).all()
    lines = (tmp_path / "own" / "events.csv").read_text().splitlines()
    assert len(lines) == 1 + len(demo.videos[0].events)
