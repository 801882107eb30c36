from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.cli.support import DONE, Project
from tests.support.child_processes import ProcessStarter


@pytest.fixture
def project(tmp_path: Path, start_process: ProcessStarter) -> Project:
    project = Project(tmp_path, start_process)
    project.write("yes.json", DONE)
    project.write("no.json", {"ok": False})
    return project


@pytest.fixture(autouse=True)
def _signals_as_a_terminal_has_them() -> Iterator[None]:
    """Programs that are started listen to SIGHUP, though whoever runs the tests may ignore it, as ``nohup`` does."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
