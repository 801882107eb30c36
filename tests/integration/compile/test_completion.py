"""What the shell completes: the completions that click's scripts ask for, from real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DEFINITION = {
    "Version": "2020-12-01",
    "Steps": [
        {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "x"}} for name in ("stop", "study")
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    (folder / "pipeline.yaml").write_text("steps: {prepare: {}, predict: {}, train: {}}\n")
    (folder / "broken.yaml").write_text("steps: {")
    (folder / "definition.json").write_text(json.dumps(DEFINITION))
    for _ in range(2):
        _run(folder, "run", "definition.json", "-q")
    return folder


def _run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagcast", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def complete(folder: Path, words: str) -> list[str]:
    done = _run(
        folder,
        _DAGCAST_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        ("dagcast run pipeline.yaml --only pr", ["plain,prepare", "plain,predict"]),
        ("dagcast run pipeline.yaml --from t", ["plain,train"]),
        ("dagcast run pipeline.yaml --stub tr", ["plain,train="]),
        ("dagcast run pipeline.yaml --stub train=ans", ["file,ans"]),
        ("dagcast run definition.json --only sto", ["plain,stop"]),
        ("dagcast run broken.yaml --only ", []),
        ("dagcast run --only pr", []),
        ("dagcast run missing.yaml --only pr", []),
        ("dagcast explain pipeline.yaml tr", ["plain,train"]),
        ("dagcast run pip", ["file,pip"]),
        ("dagcast compile pipeline.yaml --plugin guard", ["plain,guardrails"]),
        ("dagcast runs show la", ["plain,last"]),
        ("dagcast run --resume la", ["plain,last"]),
        ("dagcast runs logs last st", ["plain,stop", "plain,study"]),
        ("dagcast runs logs none st", []),
    ],
)
def test_the_shell_completes_what_fits(folder: Path, words: str, candidates: list[str]) -> None:
    assert complete(folder, words) == candidates


def test_runs_are_completed_by_short_names_and_by_ids(folder: Path) -> None:
    runs = sorted(path.parent.name for path in folder.glob(".dagcast/runs/2*/run.json"))
    found = complete(folder, "dagcast runs show ")
    assert found[0] == "plain,last"
    assert {item.removeprefix("plain,") for item in found[1:]} == {run.rpartition("-")[2] for run in runs}
    assert set(complete(folder, "dagcast runs clean 2")) >= {f"plain,{run}" for run in runs}
