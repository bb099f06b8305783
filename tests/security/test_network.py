"""No command needs a network, or even tries to reach one; what serves pages does so to this machine only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from spotlib.event_table import EventTable, write_events_csv
from spotlib.exports import write_all
from spotlib.intervals import Event, Kind
from spotlib.provenance import CHECKOUT, PACKAGE
from spotlib.tables.packed import pack_rows
from tests.exports.examples import INTERVIEW
from tests.rows_factory import make_rows
from tests.security import bombs

#: imported by every Python process below: any attempt to reach another machine is written down, and fails
_GUARD = """
import os, socket, traceback
LOCAL = ("127.", "::1", "localhost", "0.0.0.0", "")
def tell(what):
    with open(os.environ["SPOTLIB_TEST_ATTEMPTS"], "a") as log:
        log.write(what + "\\n" + "".join(traceback.format_stack(limit=8)))
    raise OSError("the network is denied")
class Guarded(socket.socket):
    def _check(self, address):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOCAL[:3]):
            tell(f"reached for {address}")
    def connect(self, address):
        self._check(address)
        return super().connect(address)
    def connect_ex(self, address):
        self._check(address)
        return super().connect_ex(address)
    def sendto(self, *args):
        self._check(args[-1])
        return super().sendto(*args)
    def bind(self, address):
        if self.family != socket.AF_UNIX and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
            tell(f"listens on {address}")
        return super().bind(address)
socket.socket = Guarded
found = socket.getaddrinfo
def getaddrinfo(host, *args, **options):
    name = host.decode() if isinstance(host, bytes) else str(host)
    if not name.startswith(LOCAL[:3]) and name != socket.gethostname():
        tell(f"looked up {name}")
    return found(host, *args, **options)
socket.getaddrinfo = getaddrinfo
"""


@cache
def cut_off() -> list[str]:
    """What to put before a command so that it has no network, not even this machine's own; [] if nobody may."""
    command = ["unshare", "--net"]
    if shutil.which("unshare") is None:
        return []
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []


def denied(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python with the network denied; fails if anything reached for it."""
    (folder / "sitecustomize.py").write_text(_GUARD)
    attempts = folder / "attempts.txt"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{folder}{os.pathsep}{CHECKOUT}",
        "SPOTLIB_TEST_ATTEMPTS": str(attempts),
    }
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        environment.pop(name, None)
        environment.pop(name.upper(), None)
    command = [*cut_off(), sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=300)
    assert not attempts.exists(), attempts.read_text()
    return done


def test_the_guard_sees_every_attempt(tmp_path: Path) -> None:
    programs = {
        "reached for": "import socket; socket.socket().connect(('192.0.2.1', 80))",
        "looked up": "import urllib.request; urllib.request.urlopen('http://example.org', timeout=1)",
        "listens on": "import http.server; http.server.HTTPServer(('0.0.0.0', 0), None)",
    }
    for what, program in programs.items():
        with pytest.raises(AssertionError, match=what):
            denied(tmp_path, "-c", program)
        (tmp_path / "attempts.txt").unlink()
    assert denied(tmp_path, "-c", "import socket; socket.socket(socket.AF_UNIX)").returncode == 0


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files for all commands."""
    folder = tmp_path_factory.mktemp("network")
    write_all(folder / "exports", INTERVIEW)
    write_events_csv(folder / "a.csv", EventTable({"v": [Event(Kind.MICRO, 3, 5, 9)]}))
    pack_rows(make_rows(), folder / "rows.jsonl.gz")
    (folder / "own" / "videos").mkdir(parents=True)
    bombs.video(folder / "own" / "videos" / "v.mov")
    write_events_csv(folder / "own" / "events.csv", EventTable({"v": [Event(Kind.MICRO, 0, 0, 1)]}))
    return folder


_COMMANDS: dict[str, list[str]] = {
    "help": ["--help"],
    "params": ["params"],
    "status": ["status", "demo", "--results", "results"],
    "evaluate": ["evaluate", "--truth", "exports/events.csv", "--predictions", "exports/events.eaf"],
    "convert": ["convert", "a.csv", "b.csv", "--from", "spotlib", "--to", "field"],
    "import": ["import", "exports/events.TextGrid", "--out", "imported.csv"],
    "doctor": ["doctor", "own", "own"],
    "twin": ["twin", "demo", "twin", "--subjects", "1", "--videos", "1", "--seconds", "8", "--size", "96", "96",
             "--workers", "1"],
    "from rows": ["run", "demo", "--results", "results", "--from-rows", "rows.jsonl.gz", "--tables", "T1"],
}  # fmt: skip


@pytest.mark.parametrize("name", _COMMANDS)
def test_commands_work_without_a_network(material: Path, name: str) -> None:
    done = denied(material, "-m", "spotlib.cli", *_COMMANDS[name])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("command", ["features", "spot"])
def test_commands_that_read_videos(material: Path, command: str) -> None:
    """Nobody is in the picture: all libraries are loaded, and then it is said."""
    done = denied(material, "-m", "spotlib.cli", command, "own/videos/v.mov", "--out", "found.npz")
    assert done.returncode == 1, done.stderr
    assert "v.mov" in done.stderr
    assert "Traceback" not in done.stderr


_NOTEBOOK = """
import nbformat, sys
from nbformat.v4 import new_code_cell, new_notebook
from pathlib import Path
from spotlib.report import render_notebook
from spotlib.workbook import execute
cells = ["from spotlib import views", "from spotlib.workbook import notebook_run", "run = notebook_run(globals())"]
cells = [new_code_cell("\\n".join(cells)), *map(new_code_cell, ["views.folds_table(run)", "views.provenance(run)"])]
kernel = {"name": "python3", "display_name": "python3", "language": "python"}
nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), "n.ipynb")
done = execute(Path("n.ipynb"), Path("done.ipynb"), {"dataset": "demo", "results": sys.argv[1]})
render_notebook(done, "page.html", title="page")
"""


def test_a_notebook_runs_without_a_network(material: Path) -> None:
    """Kernel, sockets and page: all of it by files of this machine."""
    done = denied(material, "-c", _NOTEBOOK, material / "from-notebook")
    assert done.returncode == 0, done.stderr
    assert "Subjects of each fold" in (material / "page.html").read_text(encoding="utf-8")


def test_jupyter_is_for_this_machine_only() -> None:
    recipe = re.search(r"^lab:.*\n((?:\t.*\n)+)", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    command = recipe[1]
    assert "--ip 127.0.0.1" in command
    for opens in ("0.0.0.0", "token=''", "password=''", "allow_remote_access", "allow_origin", "disable_check_xsrf"):
        assert opens not in command


_CLIENTS = re.compile(
    r"^\s*(?:import|from) (?:urllib\.request|http\.client|requests|httpx|aiohttp|ftplib|smtplib)", re.MULTILINE
)


def test_nothing_in_the_package_listens_to_other_machines() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        assert '"0.0.0.0"' not in source, path
        assert not _CLIENTS.search(source), path
