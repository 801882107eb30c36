"""Registries for the tests: the same tests run on an SQLite file and on PostgreSQL."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mods_plugin.registry import Registry
from tests.mods_plugin.configs import config
from tests.support.postgres import Server, binaries, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    with serving(folder) as started:
        yield started


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets the registry of whoever runs the tests."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MODS_REGISTRY", raising=False)
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a registry can be made."""
    if request.param == "sqlite":
        yield str(tmp_path / "registry.sqlite")
        return
    with request.getfixturevalue("server").database() as url:
        yield url


@pytest.fixture
def registry(place: str) -> Registry:
    """An empty registry, which is not there yet."""
    return Registry(place)


@pytest.fixture
def file_registry(tmp_path: Path) -> Registry:
    """A registry in a file, for what does not depend on the database."""
    return Registry(tmp_path / "registry.sqlite")


class Project:
    """A folder with a config and code.

    Args:
        folder: The folder; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "pipeline.json"
        self.write("load.py", "print('load')\n")
        self.write("code/train.py", "print('train')\n")
        self.write("code/lib/tools.py", "NUMBER = 1\n")

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def save(self, options: Mapping[str, Any] | None = None, **sections: Any) -> Path:
        """Write the config, with sections in place of its own."""
        self.file.write_text(json.dumps(self.config(options, **sections)), encoding="utf-8")
        return self.file

    def config(self, options: Mapping[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
        """A pipeline of which two steps have code."""
        base = config(options)
        steps = {
            **base["steps"],
            "load": {"type": "Processing", "entry_point": "load.py", "outputs": {"data": None}},
            "train": {
                "type": "Training",
                "entry_point": "train.py",
                "source_dir": "code",
                "inputs": {"data": {}},
            },
        }
        return {**base, "steps": steps, **sections}

    def versioned(self, version: str, **pipeline: Any) -> Path:
        """Write the config under another version, with other fields of the pipeline."""
        return self.save(pipeline={**config()["pipeline"], "version": version, **pipeline})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that compiles; its config is written."""
    made = Project(tmp_path / "project")
    made.save()
    return made
