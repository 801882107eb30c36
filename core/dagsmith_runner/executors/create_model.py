"""A Model step: nothing is created but a name, once the model's data is known to be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagsmith.errors import Diagnostic
from dagsmith_runner.container.checks import Shape, refuse, shape_problems, without_nulls
from dagsmith_runner.executor import StepFailedError, StepResult, StepRun

if TYPE_CHECKING:
    from dagsmith_runner.definition import Step
    from dagsmith_runner.options import RunOptions


_DATA: Shape = {"S3DataSource": {"S3Uri": "uri"}}
CONTAINER: Shape = {
    "Image": "text",
    "ModelDataUrl": "uri",
    "ModelDataSource": _DATA,
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
        StepFailedError: If the data of one of its containers is nowhere.
    """
    request = without_nulls(run.arguments)
    refuse(shape_problems(run.step.name, request, _SHAPE))
    for container in containers(request):
        check_model_data(run, container)
    name = request.get("ModelName", run.job_name)
    arn = f"arn:aws:sagemaker:{run.region}:123456789012:model/{name.lower()}"
    return StepResult({**request, "ModelName": name, "ModelArn": arn})


def containers(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers of a request of CreateModel, or of an inference specification."""
    primary = request.get("PrimaryContainer")
    return [primary] if primary else list(request.get("Containers", ()))


def model_data(container: Mapping[str, Any]) -> str | None:
    """The S3 URI of a container's model data; ``None`` for an image that brings its own."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri: str | None = container.get("ModelDataUrl") or source.get("S3Uri")
    return uri


def check_model_data(run: StepRun, container: Mapping[str, Any]) -> None:
    """See that a container's model data is in the store.

    Raises:
        StepFailedError: If it is not.
    """
    uri = model_data(container)
    if uri is not None and not run.store.exists(uri):
        raise StepFailedError(f"ValidationException: could not find model data at {uri}")
