"""Checks of the steps of a definition, compiled or read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagcast.check.definition import check_steps
from dagcast.definition.read import read_definition

GOLDEN = sorted((Path(__file__).parents[1] / "integration/equivalence/golden").glob("*.json"))

CHECK = """
import json, sys
from dagcast.check.definition import check_steps
from dagcast.definition.read import read_definition
problems = [[p.step, list(p.path), p.code] for p in check_steps(read_definition(sys.stdin.read()))]
print(json.dumps([problems, [name for name in sys.modules if name.startswith("dagcast.compile")]]))
"""


def problems(data: Any) -> list[tuple[str | None, tuple[str | int, ...], str]]:
    found = check_steps(read_definition(json.dumps(data)))
    return [(problem.step, problem.path, problem.code) for problem in found if problem.severity == "error"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_definitions_have_no_problems(path: Path) -> None:
    assert problems(json.loads(path.read_text("utf-8"))) == []


def test_a_definition_is_checked_without_the_compiler() -> None:
    data = json.loads((GOLDEN[0].parent / "training.json").read_text("utf-8"))
    step = next(step for step in data["Steps"] if step["Type"] == "Training")
    step["Arguments"]["ResourceConfig"]["InstanceCuont"] = 1
    message = {"Get": f"Steps.{step['Name']}.ModelArtifcats"}
    data["Steps"].append({"Name": "end", "Type": "Fail", "Arguments": {"ErrorMessage": message}})
    ran = subprocess.run(
        [sys.executable, "-c", CHECK],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found, compiler = json.loads(ran.stdout)
    assert compiler == []
    assert [step["Name"], ["Arguments", "ResourceConfig", "InstanceCuont"], "request.unknown-field"] in found
    assert ["end", ["Arguments", "ErrorMessage"], "reference.unknown-property"] in found


def test_a_step_of_an_unknown_kind_is_not_checked() -> None:
    steps = [
        {"Name": "a", "Type": "Teleport", "Arguments": {"To": 5}},
        {"Name": "b", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Steps.a.Where.It.Went"}}},
    ]
    assert problems({"Steps": steps}) == []
