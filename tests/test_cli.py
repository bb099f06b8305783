from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from spotlib.cli import main
from spotlib.provenance import CHECKOUT
from tests.conftest import TINY


def spotlib(*arguments, cwd=None):
    done = subprocess.run(
        [sys.executable, "-m", "spotlib.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


def test_parity_covers_every_fixture():
    status, out, _ = spotlib("parity", CHECKOUT / "tests" / "data" / "golden")
    assert status == 0, out
    assert out.count(" ok ") >= 8


def test_parity_of_something_else(tmp_path):
    (tmp_path / "odd.npz").write_bytes(b"nothing")
    status, out, _ = spotlib("parity", tmp_path)
    assert status == 1
    assert "odd.npz" in out


def test_evaluate(tmp_path):
    (tmp_path / "t.csv").write_text("video,kind,onset,apex,offset\na,micro,10,14,20\na,macro,40,60,80\n")
    (tmp_path / "p.csv").write_text("video,kind,onset,apex,offset,score\na,micro,11,14,20,.9\nb,macro,40,60,80,.5\n")
    status, out, _ = spotlib("evaluate", "--truth", tmp_path / "t.csv", "--predictions", tmp_path / "p.csv", "--json")
    assert status == 0
    result = json.loads(out)
    assert result["protocol"] == "clean"
    assert "0.5" in out
    status, out, _ = spotlib("evaluate", "--truth", tmp_path / "t.csv", "--predictions", tmp_path / "p.csv")
    assert status == 0
    assert "overall" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "demo", "-p", "eppochs=3"), "unknown parameter 'eppochs'; did you mean 'epochs'?"),
        (("run", "demo", "-p", "epochs=many"), "epochs is 'many'"),
        (("run", "samm"), "unknown data set 'samm'"),
        (("run", "demo", "--workers", "0"), "give 1 or more"),
        (("run", "demo", "--notebook", "09_magic"), "--notebook 09_magic: unknown"),
        (("features", "absent.mp4", "--out", "x.npz"), "absent.mp4: no such file"),
        (("features", "absent.mp4", "--out", "x.txt"), "features are written as .npz"),
        (("evaluate", "--truth", "absent.csv", "--predictions", "absent.csv"), "absent.csv"),
        (("parity", "absent"), "absent"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["spotlib", *arguments])
    monkeypatch.setattr(logging, "shutdown", lambda: None)  # this process goes on
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_params_lists_values_and_meanings():
    status, out, _ = spotlib("params")
    assert status == 0
    assert "dim: 32 (default 256)" in out
    assert len(out.splitlines()) > 40


def test_run_makes_the_report(tiny_results):
    changes = [part for name, value in TINY.items() for part in ("-p", f"{name}={value}")]
    status, out, err = spotlib("run", "demo", *changes, "--results", tiny_results)
    assert status == 0, err
    folder = tiny_results / "demo"
    page = (folder / "report.html").read_text()
    assert out.strip().endswith("report.html")
    assert "SYNTHETIC" in page
    assert "<script src" not in page
    for name in ("01_preprocess", "02_train", "03_ablations", "04_figures"):
        assert (folder / "notebooks" / f"{name}.html").is_file()
    for suffix in ("csv", "md", "tex"):
        assert (folder / "tables" / f"comparison-clean.{suffix}").stat().st_size > 100
    assert not [p for p in folder.rglob("*") if ".part" in p.name or ".failed" in p.name]
    # again: everything is there, nothing is computed
    status, _, err = spotlib("run", "demo", *changes, "--results", tiny_results, "--notebook", "03_ablations")
    assert status == 0
    assert "computed because" not in err
    assert "features:" not in err
