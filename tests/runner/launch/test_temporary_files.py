"""An unusable folder of temporary files is the reason that a launcher gives."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from dagcast.runner.launch.choose_launcher import choose_launcher
from dagcast.runner.launch.docker_launcher import DockerLauncher
from dagcast.runner.launch.process_launcher import ProcessLauncher
from dagcast.staging.temporary_folder import TemporaryFolderError
from tests.runner.launch.bench import Bench

PROBLEM = "cannot write to the temporary folder /nonexistent: No such file or directory; free space in it"


@pytest.fixture
def unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``tempfile`` has found at its first use is gone."""
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")


def test_a_job_with_another_folder_in_place_of_ml(tmp_path: Path, unusable: None) -> None:
    # The path of this folder needs quotes, so that the job gets a link to it.
    folder = tmp_path / "my project"
    folder.mkdir()
    with ProcessLauncher("paths", folder) as launcher:
        bench = Bench(launcher, folder)
        ended = bench.run("true")
        assert (ended.code, ended.problem is not None) == (None, True)
        assert str(ended.problem).startswith(PROBLEM)


def test_a_container(tmp_path: Path, unusable: None) -> None:
    with DockerLauncher(str(shutil.which("true"))) as launcher:
        bench = Bench(launcher, tmp_path)
        ended = launcher.run(replace(bench.command("true"), image="image"), bench.stop)
        assert str(ended.problem).startswith(PROBLEM)


def test_the_choice_of_a_launcher(tmp_path: Path, unusable: None) -> None:
    with pytest.raises(TemporaryFolderError, match="cannot write to the temporary folder /nonexistent"):
        choose_launcher("auto", tmp_path).close()
