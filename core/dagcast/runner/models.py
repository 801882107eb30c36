"""The containers of models, their data, and the packages of the local registry."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagcast.runner.executor import StepFailedError, StepRun
from dagcast.runner.files import copy_file, copy_tree

_PACKAGE = re.compile(
    r"(?:arn:[^/]*/)?(?P<name>[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62})(?:/(?P<version>\d{1,9}))?"
)
"""Source: SageMaker API reference, ``ContainerDefinition``, ``ModelPackageName``: a name or ARN, perhaps with a
version."""


def containers(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers of a request of CreateModel, or of an inference specification."""
    primary = request.get("PrimaryContainer")
    return [primary] if primary else list(request.get("Containers", ()))


def model_data(container: Mapping[str, Any]) -> str | None:
    """The S3 URI of a container's model data; ``None`` for an image that brings its own."""
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri: str | None = container.get("ModelDataUrl") or source.get("S3Uri")
    return uri


def submitted_code(container: Mapping[str, Any]) -> str | None:
    """The S3 URI of a container's code; ``None`` if it is in the model or the image."""
    uri = str(container.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", ""))
    return uri if uri.startswith("s3://") else None


def check_model_data(run: StepRun, container: Mapping[str, Any]) -> None:
    """See that a container's model data is in the store.

    Raises:
        StepFailedError: If it is not.
    """
    uri = model_data(container)
    if uri is not None and not run.store.exists(uri):
        raise StepFailedError(f"ValidationException: could not find model data at {uri}")


def unpackaged(run: StepRun, container: Mapping[str, Any]) -> Mapping[str, Any]:
    """A container as its model package describes it, if it names one.

    What the package keeps of the model and its code is put into the store, where this run does not have it already: a
    package may be an earlier run's.

    Raises:
        StepFailedError: If the local registry has no such package, or its model has several containers.
    """
    named = container.get("ModelPackageName")
    if named is None or model_data(container) is not None:
        return container
    folder = _package(run.options.runs / "models", str(named))
    if folder is None:
        raise StepFailedError(
            f"ValidationException: no model package {named!r} is in {run.options.runs / 'models'}: none was registered"
        )
    description = json.loads((folder / "model.json").read_text("utf-8"))
    found = containers(description.get("InferenceSpecification", {}))
    if len(found) != 1:
        raise StepFailedError(
            f"model package {named!r} has {len(found)} containers, and here one can be served"
        )
    for name, uri in (("model", model_data(found[0])), ("code", submitted_code(found[0]))):
        if uri is not None and not run.store.exists(uri):
            _bring_back(run, folder, name, uri)
    own = {key: value for key, value in container.items() if key != "ModelPackageName"}
    environment = {**found[0].get("Environment", {}), **own.get("Environment", {})}
    return {**found[0], **own, "Environment": environment}


def _package(models: Path, named: str) -> Path | None:
    """The folder of a package; of a group without a version, the latest. ARNs have names in lower case."""
    match = _PACKAGE.fullmatch(named)
    if match is None or not models.is_dir():
        return None
    groups = [group for group in models.iterdir() if group.name.lower() == match["name"].lower()]
    versions = [int(child.name) for group in groups for child in group.iterdir() if child.name.isdigit()]
    wanted = int(match["version"]) if match["version"] else max(versions, default=0)
    return next((group / str(wanted) for group in groups if (group / str(wanted)).is_dir()), None)


def _bring_back(run: StepRun, folder: Path, name: str, uri: str) -> None:
    copy = run.folder / "package" / name
    if (folder / f"{name}.tar.gz").is_file():
        copy_file(folder / f"{name}.tar.gz", copy)
    elif (folder / name).is_dir():
        copy_tree(folder / name, copy)
    else:
        return
    run.store.put(copy, uri)
