from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner.cli.support import DONE, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("yes.json", DONE)
    project.write("no.json", {"ok": False})
    return project
