"""A bench for each way that a job can be a process of this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from dagcast.runner.launch.process_launcher import ProcessLauncher
from tests.runner.launch.bench import Bench

Isolation = Literal["namespace", "paths"]


@pytest.fixture(scope="session")
def namespaces() -> bool:
    """Whether this machine lets jobs have namespaces, asked of a program that is not dagcast's."""
    if sys.platform != "linux":
        return False
    wanted = ["--user", "--map-current-user", "--mount", "--pid", "--fork", "--mount-proc"]
    return subprocess.run(["unshare", *wanted, "true"], capture_output=True, check=False).returncode == 0


def _bench(isolation: Isolation, folder: Path) -> Iterator[Bench]:
    (folder / "runs").mkdir()
    with ProcessLauncher(isolation, folder / "runs", grace=2) as launcher:
        yield Bench(launcher, folder)


@pytest.fixture
def namespace(tmp_path: Path, namespaces: bool) -> Iterator[Bench]:
    """A bench whose jobs have namespaces."""
    if not namespaces:
        pytest.skip("this machine lets nobody have namespaces")
    yield from _bench("namespace", tmp_path)


@pytest.fixture
def rewritten(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose jobs receive another folder in place of ``/opt/ml``."""
    yield from _bench("paths", tmp_path)


@pytest.fixture(params=["namespace", "rewritten"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A bench of each kind, one after the other."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Bench)
    return found
