"""Runs RegisterModel steps: they add a version of a model to a local registry, a folder in the runs folder."""

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
from dagcast.runner.container.check_request import (
    Schema,
    as_mapping,
    check_schema,
    raise_problems,
    remove_nulls,
)
from dagcast.runner.executors.create_model import CONTAINER
from dagcast.runner.executors.executor import Executor, StepAttempt, StepFailedError, StepResult, StubContract
from dagcast.runner.model_containers import (
    check_model_data,
    list_containers,
    model_data_uri,
    submitted_code_uri,
)

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

_NAME_OR_ARN = re.compile(
    r"(arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:model-package(-group)?/)?"
    r"(?P<name>[a-zA-Z0-9][a-zA-Z0-9-]{0,62}(?<!-))"
)
"""Source: SageMaker API reference, CreateModelPackage, ``ModelPackageGroupName``. The name is also a folder's name."""

_NAMES = ("ModelPackageGroupName", "ModelPackageName")

_SHAPE: Schema = {
    "ModelPackageGroupName": "string",
    "ModelPackageName": "string",
    "InferenceSpecification": {"Containers": [CONTAINER]},
    "ModelMetrics": {"*": {"*": {"S3Uri": "uri"}}},
    "DriftCheckBaselines": {"*": {"*": {"S3Uri": "uri"}}},
}

_FILES = {"ModelMetrics": "metrics", "DriftCheckBaselines": "baselines"}
"""Members of the request that name files, and the folder of a version that keeps copies of them."""


_METRIC = re.compile(r"[A-Za-z]{1,64}")
"""Names of fields such as ``ModelQuality`` and ``Statistics``, which become folders."""


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find a missing group or package name, and what the service would reject."""
    yield from _problems(step.name, step.arguments)
    if not set(_NAMES) & set(remove_nulls(step.arguments)):
        yield Diagnostic(
            f"step {step.name!r} names neither a ModelPackageGroupName nor a ModelPackageName",
            code="request.missing-field",
        )


def run(attempt: StepAttempt) -> StepResult:
    """Store the model, its code, its metrics and its drift baselines as ``models/GROUP/VERSION``; versions start at 1.

    A version appears whole, by one rename, so two runs at once get two versions. A retried step finds the version that
    it made by the name of the job. The properties are those of ``DescribeModelPackage``.

    Raises:
        StepFailedError: If a name is invalid, the model's data does not exist, or there is already an unversioned
        package of
            that name.
    """
    attempt = replace(attempt, arguments=remove_nulls(attempt.arguments))
    raise_problems(_problems(attempt.step.name, attempt.arguments))
    grouped = "ModelPackageGroupName" in attempt.arguments
    package_name = str(attempt.arguments["ModelPackageGroupName" if grouped else "ModelPackageName"])
    found = _NAME_OR_ARN.fullmatch(package_name)
    if found is None:  # a value that looks like a reference
        raise StepFailedError(
            f"ValidationException: invalid name of a model package or group {package_name!r}"
        )
    name = found["name"]
    for container in list_containers(attempt.arguments.get("InferenceSpecification", {})):
        check_model_data(attempt, container)
    group = attempt.options.runs / "models" / name
    version = _find_version_of_job(group, attempt.job_name)
    if version is None:
        staged = attempt.options.runs / "models" / f".{uuid4().hex}"
        try:
            _copy_files(attempt, staged)
            version = _publish(staged, group, versions=grouped)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    outputs = {"model": str(group / str(version))}
    return StepResult(_properties(attempt, name, version if grouped else None), outputs=outputs)


def _problems(step: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    wrong = list(check_schema(step, request, _SHAPE))
    yield from wrong
    if wrong:
        return
    yield from _name_problems(step, request)
    for member in _FILES:
        files = as_mapping(request.get(member))
        for group in (files, *map(as_mapping, files.values())):
            for name in () if isinstance(group, Reference) else group:
                if _METRIC.fullmatch(name):
                    continue
                message = f"step {step!r}: {member} has no field {name!r}"
                yield Diagnostic(message, code="request.unknown-field")


def _name_problems(step: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for field in _NAMES:
        name = request.get(field)
        if isinstance(name, str) and not _NAME_OR_ARN.fullmatch(name):
            yield Diagnostic(
                f"step {step!r}: {field} {name!r} is not the name or ARN of a model package or group",
                code="request.invalid-name",
                hint="use at most 63 letters, digits and hyphens",
            )


def _find_version_of_job(group: Path, job_name: str) -> int | None:
    for description in group.glob("[0-9]*/model.json"):
        if json.loads(description.read_text("utf-8"))["JobName"] == job_name:
            return int(description.parent.name)
    return None


def _copy_files(attempt: StepAttempt, folder: Path) -> None:
    folder.mkdir(parents=True)
    found = list_containers(attempt.arguments.get("InferenceSpecification", {}))
    for number, container in enumerate(found, 1):
        suffix = "" if len(found) == 1 else f"-{number}"
        data = model_data_uri(container)
        if data is not None:
            _copy_archive(attempt, data, folder, f"model{suffix}")
        code = submitted_code_uri(container)
        if code is not None and attempt.store.exists(code):
            _copy_archive(attempt, code, folder, f"code{suffix}")
    for member, subfolder in _FILES.items():
        for name, uri in _iter_metrics(attempt.arguments.get(member, {})):
            if attempt.store.exists(uri):
                attempt.store.fetch(uri, folder / subfolder / name)
            else:
                attempt.warn(f"{member}: {uri} does not exist")
    description = {"JobName": attempt.job_name, **attempt.arguments}
    if attempt.stand_ins:
        # The steps before this one whose images did not run: the model, or what it was judged by, differs from AWS's.
        description["StandIns"] = {name: dict(stand_in) for name, stand_in in attempt.stand_ins.items()}
    (folder / "model.json").write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", "utf-8")


def _copy_archive(attempt: StepAttempt, uri: str, folder: Path, name: str) -> None:
    if uri.endswith(".tar.gz"):
        attempt.store.fetch_file(uri, folder / f"{name}.tar.gz")
    else:
        attempt.store.fetch(uri, folder / name)


def _iter_metrics(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, sources in metrics.items():
        for name, source in sources.items():
            if isinstance(source, Mapping) and "S3Uri" in source:
                yield f"{kind}/{name}", source["S3Uri"]


def _publish(staged: Path, group: Path, *, versions: bool) -> int:
    group.mkdir(parents=True, exist_ok=True)
    while True:
        version = 1 + max((int(child.name) for child in group.iterdir() if child.name.isdigit()), default=0)
        if version > 1 and not versions:
            raise StepFailedError(f"ConflictException: model package {group.name} already exists")
        try:
            staged.rename(group / str(version))
        except OSError:
            if not (group / str(version)).exists():
                raise
        else:
            return version


def _properties(attempt: StepAttempt, name: str, version: int | None) -> dict[str, Any]:
    resource = name if version is None else f"{name}/{version}"
    return {
        "ModelApprovalStatus": "PendingManualApproval",
        **attempt.arguments,
        **({} if version is None else {"ModelPackageVersion": version}),
        "ModelPackageArn": attempt.place.arn("model-package", resource),
        "ModelPackageStatus": "Completed",
    }


def _describe(attempt: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a step that a stub stands for."""
    group = str(request.get("ModelPackageGroupName", request.get("ModelPackageName", attempt.job_name)))
    resource = f"{group.rpartition('/')[2]}/1" if "ModelPackageGroupName" in request else group
    approval = request.get("ModelApprovalStatus", "PendingManualApproval")
    return {
        **request,
        "ModelPackageArn": attempt.place.arn("model-package", resource),
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": approval,
    }


EXECUTOR = Executor(check=check, run=run, stub=StubContract(describe=_describe), reads_named_uris=True)
