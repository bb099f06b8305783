from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from spotlib import remote
from spotlib.bundle import Bundle, write_bundle
from spotlib.errors import SpotlibError
from spotlib.provenance import code_digest
from spotlib.runner import load_clips, open_run
from spotlib.store import copy_rows, digest, read_row
from spotlib.units import FOLD_CODE
from tests.conftest import TINY


@pytest.fixture(scope="module")
def run(tiny_results):
    return open_run("demo", overrides=TINY, results=tiny_results, workers=1)


@pytest.fixture
def bundle(run, tmp_path):
    work = [(run, run.unit(name, fold.index)) for name in ("spotformer", "peaks") for fold in run.folds]
    write_bundle(tmp_path / "bundle", work, part_bytes=200_000)
    return tmp_path / "bundle"


def test_clips_come_back_as_they_are_loaded_here(run, bundle):
    opened = Bundle(bundle)
    assert len(list(bundle.glob("part-*.npz"))) > 1
    here = load_clips(run, run.dataset.subjects, run.params)
    there = opened.clips(0, run.dataset.subjects)
    for a, b in zip(here, there, strict=True):
        assert (a.subject, a.name, a.fps, a.events) == (b.subject, b.name, b.fps, b.events)
        np.testing.assert_array_equal(a.valid, b.valid)
        np.testing.assert_allclose(a.windows, b.windows, atol=0.01)


def test_no_motion_travels_that_no_window_needs(run, tmp_path):
    held = run.relative(0, run.params.head_motion, run.params.nodes).shape[1]
    for variant, window in (("k7", 7), ("spotformer", run.params.window)):
        write_bundle(tmp_path / variant, [(run, run.unit(variant, 0))])
        arrays = np.load(next((tmp_path / variant).glob("part-*.npz")))
        assert {arrays[name].shape[1] for name in arrays.files if "/" in name} == {window}
    assert held >= run.params.window > 7


def test_rows_made_there_are_current_here(run, bundle, tmp_path):
    lines = remote.train(bundle, tmp_path / "rows")
    assert [line.split(":")[0] for line in lines] == [
        "fold 0 of spotformer", "fold 1 of spotformer", "fold 0 of peaks", "fold 1 of peaks",
    ]  # fmt: skip
    assert remote.train(bundle, tmp_path / "rows") == []
    shutil.copytree(run.folder / "features", tmp_path / "here" / "demo" / "features")
    assert copy_rows(tmp_path / "rows", tmp_path / "here" / "demo" / "rows") == (4, [])
    here = open_run("demo", overrides=TINY, results=tmp_path / "here", workers=1)
    assert here.missing("spotformer", "peaks") == []
    row = here.rows("spotformer")[0]
    assert row["status"] == "done"
    assert row["libraries"]["torch"]


def test_a_row_names_the_code_that_computed_it(bundle, tmp_path, monkeypatch):
    content = json.loads((bundle / "bundle.json").read_text())
    del content["checksum"]
    content["units"] = [unit for unit in content["units"] if unit["variant"] == "peaks"]
    for unit in content["units"]:
        unit["key"]["code"]["spotlib.swmro"] = "of another"
        unit["head"]["commit"] = "of another"
    (bundle / "bundle.json").write_text(json.dumps({**content, "checksum": digest(content)}))
    monkeypatch.setattr(remote, "git_commit", lambda: "the one here")
    for cached in (remote._opened, remote._units, remote._code_here):
        cached.cache_clear()
    with pytest.raises(SpotlibError, match=r"packed by other code than is here \(code changed: swmro\); pack it again"):
        remote.train(bundle, tmp_path / "rows")
    assert not (tmp_path / "rows").exists()
    assert len(remote.train(bundle, tmp_path / "rows", any_code=True)) == 2
    for path in (tmp_path / "rows" / "peaks").glob("*.json"):
        row = read_row(path)
        assert row["commit"] == "the one here"
        assert row["key"]["code"] == code_digest(FOLD_CODE)
    assert remote.train(bundle, tmp_path / "rows", any_code=True) == []


def test_it_needs_only_the_numerical_libraries(bundle, tmp_path):
    program = textwrap.dedent(
        """
        import sys
        allowed = {"numpy", "pandas", "scipy", "sklearn", "torch", "cv2", "spotlib"}
        wanted = {"pydantic", "yaml", "dlib", "av", "numba", "papermill", "click", "matplotlib", "safetensors",
                  "tqdm", "bs4", "nbconvert", "seaborn", "openpyxl", "python_calamine", "IPython"}
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in wanted:
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Absent())
        from spotlib.remote import main
        main(sys.argv[1:])
        print(sorted(wanted & set(sys.modules)))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle), str(tmp_path / "rows")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert "fold 1 of peaks: done" in done.stdout


def test_damage_is_told_in_one_line(bundle, run):
    with pytest.raises(SpotlibError, match=r"bundle\.json: not found; give the folder"):
        Bundle(bundle / "nothing")
    text = (bundle / "bundle.json").read_text()
    (bundle / "bundle.json").write_text(text.replace('"variant": "peaks"', '"variant": "peeks"'))
    with pytest.raises(SpotlibError, match="damaged"):
        Bundle(bundle)
    (bundle / "bundle.json").write_text(json.dumps([1]))
    with pytest.raises(SpotlibError, match="not a bundle"):
        Bundle(bundle)
    (bundle / "bundle.json").write_text(text)
    part = bundle / "part-001.npz"
    whole = bytearray(part.read_bytes())
    whole[len(whole) // 2] ^= 1
    part.write_bytes(whole)
    with pytest.raises(SpotlibError, match=r"part-001\.npz: damaged \(checksum\); send this part again"):
        Bundle(bundle).clips(0, run.dataset.subjects)
    part.unlink()
    with pytest.raises(SpotlibError, match=r"part-001\.npz: this part of the bundle is missing"):
        Bundle(bundle).clips(0, run.dataset.subjects)
    with pytest.raises(SpotlibError, match="nothing to pack"):
        write_bundle(bundle, [])


def test_a_device_that_is_not_there_is_one_line(bundle, tmp_path):
    with pytest.raises(SystemExit, match="spotlib: --device tpu7: not usable here"):
        remote.main([str(bundle), str(tmp_path / "rows"), "--device", "tpu7"])
    assert not (tmp_path / "rows").exists()
