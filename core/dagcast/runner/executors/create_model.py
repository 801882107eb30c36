"""A Model step: nothing is created but a name, once the model's data is known to be there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagcast.errors import Diagnostic
from dagcast.runner.container.checks import Shape, refuse, shape_problems, without_nulls
from dagcast.runner.executor import StepResult, StepRun
from dagcast.runner.models import check_model_data, containers, unpackaged
from dagcast.runner.names import arn

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions


_DATA: Shape = {"S3DataSource": {"S3Uri": "uri"}}
CONTAINER: Shape = {
    "Image": "text",
    "ModelDataUrl": "uri",
    "ModelDataSource": _DATA,
    "ModelPackageName": "text",
    "Environment": {"*": "scalar"},
}
"""A container of a model, as far as a local run reads it."""

_SHAPE: Shape = {
    "ModelName": "text",
    "PrimaryContainer": CONTAINER,
    "Containers": [CONTAINER],
    "EnableNetworkIsolation": "truth",
}


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Say which fields have another form than the service would take."""
    yield from shape_problems(step.name, step.arguments, _SHAPE)


def run(run: StepRun) -> StepResult:
    """Give the model a name; properties are those of ``DescribeModel``.

    Raises:
        StepFailedError: If the data of one of its containers is nowhere, or a model package that it names.
    """
    request = without_nulls(run.arguments)
    refuse(shape_problems(run.step.name, request, _SHAPE))
    for container in containers(request):
        check_model_data(run, unpackaged(run, container))
    name = request.get("ModelName", run.job_name)
    return StepResult({**request, "ModelName": name, "ModelArn": arn(run.region, "model", name)})
