"""Everything about a cluster that needs none; tests/reliability/test_cluster.py has one."""

from __future__ import annotations

import socket
import sys

import pytest

from spotlib.cluster import ClusterExecutor, _on_worker, _unfit, cluster, identity, scheduler_of
from spotlib.errors import SpotlibError


def test_one_name_for_a_scheduler(tmp_path, monkeypatch):
    assert scheduler_of(None, None) is None
    assert scheduler_of("tcp://127.0.0.1:1", None) == "tcp://127.0.0.1:1"
    monkeypatch.chdir(tmp_path)
    assert scheduler_of(None, "s.json") == f"file:{tmp_path / 's.json'}"
    with pytest.raises(SpotlibError, match="give one of them"):
        scheduler_of("tcp://127.0.0.1:1", "s.json")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8786", "tcp://127.0.0.1", "http://127.0.0.1:1", "tcp://:1", "tcp://a:b"]
)
def test_what_is_no_address(address):
    with pytest.raises(SpotlibError, match="not an address; give one as tcp://127.0.0.1:8786"):
        ClusterExecutor(address)


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:8786", "tcp://example.org:8786", "tcp://[2001:db8::1]:8786"])
def test_the_open_network_needs_tls(address, monkeypatch):
    monkeypatch.delenv("SPOTLIB_TRUST_NETWORK", raising=False)
    with pytest.raises(SpotlibError, match="can run code as you; use tls://"):
        ClusterExecutor(address)
    ClusterExecutor(address.replace("tcp", "tls"))
    monkeypatch.setenv("SPOTLIB_TRUST_NETWORK", "1")
    ClusterExecutor(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_the_own_machine_does_not(host, monkeypatch):
    monkeypatch.delenv("SPOTLIB_TRUST_NETWORK", raising=False)
    ClusterExecutor(f"tcp://{host}:8786")


def test_nobody_there(tmp_path, monkeypatch):
    monkeypatch.setattr("spotlib.cluster.CONNECT", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SpotlibError, match=f"127.0.0.1:{port}: no Dask scheduler answers there") as caught:
        ClusterExecutor(f"tcp://127.0.0.1:{port}").submit(print)
    assert "\n" not in str(caught.value)
    with pytest.raises(SpotlibError, match="no such scheduler file; `dask scheduler --scheduler-file` makes it"):
        ClusterExecutor(f"file:{tmp_path / 'none.json'}").connect()
    (tmp_path / "rubbish.json").write_text("[")
    with pytest.raises(SpotlibError, match="not the file of a Dask scheduler"):
        ClusterExecutor(f"file:{tmp_path / 'rubbish.json'}").connect()
    (tmp_path / "open.json").write_text('{"address": "tcp://192.0.2.1:8786"}')
    with pytest.raises(SpotlibError, match="use tls://"):
        ClusterExecutor(f"file:{tmp_path / 'open.json'}").connect()


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SpotlibError, match="pip install 'spotlib-fes\\[dask\\]'"):
        ClusterExecutor("tcp://127.0.0.1:8786").connect()


def test_how_workers_differ():
    expected = identity(threads=1)
    assert _unfit(expected, expected) == ""
    assert _unfit({**expected, "code": "x"}, expected) == "other code"
    assert _unfit({**expected, "spotlib": "0.0.1"}, expected).startswith("spotlib 0.0.1 instead of ")
    assert _unfit({**expected, "torch": "1.0"}, expected).startswith("torch 1.0 instead of ")
    assert _unfit({**expected, "threads": 4}, expected) == "4 threads (start it with --nthreads 1)"
    assert _unfit(ModuleNotFoundError("No module named 'spotlib'"), expected).startswith("no working spotlib (Module")


def test_a_worker_that_came_later_does_nothing_if_it_does_not_fit(monkeypatch):
    import distributed

    class Worker:
        address = "tcp://127.0.0.1:9"

        class state:
            nthreads = 1

    monkeypatch.setattr(distributed, "get_worker", Worker)
    assert _on_worker(identity(threads=1), abs, (-3,), {}) == 3
    with pytest.raises(SpotlibError, match="worker tcp://127.0.0.1:9 has other code: refused"):
        _on_worker({**identity(threads=1), "code": "x"}, lambda: pytest.fail("done"), (), {})


def test_one_executor_a_scheduler():
    assert cluster("tcp://127.0.0.1:1") is cluster("tcp://127.0.0.1:1")
    ClusterExecutor("tcp://127.0.0.1:1").check()  # of one never used there is nothing to say
    ClusterExecutor("tcp://127.0.0.1:1").shutdown()
