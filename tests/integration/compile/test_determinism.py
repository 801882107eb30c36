"""The same input gives the same bytes in any process, with any hash seed, in any folder and thread."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from dagcast import PipelineDAGCompiler
from tests.support.compiling import JOB, config
from tests.support.config_strategies import FILES, configs
from tests.support.every_type import write_project


def compile_in_process(path: Path, seed: str, cwd: Path, *more: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "dagcast.cli", "compile", str(path), "--no-plugins", *more],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=cwd,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_processes_hash_seeds_and_folders(tmp_path: Path) -> None:
    here = write_project(tmp_path / "here")
    there = tmp_path / "a folder" / "é" / "there" / "pipeline.yaml"
    shutil.copytree(here.parent, there.parent)
    # Neither the times of files nor what tools leave next to the code are part of the input.
    os.utime(there.parent / "code" / "main.py", (1, 1))
    (there.parent / "code" / "__pycache__").mkdir()
    (there.parent / "code" / "__pycache__" / "main.pyc").write_bytes(b"x")
    outputs = [
        compile_in_process(here, "0", tmp_path),
        compile_in_process(here, "1", here.parent),
        compile_in_process(here.relative_to(tmp_path), "2", tmp_path),
        compile_in_process(there, "3", tmp_path),
        compile_in_process(Path("pipeline.yaml"), "random", there.parent),
    ]
    assert len(set(outputs)) == 1
    definition = PipelineDAGCompiler(here, plugins=[]).compile_definition().definition
    assert outputs[0] == definition.encode() + b"\n"


def test_errors_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    """Errors and their order do not depend on the hash seed."""
    path = tmp_path / "c.json"
    train: dict[str, Any] = {"type": "Training", **JOB}
    steps = {
        name: {
            **train,
            "hyperparameters": {
                other: f"${{step.{other}.TrainingJobName}}" for other in "abcdef" if other != name
            },
            "nope": 1,
            "environment": {"x-y": "${param.Nope}"},
        }
        for name in "abcdef"
    }
    path.write_text(json.dumps(config(steps)), encoding="utf-8")

    def complaints(seed: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", "dagcast.cli", "validate", str(path), "--json", "--no-plugins"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 1
        return done.stdout

    first = complaints("0")
    assert {item["code"] for item in json.loads(first)["diagnostics"]} >= {
        "dag.cycle",
        "config.unknown-field",
        "reference.unknown-parameter",
    }
    assert complaints("1") == first
    assert complaints("4") == first


@pytest.fixture(scope="module")
def working_directory(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Create a working directory with the files of random configs."""
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.mark.usefixtures("working_directory")
@settings(max_examples=40)
@given(source=configs())
def test_repeated_compiles_give_the_same_bytes(source: dict[str, Any]) -> None:
    compiler = PipelineDAGCompiler(source, plugins=[])
    first = compiler.compile_definition()
    second = compiler.compile_definition()
    other = PipelineDAGCompiler(json.loads(json.dumps(source)), plugins=[]).compile_definition()
    assert first.definition == second.definition == other.definition
    assert first.spec == other.spec
    assert first.report.digest == other.report.digest


def test_two_threads_with_different_configs_are_independent(tmp_path: Path) -> None:
    """Each thread reads and compiles its own config many times."""
    sources: list[Any] = [
        write_project(tmp_path),
        config(
            {
                "load": {"type": "Processing", **JOB, "outputs": {"train": None}},
                "train": {"type": "Training", **JOB, "inputs": {"train": None}},
                "check": {
                    "type": "Condition",
                    "conditions": [{"left": "${param.Limit}", "op": "<", "right": 3}],
                    "if_steps": ["stop"],
                },
                "stop": {"type": "Fail", "error_message": "${param.Limit}"},
            },
            parameters={"Limit": {"type": "Integer", "default": 7}},
            edges=["load -> train", "train => check"],
        ),
    ]
    expected = [PipelineDAGCompiler(source, plugins=[]).compile_definition().definition for source in sources]
    start = threading.Barrier(4)
    found: list[list[str]] = [[], [], [], []]

    def work(index: int) -> None:
        start.wait()
        for _ in range(8):
            compiler = PipelineDAGCompiler(sources[index % 2], plugins=[])
            found[index].append(compiler.compile_definition().definition)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, definitions in enumerate(found):
        assert definitions == [expected[index % 2]] * 8


def test_one_compiler_in_two_threads(tmp_path: Path) -> None:
    compiler = PipelineDAGCompiler(write_project(tmp_path), plugins=[])
    found: list[str] = []

    def work() -> None:
        found.append(compiler.compile_definition().definition)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
