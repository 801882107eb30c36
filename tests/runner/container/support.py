"""What tests of jobs share: a store with scripts in it, and steps that run them."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from dagcast.runner.executors import processing, training
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepResult
from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.options import RunOptions
from dagcast.runner.store.local_store import Store
from tests.support.steps import make_step

BUCKET = "s3://bucket"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1"
EXECUTORS: Mapping[str, Any] = {"Processing": processing, "Training": training}


@dataclass
class Bench:
    """A store, and a folder for attempts, in a folder of runs.

    Attributes:
        runs: The folder of runs.
        launcher: What starts the jobs.
        warnings: What the user was warned of.
        stop: Set to stop the run.
        attempt: The folder of the last attempt.
    """

    runs: Path
    launcher: Launcher
    warnings: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    attempt: Path = Path()

    @property
    def store(self) -> Store:
        """The store of the run."""
        return Store(self.runs / "one" / "s3")

    def put(self, uri: str, content: str | bytes) -> str:
        """Make an object; its URI."""
        path = self.store.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dedent(content).encode() if isinstance(content, str) else content)
        return uri

    def put_archive(self, uri: str, files: Mapping[str, str]) -> str:
        """Make an object that is an archive of these files; its URI."""
        return self.put(uri, packed(files))

    def read(self, uri: str) -> str:
        """The text of an object."""
        return self.store.path(uri).read_text("utf-8")

    def step_run(self, kind: str, arguments: Mapping[str, Any], **beside: Any) -> StepAttempt:
        """An attempt at a step that has no references; what is in capitals goes next to the arguments."""
        fields = {name: beside.pop(name) for name in list(beside) if name[0].isupper()}
        number = len(list((self.runs / "one").glob("attempt-*"))) + 1
        self.attempt = self.runs / "one" / f"attempt-{number}"
        self.attempt.mkdir(parents=True)
        return StepAttempt(
            step=make_step("step", kind, beside.pop("raw", arguments), fields),
            arguments=arguments,
            fields=fields,
            job_name="the-job",
            folder=self.attempt,
            store=self.store,
            options=RunOptions(runs=self.runs, **beside),
            launcher=self.launcher,
            stop=self.stop,
            warn=self.warnings.append,
        )

    def run(self, kind: str, arguments: Mapping[str, Any], **beside: Any) -> StepResult:
        """Run a step of a kind."""
        result: StepResult = EXECUTORS[kind].run(self.step_run(kind, arguments, **beside))
        return result

    def process(self, script: str, *arguments: str, **options: Any) -> StepResult:
        """Run a Processing step whose script is this text; see :func:`processing_arguments` for the options."""
        self.put(f"{BUCKET}/code/script.py", script)
        beside = {
            name: options.pop(name) for name in ("requirements", "raw", "PropertyFiles") if name in options
        }
        return self.run("Processing", processing_arguments(*arguments, **options), **beside)

    def train(self, files: str | Mapping[str, str], **options: Any) -> StepResult:
        """Run a Training step in script mode; a text is its ``train.py``."""
        files = {"train.py": files} if isinstance(files, str) else files
        self.put_archive(f"{BUCKET}/code/sourcedir.tar.gz", files)
        beside = {name: options.pop(name) for name in ("requirements", "raw") if name in options}
        return self.run("Training", training_arguments(**options), **beside)

    def failure(self, kind: str, *given: Any, **options: Any) -> StepFailedError:
        """How ``process`` or ``train`` fails."""
        with pytest.raises(StepFailedError) as caught:
            getattr(self, kind)(*given, **options)
        return caught.value


def packed(files: Mapping[str, str]) -> bytes:
    """A ``.tar.gz`` of these files, whatever their names are."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in files.items():
            content = dedent(text).encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def processing_arguments(
    *arguments: str,
    inputs: Mapping[str, tuple[str, str]] | None = None,
    outputs: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A CreateProcessingJob request that runs ``s3://bucket/code/script.py``.

    Args:
        arguments: The arguments of the script.
        inputs: By name: the URI, and where it is below ``/opt/ml/processing``.
        outputs: By name: where it is below ``/opt/ml/processing``; it goes to ``s3://bucket/out/NAME``.
        kinds: By name of an input: its ``S3DataType``, if it is no ``S3Prefix``.
        more: Further fields of the request.
    """
    given = {"code": (f"{BUCKET}/code/script.py", "input/code"), **(inputs or {})}
    return {
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}},
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
            **({"ContainerArguments": list(arguments)} if arguments else {}),
        },
        "ProcessingInputs": [
            {
                "InputName": name,
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"/opt/ml/processing/{path}",
                    "S3DataType": (kinds or {}).get(name, "S3Prefix"),
                },
            }
            for name, (uri, path) in given.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": name,
                    "S3Output": {
                        "S3Uri": f"{BUCKET}/out/{name}",
                        "LocalPath": f"/opt/ml/processing/{path}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for name, path in (outputs or {}).items()
            ]
        },
        **more,
    }


def training_arguments(
    hyperparameters: Mapping[str, str] | None = None,
    channels: Mapping[str, str] | None = None,
    metrics: Mapping[str, str] | None = None,
    algorithm: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A CreateTrainingJob request in script mode; its model goes below ``s3://bucket/models``.

    Args:
        hyperparameters: Those of the script, as texts.
        channels: By name: the URI.
        metrics: By name: the expression.
        algorithm: Further fields of ``AlgorithmSpecification``.
        more: Further fields of the request.
    """
    return {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": name, "Regex": regex} for name, regex in (metrics or {}).items()],
            **(algorithm or {}),
        },
        "HyperParameters": {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"{BUCKET}/code/sourcedir.tar.gz"',
            "sagemaker_region": '"us-east-1"',
            "sagemaker_container_log_level": "20",
            **(hyperparameters or {}),
        },
        "InputDataConfig": [
            {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
            for name, uri in (channels or {}).items()
        ],
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/models"},
        **more,
    }
