"""Several processes at once, and processes that are killed: real ones, on both databases."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mods_plugin.registry import Registry
from tests.mods_plugin.registry.conftest import Project
from tests.support.child_processes import ProcessStarter

ROOT = Path(__file__).parents[3]

REGISTERS = """
import json, sys
from dagcast.errors import DagcastError
from mods_plugin.registry import DifferentContentError, Registry
from mods_plugin.registry import capture, executions, project, store, tables
import alembic.command
registry = Registry(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for config in sys.argv[2:]:
    try:
        done = registry.register(config)
        answer = ["created" if done.created else "same", done.template.metadata["description"]]
    except DifferentContentError as error:
        answer = ["different", error.diff]
    print(json.dumps(answer), flush=True)
"""


@contextmanager
def processes(site: Path, *commands: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Python processes, all of which are ready; they go on with a line of input."""
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    # What a killed process leaves behind goes with the tests' own folders.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TMPDIR": str(site.parent),
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with closing(ProcessStarter()) as start_process:
        running = [
            start_process([sys.executable, "-c", *command], env=environment, **pipes) for command in commands
        ]
        for process in running:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready == "ready\n", process.communicate(timeout=60)[1]
        yield running


def answers(running: list[subprocess.Popen[str]]) -> list[list[list[str]]]:
    """Let all of them go at once; what each says, line by line."""
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=300) for process in running]
    for process, (_, errors) in zip(running, ended, strict=True):
        assert process.returncode == 0, errors
    return [[json.loads(line) for line in output.splitlines()] for output, _ in ended]


def variants(project: Project, count: int) -> list[str]:
    """Configs of one version that differ in their description."""
    files = []
    for number in range(count):
        file = project.folder / f"variant{number}.json"
        project.versioned("1.4.0", description=f"Number {number}").rename(file)
        files.append(str(file))
    return files


def test_of_processes_with_the_same_content_one_creates_it(place: str, site: Path, project: Project) -> None:
    """There is no registry yet, so they make that at once as well."""
    with processes(site, *([[REGISTERS, place, str(project.file)]] * 4)) as running:
        said = [lines[0][0] for lines in answers(running)]
    assert sorted(said) == ["created", "same", "same", "same"]
    assert Registry(place).compile("churn", "1.4.0")


def test_of_processes_with_different_content_one_creates_it_and_others_fail(
    place: str, site: Path, project: Project
) -> None:
    files = variants(project, 4)
    with processes(site, *([REGISTERS, place, file] for file in files)) as running:
        said = [lines[0] for lines in answers(running)]
    assert sorted(kind for kind, _ in said) == ["created", "different", "different", "different"]
    (winner,) = [text for kind, text in said if kind == "created"]
    found = Registry(place).show("churn", "1.4.0")
    assert found.metadata["description"] == winner
    for kind, text in said:
        if kind == "different":
            assert f'-  "description": "{winner}"' in text
    assert Registry(place).versions("churn") == ("1.4.0",)


def test_many_versions_register_concurrently(place: str, site: Path, project: Project) -> None:
    """Two processes register the same versions in opposite orders, with code that they share."""
    files = []
    for number in range(6):
        file = project.folder / f"version{number}.json"
        project.versioned(f"1.{number}.0").rename(file)
        files.append(str(file))
    with processes(site, [REGISTERS, place, *files], [REGISTERS, place, *reversed(files)]) as running:
        said = [kind for lines in answers(running) for kind, _ in lines]
    assert sorted(said) == ["created"] * 6 + ["same"] * 6
    registry = Registry(place)
    assert sorted(registry.versions("churn")) == [f"1.{number}.0" for number in range(6)]
    for version in registry.versions("churn"):
        registry.compile("churn", version)


def test_a_process_killed_at_any_statement_leaves_a_valid_registry(
    place: str, site: Path, project: Project
) -> None:
    older = project.file.rename(project.folder / "older.json")
    project.write("code/lib/tools.py", "NUMBER = 1\n")
    newer = project.versioned("1.5.0")
    paths = os.pathsep.join([str(site), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(project.folder.parent)}
    command = [sys.executable, str(Path(__file__).with_name("kill_worker.py")), place, str(older), str(newer)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (int(line.split()[1]) for line in done.stdout.splitlines())
    assert first > second > 10, "the first one makes the tables as well"
    if "://" not in place:
        connection = sqlite3.connect(place)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_process_killed_at_any_time_leaves_a_valid_registry(
    place: str, site: Path, project: Project, seed: int
) -> None:
    chance = random.Random(seed)
    files = []
    for number in range(40):
        file = project.folder / f"version{number}.json"
        project.versioned(f"1.{number}.0").rename(file)
        files.append(str(file))
    enough = chance.randrange(0, 12)
    with processes(site, [REGISTERS, place, *files]) as (process,):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        told = [process.stdout.readline() for _ in range(enough)]
        # Not at the end of a registration, but somewhere inside of the next.
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(chance.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        told += process.communicate(timeout=60)[0].splitlines()
    registry = Registry(place)
    registry.migrate()
    versions = registry.versions("churn")
    assert len(told) <= len(versions) <= len(told) + 1, "what was said to be registered is there"
    for version in versions:
        registry.compile("churn", version)
    again = [registry.register(file).created for file in files[:14]]
    assert again == [False] * len(versions) + [True] * (14 - len(versions))
