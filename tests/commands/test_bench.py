"""``spotlib bench``: parts, tables and plots from the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from spotlib.bench import parts
from spotlib.cli import cli
from spotlib.provenance import CHECKOUT

CPU, H100 = (CHECKOUT / "docs" / "performance" / name for name in ("cpu.json", "h100.json"))


def spotlib(*arguments):
    return CliRunner().invoke(cli, ["bench", *map(str, arguments)])


@pytest.fixture
def canned(monkeypatch):
    asked = []

    def measurements(part, options, *_):
        asked.append((part, options))
        return {"one": lambda: {"ms": 1.0}}

    monkeypatch.setattr(parts, "_measurements", measurements)
    return asked


def test_without_a_command_all_parts_are_measured(canned, tmp_path):
    done = spotlib("--quick", "--json", tmp_path / "a.json", "--threads", 2)
    assert done.exit_code == 0, done.output
    assert [part for part, _ in canned] == list(parts.PARTS)
    assert {(options.quick, options.threads, options.report) for _, options in canned} == {(True, 2, False)}
    assert "## targets" in done.stdout
    assert "features, one: 0 s" in done.stderr
    assert (tmp_path / "a.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("features", "--only", "one"), {"only": ("one",)}),
        (("model", "--threads", "1"), {"threads": 1}),
        (("train", "--loso-folds", "0", "--loso-epochs", "100"), {"loso_folds": 0, "loso_epochs": 100}),
        (("end-to-end", "--report"), {"report": True}),
    ],
)
def test_one_part(canned, arguments, wanted):
    done = spotlib(*arguments)
    assert done.exit_code == 0, done.output
    ((part, options),) = canned
    assert part == arguments[0]
    assert {name: getattr(options, name) for name in wanted} == wanted


def test_a_failure_is_told(monkeypatch):
    def failing():
        raise RuntimeError("out of luck")

    monkeypatch.setattr(parts, "_measurements", lambda *_: {"one": failing})
    done = spotlib("model")
    assert done.exit_code == 1
    assert "1 measurement(s) failed, the first: model, one: failed: RuntimeError: out of luck" in str(done.exception)


def test_tables_are_printed_or_put_into_a_page(tmp_path):
    done = spotlib("table", CPU, H100)
    assert done.exit_code == 0, done.output
    assert "## targets" in done.stdout
    page = tmp_path / "page.md"
    page.write_text("# Speed\n<!-- table: runs -->\n<!-- end -->\n")
    assert spotlib("table", H100, "--into", page).exit_code == 0
    assert "NVIDIA H100" in page.read_text()
    assert "cannot be read" in str(spotlib("table", CPU, "--into", tmp_path / "absent.md").exception)


def test_plots_are_small_files(tmp_path):
    done = spotlib("plots", CPU, H100, "--out", tmp_path / "plots")
    assert done.exit_code == 0, done.output
    written = sorted((tmp_path / "plots").iterdir())
    assert {path.name for path in written} >= {"growth-features.png", "growth-network.png"}
    assert "nothing that grows" in str(spotlib("plots", H100, "--out", tmp_path).exception)
