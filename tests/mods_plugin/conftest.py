"""mods-plugin, installed for these tests alone.

It is active on installation, so that in the environment of all tests it would take part in every compile. These tests
put its wheel, unpacked, on the path instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mods_plugin.ci_provider import SYSTEMS
from tests.support.mods_site import build_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what installing mods-plugin installs."""
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def editable(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the metadata of an editable installation: the modules of this process are those of the checkout."""
    folder = tmp_path_factory.mktemp("editable")
    (info,) = site.glob("*.dist-info")
    shutil.copytree(info, folder / info.name, ignore=shutil.ignore_patterns("RECORD"))
    return folder


@pytest.fixture(autouse=True)
def _installed(editable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is installed, and nothing of the machine that runs the tests is metadata."""
    monkeypatch.syspath_prepend(editable)
    monkeypatch.delenv("DAGCAST_PLUGINS", raising=False)
    for system in SYSTEMS:
        monkeypatch.delenv(system.marker, raising=False)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes modules, by path and text, into a folder that is on the path; they are forgotten afterwards."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)

    def write(path: str, text: str) -> None:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    yield write
    for name in set(sys.modules) - before:
        if str(folder) in str(
            getattr(sys.modules[name], "__file__", None) or getattr(sys.modules[name], "__path__", "")
        ):
            del sys.modules[name]


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python with the plugin installed, in an empty folder."""

    def execute(
        *arguments: str, path: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        paths = [str(site), *([str(path)] if path else []), os.environ.get("PYTHONPATH", "")]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environ, check=False)

    return execute
