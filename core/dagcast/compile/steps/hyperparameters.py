"""Hyperparameters of a training job: the user's, and those that start the script of a framework."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dagcast.compile.steps.distribution import distribution_hyperparameters
from dagcast.compile.steps.job import check_source_dir
from dagcast.compile.steps.training_compiler import compiler_hyperparameters
from dagcast.definition.references import Reference, references
from dagcast.paths import FieldPath
from dagcast.sagemaker.framework_versions import framework_class

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering
    from dagcast.compile.steps.training import TrainingJobConfig


def hyperparameters(step: Lowering, config: TrainingJobConfig) -> dict[str, Any]:
    """Return the hyperparameters as strings, which the service requires. Numbers and lists are encoded as JSON."""
    return {
        name: hyperparameter(step, config, value, "hyperparameters", name)
        for name, value in config.hyperparameters.items()
    }


def hyperparameter(step: Lowering, config: TrainingJobConfig, value: Any, *path: str | int) -> Any:
    """Encode one hyperparameter.

    Script mode decodes every hyperparameter as JSON, so it also requires quoted strings.

    Args:
        step: The step.
        config: Its config.
        value: The value in the config.
        path: The path of the value in the config.

    Returns:
        A string or a reference. An empty string after reporting a reference inside of a list or mapping.
    """
    if isinstance(value, Reference):
        return step.as_string(value)
    inside = next(references(value), None)
    if inside is not None:
        message = (
            f"a list or mapping is written as JSON when compiling, so {inside} in it would not be filled in"
        )
        step.error(
            message,
            *path,
            code="training.nested-reference",
            hint="give the reference a hyperparameter of its own",
        )
        return ""
    if isinstance(value, str) and config.entry_point is None:
        return value
    return json.dumps(value, sort_keys=True)


def mark_hyperparameters(step: Lowering, names: Iterable[str], target: FieldPath) -> None:
    """Record the config as the origin of these hyperparameters. Script mode adds the other ones."""
    for name in names:
        place = ("Arguments", *target, name)
        step.origins[place] = step.origin(("hyperparameters", name))


def script_mode(step: Lowering, config: TrainingJobConfig) -> dict[str, Any]:
    """Stage the user's script and return the hyperparameters with which framework containers find and run it.

    Source: ``sagemaker_program`` and ``sagemaker_submit_directory`` of the SageMaker Training Toolkit.
    """
    if config.entry_point is None:
        check_source_dir(step, config)
        return {}
    archive = step.staged_folder(config.entry_point, config.source_dir)
    if archive is None:
        return {}
    program = config.entry_point if config.source_dir is not None else config.entry_point.rsplit("/", 1)[-1]
    added: dict[str, Any] = {
        "sagemaker_container_log_level": 20,
        "sagemaker_program": program,
        "sagemaker_submit_directory": archive,
    }
    if step.region is not None:
        added["sagemaker_region"] = step.region
    return {name: json.dumps(value) for name, value in added.items()}


def framework_hyperparameters(step: Lowering, config: TrainingJobConfig, target: FieldPath) -> dict[str, Any]:
    """Return the hyperparameters that start the script: its place, distribution, model directory and compiler.

    Args:
        step: The step.
        config: Its config.
        target: The path of the hyperparameters in the request, for the origins of those that other fields set.
    """
    found = {
        "distribution": distribution_hyperparameters(step, config),
        "model_dir": _model_dir(step, config),
        "compiler_config": compiler_hyperparameters(step, config),
    }
    for field, added in found.items():
        for name in added:
            place: FieldPath = ("Arguments", *target, name)
            step.origins[place] = step.origin(field)
            if name in config.hyperparameters:
                step.error(
                    f"{field} sets the hyperparameter {name!r}",
                    "hyperparameters",
                    name,
                    code="training.repeated-hyperparameter",
                    hint=f"keep one of {field} and hyperparameters.{name}",
                )
    return {
        **script_mode(step, config),
        **{name: value for part in found.values() for name, value in part.items()},
    }


def _model_dir(step: Lowering, config: TrainingJobConfig) -> dict[str, Any]:
    """Return the hyperparameter ``model_dir`` of a TensorFlow script. Source: ``TensorFlow.hyperparameters`` of SDK 2.

    Returns an empty dictionary where SDK 2 would make up an address that contains the time of the compile: see
    docs/decisions/framework-classes.md.
    """
    given = config.model_dir
    framework = framework_class(config.framework)
    if given not in (None, False):
        if framework not in ("tensorflow", None):
            step.error(
                f"scripts in images of {config.framework} get no model_dir",
                "model_dir",
                code="training.model-dir",
                hint="leave it out; the script finds the folder of its model in SM_MODEL_DIR",
            )
            return {}
        if config.entry_point is None:
            step.error(
                "model_dir is for the script entry_point",
                "model_dir",
                code="code.missing-entry-point",
                hint="name the script to run",
            )
            return {}
    mpi = config.distribution.mpi if config.distribution is not None else None
    if given is None and framework == "tensorflow" and mpi is not None and mpi.enabled:
        given = "/opt/ml/model"
    if given is None or given is False:
        return {}
    return {"model_dir": step.as_string(given) if isinstance(given, Reference) else json.dumps(given)}
