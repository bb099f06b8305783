"""A cluster that speaks TLS only, with certificates made as docs/cluster.md makes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dask.config
import distributed  # noqa: F401 - sets its defaults before anything is set for a while
import pytest

from spotlib.cluster import ClusterExecutor
from spotlib.errors import SpotlibError
from tests.reliability.test_cluster import Cluster


def certificate(folder: Path) -> dict[str, str]:
    """A key and a certificate that signs itself; the environment that docs/cluster.md exports for them."""
    folder.mkdir()
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=spotlib",
         "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True,
    )  # fmt: skip
    told = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(cert)}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        told[f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT"] = str(cert)
        told[f"DASK_DISTRIBUTED__COMM__TLS__{role}__KEY"] = str(key)
    return {**told, "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}


def as_set(told: dict[str, str]) -> dask.config.set:
    """The same for this process, which has read its environment long ago."""
    names = {name: name.removeprefix("DASK_").lower().replace("__", ".").replace("_", "-") for name in told}
    return dask.config.set({names[name]: True if value == "True" else value for name, value in told.items()})


@pytest.fixture
def told(tmp_path, monkeypatch) -> dict[str, str]:
    """The environment of a cluster's processes."""
    made = certificate(tmp_path / "tls")
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    return made


def test_jobs_over_tls_and_nobody_without_the_certificate(tmp_path, told) -> None:
    cluster = Cluster(tmp_path / "cluster", "--protocol", "tls")
    try:
        cluster.worker("--protocol", "tls")
        address = cluster.address
        assert address.startswith("tls://127.0.0.1:")
        with as_set(told):
            executor = ClusterExecutor(address)
            assert executor.submit(sorted, [3, 1, 2]).result(60) == [1, 2, 3]
            executor.shutdown()
        with as_set(certificate(tmp_path / "stranger")), pytest.raises(SpotlibError, match="no Dask scheduler answers"):
            ClusterExecutor(address).connect()
        with pytest.raises(SpotlibError, match="no Dask scheduler answers") as said:
            ClusterExecutor(address.replace("tls", "tcp")).connect()
        assert "\n" not in str(said.value)
    finally:
        cluster.end()
