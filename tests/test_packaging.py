"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from spotlib.provenance import CHECKOUT

# conda-forge's names for what PyPI calls otherwise
CONDA = {"dlib-bin": "dlib", "opencv-python-headless": "opencv", "torch": "pytorch"}


def _project() -> dict[str, Requirement]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def _lock() -> dict[str, Version]:
    pins = {}
    for line in (CHECKOUT / "requirements.lock").read_text().splitlines():
        name, version = line.split("==")
        pins[canonicalize_name(name)] = Version(version)
    return pins


def test_every_requirement_is_locked_within_its_range():
    lock = _lock()
    for name, requirement in _project().items():
        assert name in lock, name
        assert requirement.specifier.contains(lock[name]), (name, lock[name])
    assert lock["torch"] == Version("2.13.0")


def test_every_locked_version_can_be_had_with_the_oldest_python():
    # Debian 12 has 3.11.2; a pin that wants a later patch release leaves its users without an environment
    for name, version in _lock().items():
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:  # of another platform
            continue
        if Version(about["Version"]) == version and "Requires-Python" in about:
            assert SpecifierSet(about["Requires-Python"]).contains("3.11.0"), (name, about["Requires-Python"])


def test_environment_has_the_same_ranges():
    environment = yaml.safe_load((CHECKOUT / "environment.yml").read_text())["dependencies"]
    listed = [item for item in environment if isinstance(item, str)] + next(
        item["pip"] for item in environment if isinstance(item, dict)
    )
    found = {}
    for item in listed:
        match = re.fullmatch(r"([A-Za-z0-9_-]+)(.*)", item)
        found[canonicalize_name(match[1])] = match[2]
    for name, requirement in _project().items():
        conda = canonicalize_name(CONDA.get(name, name))
        assert conda in found, conda
        assert found[conda] == str(requirement.specifier), name
    assert found["python"].split(",") == [">=3.11", "<3.14"]


def test_the_lock_names_no_host():
    assert "://" not in (CHECKOUT / "requirements.lock").read_text()
