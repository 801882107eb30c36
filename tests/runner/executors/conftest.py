"""A real launcher."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from dagcast.runner.launch.choose_launcher import choose_launcher
from dagcast.runner.launch.launcher import Launcher


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts jobs as this machine does it best."""
    with closing(choose_launcher("auto", tmp_path_factory.mktemp("runs"))) as started:
        yield started


@pytest.fixture(scope="module")
def paths_launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Starts jobs whose paths are rewritten, as on a machine without namespaces."""
    with closing(choose_launcher("paths", tmp_path_factory.mktemp("runs"))) as started:
        yield started
