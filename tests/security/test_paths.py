"""Names from files lead nowhere but into the folder that results go to."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spotlib import figures, tables
from spotlib.bundle import Bundle
from spotlib.cli import main
from spotlib.datasets.annotations import read_annotations
from spotlib.datasets.reenact import read_durations, reenact
from spotlib.datasets.twin_files import picture_folder, picture_pattern
from spotlib.errors import SpotlibError
from spotlib.params import make_params
from spotlib.runner import _file_name, open_run
from spotlib.store import RowStore, canonical, copy_rows, digest, write_text
from spotlib.tables.packed import pack_rows
from spotlib.tables.table import Table
from spotlib.video import open_video
from tests.datasets import tables_factory
from tests.fuzz.of_own_files import _bundle
from tests.rows_factory import make_rows, make_scores

#: names that would lead out of a folder if anybody put them behind it, or that no file can have
EVIL = (
    "../evil",
    "../../evil",
    "/tmp/evil",
    "a/../../evil",
    "..",
    ".",
    "evil/x",
    "C:\\evil",
    "..\\evil",
    "e\0vil",
    "~/evil",
)


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Path]:
    """A folder to write into; nothing else may appear or change beside it."""
    folder = tmp_path / "outer" / "results"
    folder.mkdir(parents=True)
    (tmp_path / "evil.json").write_text("before")
    yield folder
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.json", "outer"]
    assert [p.name for p in folder.parent.iterdir()] == ["results"]
    assert (tmp_path / "evil.json").read_text() == "before"


def run(monkeypatch: pytest.MonkeyPatch, capsys: Any, *arguments: str) -> tuple[int, str]:
    """Exit status and standard error of a command."""
    monkeypatch.setattr("sys.argv", ["spotlib", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), capsys.readouterr().err


# --- parameters and options ---


@pytest.mark.parametrize("name", [*EVIL, "", "-x", "a b", "demo\n"])
def test_a_data_set_is_no_path(name: str) -> None:
    with pytest.raises(SpotlibError, match="a data set's name is of letters, digits, '-' and '_'"):
        make_params({"dataset": name})
    with pytest.raises(SpotlibError, match="dataset|data set"):
        open_run("demo", overrides={"dataset": name})


@pytest.mark.parametrize("option", ["-p", "--tables", "--notebook", "--profile"])
@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil"])
def test_options_that_name_something_are_no_paths(inside, monkeypatch, capsys, option: str, name: str) -> None:
    value = f"dataset={name}" if option == "-p" else name
    status, said = run(monkeypatch, capsys, "run", "demo", "--results", inside, option, value)
    assert status == 1
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("spotlib: ")
    assert list(inside.iterdir()) == []


@pytest.mark.parametrize("dataset", ["../../evil", "/tmp/evil"])
def test_the_data_set_of_a_command_is_no_path(inside, monkeypatch, capsys, dataset: str) -> None:
    for command in (
        ["run", dataset],
        ["pack", dataset, inside / "out"],
        ["merge", inside, dataset],
        ["params", dataset],
    ):
        more = ["--results", inside] if command[0] != "params" else []
        status, said = run(monkeypatch, capsys, *command, *more)
        assert (status, "unknown data set" in said) == (1, True), said


def test_rows_remade_stay_in_their_folder(inside, tmp_path: Path, monkeypatch, capsys) -> None:
    pack_rows(make_rows(), inside / "rows.gz")
    arguments = ("run", "demo", "--results", inside, "--from-rows", inside / "rows.gz", "-p", "dataset=../../evil")
    status, said = run(monkeypatch, capsys, *arguments)
    assert (status, "a data set's name" in said) == (1, True)


# --- rows and bundles ---


@pytest.mark.parametrize("name", EVIL)
def test_a_row_is_never_written_outside(inside, name: str) -> None:
    store = RowStore(inside)
    key = {"fold": 0, "seed": 270}
    with pytest.raises(SpotlibError, match="no row is called so"):
        store.write(name, key, {"status": "done"}, {"a": np.zeros(1)})
    for part in ("fold", "seed"):
        with pytest.raises(SpotlibError, match="no row is called so"):
            store.write("peaks", {**key, part: name}, {"status": "done"})
    assert list(inside.iterdir()) == []


def bundle(folder: Path, **changes: Any) -> Path:
    """A bundle with one unit of work, changed, under a checksum that fits."""
    content = copy.deepcopy(_bundle())
    for place, value in changes.items():
        if place == "file":
            content["parts"][0]["file"] = value
        elif place == "variant":
            content["units"][0]["variant"] = value
        else:
            content["units"][0]["key"][place] = value
    (folder / "bundle.json").write_text(json.dumps({**content, "checksum": digest(content)}))
    return folder


@pytest.mark.parametrize("place", ["file", "variant", "fold", "seed"])
@pytest.mark.parametrize("name", [*EVIL, "part-1.npz/../x", 3.5, None, ["a"]])
def test_a_bundle_names_no_places(inside, place: str, name: Any) -> None:
    assert Bundle(bundle(inside)).units[0].variant == "spotformer"
    with pytest.raises(SpotlibError, match=r"bundle\.json: not as spotlib writes a bundle; pack it again"):
        Bundle(bundle(inside, **{place: name}))


def test_rows_that_arrive_are_copied_under_their_own_names_only(inside, tmp_path: Path) -> None:
    """A link in the folder that arrives is read, as a file would be; where it leads nothing is written."""
    arrived, target = inside / "arrived", inside / "rows"
    store, key = RowStore(arrived), {"fold": 0, "seed": 270}
    path = store.write("peaks", key, {"status": "done", "variant": "../../evil", "fold": 0})
    (arrived / "other").mkdir()
    os.symlink(tmp_path / "evil.json", arrived / "other" / "fold0-seed1-0123456789ab.json")
    taken, damaged = copy_rows(arrived, target)
    assert (taken, len(damaged)) == (1, 1)
    assert [p.relative_to(target) for p in target.rglob("*.json")] == [path.relative_to(arrived)]


# --- names of videos, subjects and systems ---


@pytest.mark.parametrize("name", [*EVIL, "面" * 200, "🎬" * 200, "x" * 5000, "\ud800\ud801", "a\nb", ".hidden", "<b>"])
def test_a_video_s_features_stand_in_one_folder(name: str) -> None:
    made = f"{_file_name(name)}-{'0' * 12}.npz"
    assert Path(made).name == made
    assert len(f".{made}.12345678.part".encode()) <= 255  # with what a file has while it is written
    assert not set(made) & set("/\\\0\n:")
    assert _file_name(name) != _file_name(name + "x")


@pytest.mark.parametrize("name", EVIL)
def test_tables_and_figures_of_evil_names(inside, name: str) -> None:
    rows = make_rows(("spotformer",))
    video = rows[0]["videos"][0]
    for row in rows:
        row["system"] = name
    scores = {key.replace(video["video"], name): own for key, own in make_scores(rows[0], video["video"]).items()}
    video["video"] = video["subject"] = name
    tables.subjects(rows).save(inside)
    figures.timeline(rows[0], name, scores).save(inside)
    figures.confusion(rows).save(inside)
    assert len(list(inside.iterdir())) == 5
    with pytest.raises(SpotlibError, match="use letters, digits, '-' and '_' only"):
        Table(name, "caption", tables.subjects(rows).frame).save(inside)


@pytest.mark.parametrize("dataset", ["samm_lv", "cas_me2", "cas_me3"])
@pytest.mark.parametrize("name", ["{start}_../../../evil", "{start}_/tmp/evil", "{start}_{{0.real}}", "{start}_a\nb"])
def test_a_twin_that_plays_a_table_stays_below_its_folder(tmp_path: Path, dataset: str, name: str) -> None:
    """Videos without events are taken from a table of lengths, which may name anything."""
    rows = {
        "samm_lv": {"s": tables_factory.samm_sheet([tables_factory.samm_row("006_1", 100, 120, 180)])},
        "cas_me2": tables_factory.cas2_sheets([tables_factory.cas2_row(1, "disgust1_1", 10, 20, 40)]),
        "cas_me3": {"s": [tables_factory.CAS3_HEADER, tables_factory.cas3_row("spNO.1", "a", 10, 20, 40)]},
    }
    start = {"samm_lv": "006", "cas_me2": "51", "cas_me3": "spNO.1"}[dataset]
    table = read_annotations(dataset, tables_factory.write_xlsx(tmp_path / "t.xlsx", rows[dataset]))
    lengths = tmp_path / "lengths.csv"
    written = name.format(start=start)
    lengths.write_text(f'video,n_frames\n"{written}",300\n')
    with pytest.raises(SpotlibError, match="no folder can be called so; correct this name in the table"):
        reenact(table, durations=read_durations(lengths))
    for video in reenact(table):
        assert ".." not in picture_folder(video, dataset).parts
        assert picture_pattern(video, dataset).format(7).count("7")


# --- links, and names that a library takes for something else ---


def test_a_link_in_the_place_of_a_result_is_replaced_and_not_followed(inside, tmp_path: Path) -> None:
    os.symlink(tmp_path / "evil.json", inside / "report.html")
    write_text(inside / "report.html", "ours")
    assert (inside / "report.html").read_text() == "ours"
    assert not (inside / "report.html").is_symlink()


def test_a_list_of_other_files_is_no_video(tmp_path: Path) -> None:
    """The library would open what such a list names: other files, and addresses of the network."""
    from tests.security.bombs import video

    video(tmp_path / "secret.mov")
    lists = {
        "concat": "ffconcat version 1.0\nfile secret.mov\n",
        "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\nsecret.mov\n#EXT-X-ENDLIST\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }
    for name, text in lists.items():
        for suffix in (".mp4", ".m3u8", ".mkv"):
            path = tmp_path / f"{name}{suffix}"
            path.write_text(text)
            with pytest.raises(SpotlibError, match=f"{path.name}: not a video file, or damaged"):
                open_video(path)


@pytest.mark.parametrize("name", ["concat:secret.mov", "secret%03d.mov", "pipe:0", "data:x", "http:x.mov", "a{b}.mov"])
def test_a_name_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from tests.security.bombs import video

    video(tmp_path / "v.mov").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert open_video(name).n_frames == 2


def test_checksums_do_not_depend_on_names() -> None:
    """What the tests above lean on: a stranger can make a checksum that fits."""
    content = copy.deepcopy(_bundle())
    assert digest(content) == hashlib.sha256(canonical(content).encode()).hexdigest()
