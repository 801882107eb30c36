"""Definitions that are broken somewhere: they are refused, or a step fails; never a traceback."""

from __future__ import annotations

import copy
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dagcast.errors import DagcastError
from tests.runner.engine.pipelines import run

GOLDEN = Path(__file__).parents[2] / "integration/equivalence/golden"
DEFINITIONS = {path.stem: json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*.json"))}
VALUES: list[Any] = [
    None, 0, -1, 1e308, True, "", "x" * 5000, "\0", "\udcff", "s3://bucket/../../etc", "/opt/ml/../../etc",
    "/etc/passwd",
    [], {}, [[]], [{}], {"Get": "Steps.nobody.X"}, {"Get": "Parameters.Nothing"}, {"Get": 1}, {"Get": ""},
    {"Std:Join": {"On": "/", "Values": [{"Get": "Execution.PipelineName"}, None]}}, {"Std:JsonGet": {}},
]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in children:
        yield from _places(inner, (*path, key))


# docs/local-run.md, the table of what differs from SageMaker.
RUN_HERE = {"Processing", "Training", "Tuning", "Model", "RegisterModel", "Transform", "Condition", "Fail"}
RUN_HERE |= {"Lambda", "Callback"}


@st.composite
def broken(draw: st.DrawFn) -> str:
    """A real definition in which one or two values are gone or something else."""
    name = draw(st.sampled_from(sorted(DEFINITIONS)))
    data = json.loads(json.dumps(DEFINITIONS[name]))
    for _ in range(draw(st.integers(1, 2))):
        *way, last = draw(st.sampled_from(sorted(_places(data), key=repr)))
        place = data
        for key in way:
            place = place[key]
        if draw(st.booleans()):
            del place[last]
        else:
            place[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))  # the next change may be inside it
    return json.dumps(data)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(broken())
def test_a_broken_definition_never_ends_in_a_traceback(text: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "data").mkdir()
        (folder / "data/model.tar.gz").write_bytes(b"no archive")
        (folder / "stub.json").write_text("{}")
        buckets = set(re.findall(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?=[/\"\\])", text))
        others = {
            step: folder / "stub.json" for step, kind in _steps(json.loads(text)) if kind not in RUN_HERE
        }
        try:
            outcome = run(
                text,
                folder,
                inputs={f"s3://{bucket}": folder / "data" for bucket in buckets},
                stubs=others,
                parameters=_parameters(json.loads(text)),
            )
        except DagcastError as error:
            event(f"refused: {type(error).__name__}")
        else:
            event(outcome.status)
            assert all(step.reason is not None for step in outcome.steps if step.status == "failed")


def _steps(data: Any) -> Iterator[tuple[str, Any]]:
    """The name and type of everything that looks like a step."""
    if isinstance(data, dict):
        if isinstance(data.get("Name"), str) and isinstance(data.get("Type"), str) and "Arguments" in data:
            yield data["Name"], data["Type"]
        for value in data.values():
            yield from _steps(value)
    elif isinstance(data, list):
        for value in data:
            yield from _steps(value)


def _parameters(data: Any) -> dict[str, Any]:
    """A value for each parameter that has none."""
    listed = data.get("Parameters") if isinstance(data, dict) else None
    values = {"String": "x", "Integer": "1", "Float": "1.5", "Boolean": "true"}
    return {
        parameter["Name"]: values[parameter["Type"]]
        for parameter in (listed if isinstance(listed, list) else ())
        if isinstance(parameter, dict)
        and isinstance(parameter.get("Name"), str)
        and "DefaultValue" not in parameter
        and isinstance(parameter.get("Type"), str)
        and parameter["Type"] in values
    }
