"""Definitions of both kinds, each made once a session."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from dagcast.template import Compilation

from .pipelines import ROOT, by_hand, compile_config


@pytest.fixture(scope="session", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A machine without AWS configuration, and without a cache of images."""
    folder = tmp_path_factory.mktemp("machine")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("DAGCAST_CACHE_DIR", str(folder / "cache"))
        yield


@pytest.fixture(scope="session")
def compiled() -> Callable[[str], Compilation]:
    """A config as data, by name."""
    return functools.cache(compile_config)


@pytest.fixture(scope="session")
def ours(compiled: Callable[[str], Compilation]) -> Callable[[str], dict[str, Any]]:
    """The definition that dagcast makes of a config, by name."""
    return functools.cache(lambda name: json.loads(compiled(name).definition))


@pytest.fixture(scope="session")
def hand(
    request: pytest.FixtureRequest, machine: None, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, dict[str, Any]]:
    """The definitions of the pipelines written by hand that the selected tests ask for, by name.

    They are made in a process of their own, which the SDK may mark as it likes.
    """
    folder = tmp_path_factory.mktemp("by_hand")
    names = _asked_for(request.session)
    command = [sys.executable, "-m", "tests.by_hand.dump", str(folder), *names]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}


def _asked_for(session: pytest.Session) -> list[str]:
    """The names in the parameters of the tests that use ``hand``; all names, if one of them has no such parameter."""
    names = set()
    for item in session.items:
        if "hand" in getattr(item, "fixturenames", ()):
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            names.update([parameters["name"]] if "name" in parameters else by_hand().NAMES)
    return [name for name in by_hand().NAMES if name in names]
