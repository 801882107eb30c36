"""``dagcast plugins new``: the project that it writes is whole as it stands."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dagcast.plugins.scan import scan_plugins
from tests.integration.plugins.conftest import Site
from tests.support.distributions import run

BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.mark.parametrize("name", ["owner", "Team_Tags-2"])
def test_the_project_passes_its_own_tests_and_those_of_every_plugin(site: Site, name: str) -> None:
    folder = site.project / "made"
    assert site.cli("plugins", "new", name, "--folder", str(folder)).exit_code == 0
    command = [sys.executable, "-c", BUILD, str(site.project)]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(site.project / built.stdout.split()[-1]) as wheel:
        wheel.extractall(site.folder)
    assert name in scan_plugins([str(site.folder)]).names
    kit = run(
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--dagcast-plugin", name], [site.folder], folder
    )
    assert kit.returncode == 0, kit.stdout
    assert "passed" in kit.stdout


def test_the_project_is_typed(site: Site, tmp_path: Path) -> None:
    folder = site.project / "made"
    site.cli("plugins", "new", "owner", "--folder", str(folder))
    done = run(["-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "src"], [], folder)
    assert done.returncode == 0, done.stdout


def test_files_that_exist_are_left_alone(site: Site) -> None:
    folder = site.project / "made"
    folder.mkdir()
    (folder / "README.md").write_text("mine")
    result = site.cli("plugins", "new", "owner", "--folder", str(folder))
    assert result.exit_code == 1
    assert "already exists" in result.output
    assert [path.name for path in folder.iterdir()] == ["README.md"]
    assert (folder / "README.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["9lives", "a b", "../up"])
def test_an_invalid_name_is_refused(site: Site, name: str) -> None:
    result = site.cli("plugins", "new", name)
    assert result.exit_code == 1
    assert "is not a valid plugin name" in result.output
    assert not list(site.project.glob("dagcast-*"))
