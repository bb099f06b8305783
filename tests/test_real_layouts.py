"""The main job on the three data sets as they are handed out: the real loaders, on twins in the real layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from spotlib.cli import cli
from spotlib.datasets.catalogue import conventions, open_dataset
from spotlib.params import make_params
from spotlib.runner import open_run
from tests.conftest import TINY

# the least that trains: shorter videos hold no event, smaller pictures no face
PEOPLE, SECONDS, SIZE = 4, 8.0, (360, 480)
NETWORK = {
    name: value for name, value in TINY.items() if name not in ("subjects", "videos_per_subject", "video_seconds")
}
NETWORK |= {"max_micro": None, "max_macro": None, "neutral_segments": True}  # so short a twin has few events


@pytest.fixture(scope="module", params=["samm_lv", "cas_me2", "cas_me3"])
def disk(request, tmp_path_factory) -> tuple[str, Path]:
    """A data set on disk, written by the command that users have."""
    name, root = request.param, tmp_path_factory.mktemp("disk") / "data"
    options = ["--subjects", PEOPLE, "--videos", 1, "--seconds", SECONDS, "--size", *SIZE, "--workers", 2]
    if name == "samm_lv":
        options.append("--sampled-only")
    arguments = ["twin", name, str(root), "--layout", *map(str, options)]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "synthetic" in done.output.lower()
    return name, root


def test_the_one_command(disk, tmp_path):
    name, root = disk
    doctor = CliRunner().invoke(cli, ["doctor", name, str(root), "--json"], catch_exceptions=False)
    assert doctor.exit_code in (0, 2), doctor.output
    json.loads(doctor.output)
    overrides = [part for key, value in NETWORK.items() for part in ("-p", f"{key}={json.dumps(value)}")]
    # the report once; the other notebooks show the same rows, and tests/test_cli.py runs all of them
    chosen = ["01_preprocess", "02_train", *(["05_report"] if name == "samm_lv" else [])]
    notebooks = [part for notebook in chosen for part in ("--notebook", notebook)]
    command = ["run", name, "--root", str(root), "--results", str(tmp_path), "--workers", "2", *notebooks, *overrides]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    run = open_run(name, overrides=NETWORK, root=root, results=tmp_path)
    assert run.folder.name == f"{name}_twin"  # never among the results of real data
    assert run.missing("spotformer") == []
    rows = run.rows("spotformer")
    assert {row["synthetic"] for row in rows} == {True}
    true = {video.name: [(e.kind, e.onset, e.offset) for e in video.events] for video in run.dataset.videos}
    counted = {
        v["video"]: [(e["kind"], e["onset"], e["offset"]) for e in v["truth"]] for r in rows for v in r["videos"]
    }
    assert counted == true
    tables = {path.name: path.read_text().replace("\\", "") for path in (run.folder / "tables").glob("*.md")}
    assert tables
    convention = {"samm_lv": "unknown_onset", "cas_me2": "missing_offset", "cas_me3": "max_micro"}[name]
    for text in tables.values():
        assert "SYNTHETIC" in text
    for text in (tables["videos.md"], *(text for file, text in tables.items() if file.startswith("comparison"))):
        assert convention in text, text
    if "05_report" in chosen:
        assert "SYNTHETIC" in (run.folder / "report.html").read_text()


def test_the_same_twin_without_files(disk):
    """What the loader reads is what the same command without --root renders."""
    name, root = disk
    values = {**NETWORK, "dataset": name, "subjects": PEOPLE, "videos_per_subject": 1, "video_seconds": SECONDS}
    for changes in ({}, {"missing_offset": "drop", "unknown_onset": "drop", "max_macro": 40, "unknown_apex": "drop"}):
        params = make_params({**values, **changes})
        read, rendered = open_dataset(params, root=root), open_dataset(params)
        assert read.synthetic
        assert [v.name for v in read.videos] == [v.name for v in rendered.videos]
        for a, b in zip(read.videos, rendered.videos, strict=True):
            assert [(e.kind, e.onset, e.apex, e.offset) for e in a.events] == [
                (e.kind, e.onset, e.apex, e.offset) for e in b.events
            ]
            assert (a.n_frames, a.fps) == (b.n_frames, b.fps)
        assert conventions(params).missing_offset == params.missing_offset
