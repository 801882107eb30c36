"""Reads the containers of models, checks their data, and resolves packages of the local registry."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagcast.runner.container.channels import find_producers
from dagcast.runner.executors.executor import StepAttempt, StepFailedError
from dagcast.runner.files import copy_file, copy_tree
from dagcast.sagemaker.s3_urls import normalize_s3_uri

_PACKAGE_PATTERN = re.compile(
    r"(?:arn:[^/]*/)?(?P<name>[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62})(?:/(?P<version>\d{1,9}))?"
)
"""A name or ARN with an optional version.

Source: SageMaker API reference, ``ContainerDefinition``, ``ModelPackageName``.
"""


def list_containers(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the containers of a CreateModel request or an inference specification."""
    primary = request.get("PrimaryContainer")
    return [primary] if primary else list(request.get("Containers", ()))


def model_data_uri(container: Mapping[str, Any]) -> str | None:
    """Return the S3 URI of a container's model data; ``None`` if the image contains the model."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri: str | None = container.get("ModelDataUrl") or source.get("S3Uri")
    return None if uri is None else normalize_s3_uri(uri)


def submitted_code_uri(container: Mapping[str, Any]) -> str | None:
    """Return the S3 URI of a container's code; ``None`` if the model or the image contains it."""
    uri = str(container.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", ""))
    return uri if uri.startswith("s3://") else None


def check_model_data(attempt: StepAttempt, container: Mapping[str, Any]) -> None:
    """Check that a container's model data exists.

    Raises:
        StepFailedError: If it does not.
    """
    uri = model_data_uri(container)
    if uri is not None and not attempt.store.exists(uri):
        raise StepFailedError(
            f"ValidationException: could not find model data at {uri}",
            origins=find_producers(attempt.step.arguments),
        )


def resolve_model_package(attempt: StepAttempt, container: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a container with the model package that it names merged in.

    The package's copies of model and code are put into the store if this run lacks them, because an earlier run may
    have made the package.

    Raises:
        StepFailedError: If the local registry has no such package, or its model has several containers.
    """
    package_name = container.get("ModelPackageName")
    if package_name is None or model_data_uri(container) is not None:
        return container
    folder = _find_package(attempt.options.runs / "models", str(package_name))
    if folder is None:
        raise StepFailedError(
            f"ValidationException: could not find model package {package_name!r} in {attempt.options.runs / 'models'}"
        )
    description = json.loads((folder / "model.json").read_text("utf-8"))
    found = list_containers(description.get("InferenceSpecification", {}))
    if len(found) != 1:
        raise StepFailedError(
            f"model package {package_name!r} has {len(found)} containers: a local run supports one"
        )
    for name, uri in (("model", model_data_uri(found[0])), ("code", submitted_code_uri(found[0]))):
        if uri is not None and not attempt.store.exists(uri):
            _restore_copy(attempt, folder, name, uri)
    overrides = {key: value for key, value in container.items() if key != "ModelPackageName"}
    environment = {**found[0].get("Environment", {}), **overrides.get("Environment", {})}
    return {**found[0], **overrides, "Environment": environment}


def count_containers(runs: Path, package_name: str) -> int:
    """Return the number of containers of a package in the local registry; 0 if it has no such package.

    Args:
        runs: The folder of the runs, which holds the registry.
        package_name: The name or the ARN of the package.
    """
    folder = _find_package(runs / "models", package_name)
    if folder is None:
        return 0
    description = json.loads((folder / "model.json").read_text("utf-8"))
    return len(list_containers(description.get("InferenceSpecification", {})))


def _find_package(models: Path, package_name: str) -> Path | None:
    """Return the folder of a package. Without a version, it is the latest. Names in ARNs are lower-case."""
    match = _PACKAGE_PATTERN.fullmatch(package_name)
    if match is None or not models.is_dir():
        return None
    groups = [group for group in models.iterdir() if group.name.lower() == match["name"].lower()]
    versions = [int(child.name) for group in groups for child in group.iterdir() if child.name.isdigit()]
    wanted = int(match["version"]) if match["version"] else max(versions, default=0)
    return next((group / str(wanted) for group in groups if (group / str(wanted)).is_dir()), None)


def _restore_copy(attempt: StepAttempt, folder: Path, name: str, uri: str) -> None:
    copy = attempt.folder / "package" / name
    if (folder / f"{name}.tar.gz").is_file():
        copy_file(folder / f"{name}.tar.gz", copy)
    elif (folder / name).is_dir():
        copy_tree(folder / name, copy)
    else:
        return
    attempt.store.put(copy, uri)
