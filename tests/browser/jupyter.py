"""JupyterLab itself on a loopback port, for tests that open notebooks in it and run them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from spotlib.provenance import CHECKOUT

#: what JupyterLab would show only while it is in view, or would fetch from the network
_SETTINGS = {
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
}


@dataclass
class Lab:
    """A running server: ``folder`` is what it shows."""

    url: str
    token: str
    folder: Path


@contextlib.contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """Start JupyterLab in ``folder`` with settings, data and sockets of its own; stop it and its kernels at the end."""
    own = folder / ".jupyter"
    for name, values in _SETTINGS.items():
        path = own / "settings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}",
        "--LabApp.extension_manager=readonly", "--LabApp.news_url=None",
    ]  # fmt: skip
    environment = {
        **os.environ, "JUPYTER_CONFIG_DIR": str(own / "config"), "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "run"), "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"), "IPYTHONDIR": str(own / "ipython"), "SPOTLIB_BATCH": "1",
        "PYTHONPATH": str(CHECKOUT),
    }  # fmt: skip
    log = (folder / ".jupyter.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder)
    running = Lab(f"http://127.0.0.1:{port}", token, folder)
    try:
        _wait_for(running, process, folder / ".jupyter.log")
        yield running
    finally:
        process.terminate()  # kernels go with their server
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


def _wait_for(running: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{running.url}/api/status?token={running.token}", timeout=5).read()
            return
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


def put(name: str, folder: Path, parameters: Mapping[str, Any]) -> Path:
    """Copy a notebook of the workbook into ``folder`` with a cell of other parameters, as Papermill injects it."""
    notebook = nbformat.read(CHECKOUT / "notebooks" / f"{name}.ipynb", as_version=4)
    at = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    lines = ["# Parameters", *(f"{key} = {value!r}" for key, value in parameters.items())]
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell("\n".join(lines), id="injected"))
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


@dataclass
class Opened:
    """A notebook that is open in JupyterLab, in a page of the browser."""

    page: Any
    requests: list[str] = field(default_factory=list)

    @property
    def outside(self) -> list[str]:
        """Addresses that were asked for beyond this machine."""
        own = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:|about:")
        return [url for url in self.requests if not own.match(url)]

    def run_all(self, *, timeout: float) -> None:
        """Run > Run All Cells, then wait until the last code cell is done (seconds); fails on the first error."""
        page = self.page
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=60_000)
        page.get_by_text(re.compile(r"Python 3 \(ipykernel\) \| Idle")).wait_for(timeout=60_000)  # not before: it asks
        page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self.errors() == []
            prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
            if prompts and all(re.fullmatch(r"\[\d+\]:?", prompt.strip()) for prompt in prompts):
                return
            page.wait_for_timeout(250)
        raise AssertionError(f"after {timeout:g} s the cells stand at {prompts}")

    def errors(self) -> list[str]:
        """Texts of cells that failed."""
        return self.page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()

    def last_output(self) -> str:
        """What the last code cell shows, as text."""
        cell = self.page.locator(".jp-CodeCell").last
        return "\n".join(cell.locator(".jp-OutputArea-output").all_inner_texts())


@contextlib.contextmanager
def opened(browser: Any, running: Lab, notebook: str, **options: Any) -> Iterator[Opened]:
    """A notebook of the lab's folder in the browser; requests beyond this machine are refused and noted."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, **options)
    page = context.new_page()
    page.set_default_timeout(30_000)
    shown = Opened(page)
    page.on("request", lambda request: shown.requests.append(request.url))
    page.route(lambda url: not url.startswith((running.url, "data:", "blob:")), lambda route: route.abort())
    page.goto(f"{running.url}/lab/tree/{notebook}?token={running.token}&reset")
    try:
        yield shown
    finally:
        context.close()
