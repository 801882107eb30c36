"""What tests of ``dagcast run`` and ``dagcast runs`` share: real processes in a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dagcast.runner.records.find_runs import runs_in
from tests.support.child_processes import ProcessStarter

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
RESOURCES = {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}}
DONE = {"ok": True}


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Project:
    """A working directory.

    Attributes:
        path: The directory.
        start_process: Starts what the test does not wait for; ``None`` for tests that only run commands to their end.
    """

    path: Path
    start_process: ProcessStarter | None = None

    def run(self, *arguments: str, timeout: float = 120) -> Done:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(
        self, *arguments: str, variables: Mapping[str, str] = MappingProxyType({}), **options: Any
    ) -> subprocess.Popen[str]:
        assert self.start_process is not None
        return self.start_process(
            self.command(*arguments),
            cwd=self.path,
            env={**self.environment(), **variables},
            **{"stdin": subprocess.DEVNULL, "text": True, **options},
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "dagcast.cli", *arguments]

    @staticmethod
    def environment() -> dict[str, str]:
        # What the terminal of whoever runs the tests is like does not matter.
        terminal = ("TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM")
        return {name: value for name, value in os.environ.items() if name not in terminal}

    def write(self, name: str, content: Any) -> Path:
        """A file: JSON, unless it is a text."""
        path = self.path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return path

    def define(self, *steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> None:
        """``definition.json``, by hand."""
        self.write(
            "definition.json",
            {"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters or [], "Steps": list(steps)},
        )

    @property
    def runs(self) -> list[Path]:
        """The folders of the runs, in the order of their start."""
        return [run.path for run in runs_in(self.path / ".dagcast/runs")]


def entrypoint(script: str) -> list[str]:
    """The command of a Python program. SageMaker takes no argument of more than 256 characters or several lines."""
    if len(script) <= 256 and "\n" not in script:
        return ["python3", "-c", script]
    line = script.replace("\n", "\u23ce")
    pieces = [line[start : start + 250] for start in range(0, len(line), 250)]
    return ["python3", "-c", "import sys; exec(''.join(sys.argv[1:]).replace('\u23ce', '\\n'))", *pieces]


def job(name: str, script: str, *, after: tuple[str, ...] = ()) -> dict[str, Any]:
    """A Processing step that runs a Python program."""
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": list(after),
        "Arguments": {
            "ProcessingResources": RESOURCES,
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": entrypoint(script)},
            "RoleArn": "arn:aws:iam::123456789012:role/R",
        },
    }


def train(name: str, script: str) -> dict[str, Any]:
    """A Training step that runs a Python program, with the metric ``loss``."""
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": entrypoint(script),
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss: ([0-9.]+)"}],
            },
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "RoleArn": "arn:aws:iam::123456789012:role/R",
            "ResourceConfig": RESOURCES["ClusterConfig"],
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
    }


def fail(name: str, message: Any, *, after: tuple[str, ...] = ()) -> dict[str, Any]:
    """A Fail step."""
    return {"Name": name, "Type": "Fail", "DependsOn": list(after), "Arguments": {"ErrorMessage": message}}


def ask(name: str) -> dict[str, Any]:
    """A Callback step with the output ``ok``."""
    return {
        "Name": name,
        "Type": "Callback",
        "SqsQueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/questions",
        "Arguments": {"question": "go on?"},
        "OutputParameters": [{"OutputName": "ok", "OutputType": "Boolean"}],
    }


def when(name: str, left: Any, right: Any, then: list[Any], otherwise: list[Any]) -> dict[str, Any]:
    """A Condition step."""
    condition = {"Type": "Equals", "LeftValue": left, "RightValue": right}
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": [condition], "IfSteps": then, "ElseSteps": otherwise},
    }
