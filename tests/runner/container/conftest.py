"""Real launchers, and steps whose scripts are real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dagcast.errors import DagcastError
from dagcast.runner.launch.choose_launcher import choose_launcher
from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.options import Isolation
from tests.runner.container.support import Bench


def _started(isolation: Isolation, folder: Path) -> Iterator[Launcher]:
    try:
        started = choose_launcher(isolation, folder / "runs")
    except DagcastError as error:
        pytest.skip(str(error))
    with closing(started):
        yield started


@pytest.fixture
def paths_launcher(tmp_path: Path) -> Iterator[Launcher]:
    """Starts jobs whose paths are rewritten."""
    yield from _started("paths", tmp_path)


@pytest.fixture
def namespace_launcher(tmp_path: Path) -> Iterator[Launcher]:
    """Starts jobs with an ``/opt/ml`` of their own, where this machine can."""
    yield from _started("namespace", tmp_path)


@pytest.fixture(params=["namespace", "paths"])
def any_launcher(request: pytest.FixtureRequest) -> Launcher:
    """One test for each way to find ``/opt/ml``."""
    started: Launcher = request.getfixturevalue(f"{request.param}_launcher")
    return started


@pytest.fixture
def bench(tmp_path: Path, any_launcher: Launcher) -> Bench:
    """Runs steps, with a mount namespace and without."""
    return Bench(tmp_path / "runs", any_launcher)


@pytest.fixture
def plain_bench(tmp_path: Path, paths_launcher: Launcher) -> Bench:
    """Runs steps without a mount namespace, for what does not depend on one."""
    return Bench(tmp_path / "runs", paths_launcher)


@pytest.fixture
def namespace_bench(tmp_path: Path, namespace_launcher: Launcher) -> Bench:
    """Runs steps with a mount namespace."""
    return Bench(tmp_path / "runs", namespace_launcher)
