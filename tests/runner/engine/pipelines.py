"""Pipelines of tiny steps, as SageMaker would get them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagcast.runner.options import RunOptions
from dagcast.runner.records.events import Event
from dagcast.runner.records.outcome import RunOutcome
from dagcast.runner.runner import Runner

BUCKET = "s3://bucket"


def definition(steps: Sequence[Mapping[str, Any]], **parameters: Any) -> str:
    """A definition; parameters are given by their defaults."""
    types = {str: "String", int: "Integer", float: "Float", bool: "Boolean"}
    return json.dumps(
        {
            "Version": "2020-12-01",
            "Parameters": [
                {"Name": name, "Type": types[type(value)], "DefaultValue": value}
                for name, value in parameters.items()
            ],
            "Steps": list(steps),
        }
    )


def get(path: str) -> dict[str, str]:
    """A reference."""
    return {"Get": path}


def output_of(step: str, name: str = "out") -> dict[str, str]:
    """A reference to where a step of :func:`job` left an output."""
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


def _input(uri: Any, number: int) -> dict[str, Any]:
    path = f"/opt/ml/processing/in{number}"
    return {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}


def job(name: str, script: str, *reads: Any, **more: Any) -> dict[str, Any]:
    """A Processing step that runs a shell script.

    It finds what it reads in the folders ``$IN0``, ``$IN1``, ..., and leaves what it makes in ``$OUT``.

    Args:
        name: The step.
        script: What ``sh -c`` runs.
        reads: The URIs of its inputs.
        more: Other keys of the step; ``arguments`` are merged into its ``Arguments``.
    """
    inputs = [{"InputName": f"in{n}", "S3Input": _input(uri, n)} for n, uri in enumerate(reads)]
    uri = {"Std:Join": {"On": "/", "Values": [BUCKET, get("Execution.PipelineExecutionId"), name]}}
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
    output = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    arguments = {
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["/bin/sh", "-c", script]},
        "Environment": {
            "OUT": "/opt/ml/processing/out",
            **{f"IN{n}": f"/opt/ml/processing/in{n}" for n in range(len(reads))},
        },
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
        **more.pop("arguments", {}),
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **more}


def condition(
    name: str, left: Any, right: Any, then: Sequence[Any] = (), otherwise: Sequence[Any] = ()
) -> dict[str, Any]:
    """A Condition step: ``left`` equals ``right``."""
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": left, "RightValue": right}],
            "IfSteps": list(then),
            "ElseSteps": list(otherwise),
        },
    }


def fail(name: str, message: Any = "no", **more: Any) -> dict[str, Any]:
    """A Fail step."""
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}


def callback(name: str, output: str = "answer", **more: Any) -> dict[str, Any]:
    """A Callback step with one text as its output."""
    declared = [{"OutputName": output, "OutputType": "String"}]
    return {"Name": name, "Type": "Callback", "Arguments": {}, "OutputParameters": declared, **more}


class RecordedEvents(list[Event]):
    """A listener that records the events that it receives."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, *kinds: str) -> list[tuple[str, str | None]]:
        """Return the kind and step of the events of some kinds, in order."""
        return [(event.kind, event.step) for event in self if event.kind in kinds]


def run(text: str, folder: Path, *, listener: RecordedEvents | None = None, **options: Any) -> RunOutcome:
    """Run a definition in the runs folder ``folder / "runs"``."""
    chosen = RunOptions(runs=folder / "runs", **options)
    return Runner(
        text, "tiny", options=chosen, listener=listener if listener is not None else RecordedEvents()
    ).run()


def statuses(outcome: RunOutcome) -> dict[str, str]:
    """How each step ended."""
    return {step.name: step.status for step in outcome.steps}


def contents(outcome: RunOutcome) -> dict[str, bytes]:
    """By key, the execution's id left out: all that the run's store holds."""
    store = outcome.folder / "s3"
    execution = json.loads((outcome.folder / "run.json").read_text())["execution"]
    return {
        str(path.relative_to(store)).replace(execution, "ID"): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }
