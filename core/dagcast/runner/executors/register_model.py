"""A RegisterModel step: a version of a model in a local registry, which is a folder in the runs folder."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dagcast.definition.references import Reference
from dagcast.errors import Diagnostic
from dagcast.runner.container.checks import Shape, mapping, refuse, shape_problems, without_nulls
from dagcast.runner.executor import StepFailedError, StepResult, StepRun
from dagcast.runner.executors.create_model import CONTAINER
from dagcast.runner.models import check_model_data, containers, model_data, submitted_code
from dagcast.runner.names import arn

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

_NAME_OR_ARN = re.compile(
    r"(arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:model-package(-group)?/)?"
    r"(?P<name>[a-zA-Z0-9][a-zA-Z0-9-]{0,62}(?<!-))"
)
"""Source: SageMaker API reference, CreateModelPackage, ``ModelPackageGroupName``. The name becomes a folder here."""

_NAMES = ("ModelPackageGroupName", "ModelPackageName")

_SHAPE: Shape = {
    "ModelPackageGroupName": "text",
    "ModelPackageName": "text",
    "InferenceSpecification": {"Containers": [CONTAINER]},
    "ModelMetrics": {"*": {"*": {"S3Uri": "uri"}}},
}


_METRIC = re.compile(r"[A-Za-z]{1,64}")
"""Such as ``ModelQuality`` and ``Statistics``: names of fields, which become folders here."""


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Say whether the step names no group and no package, and what the service would not take."""
    yield from _problems(step.name, step.arguments)
    if not set(_NAMES) & set(without_nulls(step.arguments)):
        yield Diagnostic(
            f"step {step.name!r} names neither a ModelPackageGroupName nor a ModelPackageName",
            code="request.missing-field",
        )


def run(run: StepRun) -> StepResult:
    """Keep the model, its code and its metrics as ``models/GROUP/VERSION``; versions count up from 1.

    A version appears whole, by one renaming, so two runs at once get two versions. A step that is tried again after
    its version was made finds it by the name of the job. Properties are those of ``DescribeModelPackage``.

    Raises:
        StepFailedError: If a name is none, the model's data is nowhere, or a package of that name, which has no
            versions, is there.
    """
    run = replace(run, arguments=without_nulls(run.arguments))
    refuse(_problems(run.step.name, run.arguments))
    grouped = "ModelPackageGroupName" in run.arguments
    named = str(run.arguments["ModelPackageGroupName" if grouped else "ModelPackageName"])
    found = _NAME_OR_ARN.fullmatch(named)
    if found is None:  # a value that looks like a reference
        raise StepFailedError(f"ValidationException: {named!r} is no name of a model package or its group")
    name = found["name"]
    for container in containers(run.arguments.get("InferenceSpecification", {})):
        check_model_data(run, container)
    group = run.options.runs / "models" / name
    made = _made_before(group, run.job_name)
    if made is None:
        staged = run.options.runs / "models" / f".{uuid4().hex}"
        try:
            _fill(run, staged)
            made = _publish(staged, group, versions=grouped)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    outputs = {"model": str(group / str(made))}
    return StepResult(_properties(run, name, made if grouped else None), outputs=outputs)


def _problems(step: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    wrong = list(shape_problems(step, request, _SHAPE))
    yield from wrong
    if wrong:
        return
    yield from _name_problems(step, request)
    metrics = mapping(request.get("ModelMetrics"))
    for group in (metrics, *map(mapping, metrics.values())):
        for name in () if isinstance(group, Reference) else group:
            if _METRIC.fullmatch(name):
                continue
            message = f"step {step!r}: ModelMetrics has no field {name!r}"
            yield Diagnostic(message, code="request.unknown-field")


def _name_problems(step: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for field in _NAMES:
        name = request.get(field)
        if isinstance(name, str) and not _NAME_OR_ARN.fullmatch(name):
            yield Diagnostic(
                f"step {step!r}: {field} {name!r} is no name of a model package or its group, and no ARN of one",
                code="request.invalid-name",
                hint="letters, digits and hyphens, 63 at most",
            )


def _made_before(group: Path, job_name: str) -> int | None:
    for description in group.glob("[0-9]*/model.json"):
        if json.loads(description.read_text("utf-8"))["JobName"] == job_name:
            return int(description.parent.name)
    return None


def _fill(run: StepRun, folder: Path) -> None:
    folder.mkdir(parents=True)
    found = containers(run.arguments.get("InferenceSpecification", {}))
    for number, container in enumerate(found, 1):
        suffix = "" if len(found) == 1 else f"-{number}"
        data = model_data(container)
        if data is not None:
            _keep(run, data, folder, f"model{suffix}")
        code = submitted_code(container)
        if code is not None and run.store.exists(code):
            _keep(run, code, folder, f"code{suffix}")
    for name, uri in _metrics(run.arguments.get("ModelMetrics", {})):
        if run.store.exists(uri):
            run.store.fetch(uri, folder / "metrics" / name)
        else:
            run.warn(f"ModelMetrics names {uri}, and nothing is there")
    description = {"JobName": run.job_name, **run.arguments}
    (folder / "model.json").write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", "utf-8")


def _keep(run: StepRun, uri: str, folder: Path, name: str) -> None:
    if uri.endswith(".tar.gz"):
        run.store.fetch_file(uri, folder / f"{name}.tar.gz")
    else:
        run.store.fetch(uri, folder / name)


def _metrics(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, sources in metrics.items():
        for name, source in sources.items():
            if isinstance(source, Mapping) and "S3Uri" in source:
                yield f"{kind}/{name}", source["S3Uri"]


def _publish(staged: Path, group: Path, *, versions: bool) -> int:
    group.mkdir(parents=True, exist_ok=True)
    while True:
        version = 1 + max((int(child.name) for child in group.iterdir() if child.name.isdigit()), default=0)
        if version > 1 and not versions:
            raise StepFailedError(f"ConflictException: model package {group.name} is there already")
        try:
            staged.rename(group / str(version))
        except OSError:
            if not (group / str(version)).exists():
                raise
        else:
            return version


def _properties(run: StepRun, name: str, version: int | None) -> dict[str, Any]:
    resource = name if version is None else f"{name}/{version}"
    return {
        "ModelApprovalStatus": "PendingManualApproval",
        **run.arguments,
        **({} if version is None else {"ModelPackageVersion": version}),
        "ModelPackageArn": arn(run.region, "model-package", resource),
        "ModelPackageStatus": "Completed",
    }
