"""A compile needs no network, no credentials and no home, and with image URIs no SDK."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dagcast.compile.steps.catalog import MODULES
from tests.support.compiling import definition_of
from tests.support.definition_checker import problems_of
from tests.support.every_type import write_project

SCRIPT = """
import builtins, json, logging, os, socket, sys

tried = []

def refuse(*args, **kwargs):
    tried.append(repr(args))
    raise OSError("the network is blocked")

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
socket.getaddrinfo = socket.create_connection = socket.gethostbyname = refuse
before = (dict(os.environ), list(logging.getLogger().handlers), logging.getLogger().level, sys.excepthook)

from dagcast import PipelineDAGCompiler
compiler = PipelineDAGCompiler(sys.argv[1], plugins=[])
assert compiler.validate().is_valid
compilation = compiler.compile_definition()

after = (dict(os.environ), list(logging.getLogger().handlers), logging.getLogger().level, sys.excepthook)
roots = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"tried": tried, "same": before == after, "roots": roots, "definition": compilation.definition}))
"""


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """Return an environment without AWS variables and with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {
        name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH") if name in os.environ
    }
    return {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}


def test_a_definition_of_every_step_type(tmp_path: Path, bare: dict[str, str]) -> None:
    config = write_project(tmp_path / "project")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(config)], env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert said["tried"] == []
    assert said["same"]
    assert not {"sagemaker", "sagemaker_core", "boto3", "pandas", "numpy"} & set(said["roots"])
    # Nothing is left in the home but dagcast's own cache, where it is said to be.
    written = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert [
        path for path in written if not path.is_relative_to(tmp_path / "home" / "cache" / "dagcast")
    ] == []
    definition = json.loads(said["definition"])
    assert problems_of(definition) == []
    assert definition == definition_of(config)


def test_the_project_has_every_step_type(tmp_path: Path) -> None:
    text = write_project(tmp_path).read_text(encoding="utf-8")
    # Not every supported SDK emits these; the equivalence tests compare them with those that do.
    newer = {"InferenceComponent", "Lineage", "Cleanup", "Job"}
    assert {name for name in MODULES if re.search(rf"[ {{]type: {name}\b", text)} == set(MODULES) - newer


@pytest.mark.parametrize("arguments", [["validate"], ["compile"]])
def test_the_command_line(arguments: list[str], tmp_path: Path, bare: dict[str, str]) -> None:
    """A file that every interpreter reads at its start blocks the network for the command."""
    config = write_project(tmp_path / "project")
    block = tmp_path / "block"
    block.mkdir()
    (block / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(*args, **kwargs):\n"
        "    raise SystemExit('the network was used')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse\n"
    )
    path = os.pathsep.join(filter(None, [str(block), bare.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "dagcast.cli", *arguments, str(config), "--no-plugins"],
        env={**bare, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the network was used" not in done.stderr
