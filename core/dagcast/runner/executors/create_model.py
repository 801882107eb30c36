"""Runs Model steps: they check that the model's data exists, and give it a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagcast.errors import Diagnostic
from dagcast.runner.container.check_request import Schema, check_schema, raise_problems, remove_nulls
from dagcast.runner.describe_response import describe_resource
from dagcast.runner.executors.executor import Executor, StepAttempt, StepResult, StubContract
from dagcast.runner.model_containers import check_model_data, list_containers, resolve_model_package

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions


_DATA: Schema = {"S3DataSource": {"S3Uri": "uri"}}
CONTAINER: Schema = {
    "Image": "string",
    "ModelDataUrl": "uri",
    "ModelDataSource": _DATA,
    "ModelPackageName": "string",
    "Environment": {"*": "scalar"},
}
"""The fields of a model's container that a local run reads."""

_SHAPE: Schema = {
    "ModelName": "string",
    "PrimaryContainer": CONTAINER,
    "Containers": [CONTAINER],
    "EnableNetworkIsolation": "boolean",
}


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find fields whose form the service would reject."""
    yield from check_schema(step.name, step.arguments, _SHAPE)


def run(attempt: StepAttempt) -> StepResult:
    """Give the model a name. The properties are those of ``DescribeModel``.

    Raises:
        StepFailedError: If the data of a container, or a model package that it names, does not exist.
    """
    request = remove_nulls(attempt.arguments)
    raise_problems(check_schema(attempt.step.name, request, _SHAPE))
    for container in list_containers(request):
        check_model_data(attempt, resolve_model_package(attempt, container))
    name = request.get("ModelName", attempt.job_name)
    return StepResult({**request, "ModelName": name, "ModelArn": attempt.place.arn("model", name)})


EXECUTOR = Executor(
    check=check,
    run=run,
    stub=StubContract(describe=describe_resource("Model", "model", None)),
    reads_named_uris=True,
)
