from __future__ import annotations

import builtins
import logging
import sys

import pytest

from spotlib.progress import progress, watched


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.delenv("SPOTLIB_BATCH", raising=False)
    monkeypatch.delattr(builtins, "get_ipython", raising=False)


def test_watched_on_a_terminal_and_in_a_notebook_only(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())  # imported by papermill in the batch process too
    assert not watched()
    monkeypatch.setattr(builtins, "get_ipython", lambda: None, raising=False)
    assert watched()
    monkeypatch.setenv("SPOTLIB_BATCH", "1")
    assert not watched()


def test_log_lines_instead_of_a_bar(caplog, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger("spotlib"), "handlers", [])  # a command that ran in this process left one
    logging.getLogger("spotlib").addHandler(caplog.handler)
    with caplog.at_level(logging.INFO, logger="spotlib"):
        assert list(progress(range(3), desc="frames", every_s=0)) == [0, 1, 2]
    logging.getLogger("spotlib").removeHandler(caplog.handler)
    assert "frames: 1/3 it, about" in caplog.text
    assert capsys.readouterr().err == ""


def test_a_bar_where_somebody_watches(monkeypatch, capsys):
    monkeypatch.setattr(builtins, "get_ipython", lambda: None, raising=False)
    assert list(progress(range(3), desc="frames")) == [0, 1, 2]
    assert "frames" in capsys.readouterr().err
