"""``dagcast runs diff`` and what ``runs show`` says of trials, of runs of real configs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.runner.cli.support import Project, ask, fail

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
TRAIN = """\
import argparse
import os

import shared

parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=int)
parser.add_argument("--rate", type=float, default=0.5)
args = parser.parse_args()
open(os.environ["SM_MODEL_DIR"] + "/model", "w").close()
if args.depth == 3:
    raise SystemExit("too deep")
print(f"auc={shared.auc(args.depth)};")
"""


def config(kind: str = "Training", **step: Any) -> dict[str, Any]:
    job = {
        "type": "Training",
        "entry_point": "train.py",
        "source_dir": "code",
        "image_uri": IMAGE,
        "instance_type": "ml.m5.large",
        "metric_definitions": {"auc": "auc=([0-9.]+)"},
        "hyperparameters": {"depth": "${param.Depth}"},
    }
    return {
        "pipeline": {"name": "churn", "role": "arn:aws:iam::123456789012:role/R", "bucket": "my-bucket"},
        "parameters": {"Depth": 2},
        "steps": {"fit": {**job, "type": kind, **step}},
    }


@pytest.fixture
def trained(project: Project) -> Project:
    code = project.path / "code"
    code.mkdir()
    (code / "train.py").write_text(TRAIN)
    (code / "shared.py").write_text("def auc(depth):\n    return depth / 10\n")
    (code / "old.py").write_text("")
    project.write("c.json", config())
    assert project.run("run", "c.json", "-q").code == 0
    return project


def test_parameters_code_and_metrics_of_two_runs_are_compared(trained: Project) -> None:
    code = trained.path / "code"
    (code / "shared.py").write_text("def auc(depth):\n    return 0.75\n")
    (code / "old.py").rename(code / "new.py")
    assert trained.run("run", "c.json", "-q", "--param", "Depth=4").code == 0
    first, second = (run.name for run in trained.runs)
    done = trained.run("runs", "diff", first)
    assert done.code == 3
    assert done.out.splitlines() == [
        f"{first} and {second}",
        "  ~ Depth  2 → 4",
        "  ~ fit",
        "      new.py  added",
        "      old.py  removed",
        "      shared.py  changed",
        "      auc  0.2 → 0.75",
    ]
    compared = json.loads(trained.run("runs", "diff", second, first, "--json").out)
    assert compared["runs"] == [second, first]
    assert compared["parameters"] == {"Depth": [4, 2]}
    assert compared["steps"]["fit"]["metrics"] == {"auc": [0.75, 0.2]}
    assert compared["steps"]["fit"]["code"] == {
        "new.py": "removed",
        "old.py": "added",
        "shared.py": "changed",
    }


def test_runs_of_the_same_inputs_do_not_differ(trained: Project) -> None:
    assert trained.run("run", "c.json", "-q").code == 0
    done = trained.run("runs", "diff", trained.runs[0].name, "last")
    assert done.code == 0
    assert done.out.splitlines()[1:] == ["no difference in parameters, code and metrics"]


def test_steps_that_one_run_lacks_and_other_endings_are_named(trained: Project) -> None:
    trained.define(ask("fit"), fail("end", "over"))
    trained.write("answer.json", {"ok": True})
    assert trained.run("run", "definition.json", "-q", "--callback", "fit=answer.json").code == 1
    trained.define(fail("fit", "no"))
    assert trained.run("run", "definition.json", "-q").code == 1
    done = trained.run("runs", "diff", trained.runs[1].name)
    assert done.out.splitlines()[1:] == ["  ~ fit  succeeded → failed", "  - end  failed"]
    done = trained.run("runs", "diff", trained.runs[0].name)
    assert done.out.splitlines()[1:] == [
        "  ~ Depth  2 → (none)",
        "  ~ fit  succeeded → failed",
        *(f"      {file}  removed" for file in ("old.py", "shared.py", "train.py")),
        "      auc  0.2 → (none)",
    ]


def test_an_unknown_run_is_reported(trained: Project) -> None:
    done = trained.run("runs", "diff", "none")
    assert done.code == 1
    assert done.err.startswith("error: unknown run 'none' in .dagcast/runs")


def test_the_trials_of_a_tuning_step_are_shown_with_the_best_first(trained: Project) -> None:
    tuned = config(
        "Tuning",
        objective={"name": "auc", "type": "Maximize"},
        strategy="Grid",
        max_jobs=3,
        max_parallel_jobs=1,
        ranges={"depth": {"type": "Categorical", "values": ["1", "2", "3"]}},
        hyperparameters={"rate": 0.1},
    )
    del tuned["parameters"]
    trained.write("t.json", tuned)
    ran = trained.run("run", "t.json", "-q")
    assert ran.code == 0, ran.err
    shown = trained.run("runs", "show").out.splitlines()
    trials = [line.split() for line in shown[shown.index("trials of fit") + 1 :]]
    assert trials == [
        ["rank", "state", "auc", "hyperparameters"],
        ["1", "completed", "0.2", "depth=2"],
        ["2", "completed", "0.1", "depth=1"],
        ["3", "failed", "depth=3"],
        ["AlgorithmError:", "too", "deep,", "exit", "code:", "1"],
    ]
    (step,) = json.loads(trained.run("runs", "show", "--json").out)["steps"]
    assert [trial["objective"] for trial in step["trials"]] == [0.2, 0.1, None]
    assert step["trials"][0]["hyperparameters"] == {"depth": '"2"'}
