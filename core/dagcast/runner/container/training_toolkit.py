"""Script mode: the variables and the command line that SageMaker's framework images derive from a training job.

In AWS, the package ``sagemaker-training`` in the image does this. Its behaviour was recorded by running version 5.1.4
(``docs/decisions/training-toolkit.md``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from dagcast.runner.executors.executor import StepFailedError
from dagcast.runner.launch.command import HOST, ML_PATH

PROGRAM = "sagemaker_program"
SUBMIT_DIRECTORY = "sagemaker_submit_directory"

CODE_PATH = f"{ML_PATH}/code"

_RESERVED_HYPERPARAMETERS = (
    PROGRAM,
    SUBMIT_DIRECTORY,
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_region",
    "sagemaker_s3_output",
    "default_user_module_name",
    "_tuning_objective_metric",
)
"""Hyperparameters that the toolkit reserves. Source: its module ``params``."""

_DEFAULT_LOG_LEVEL = 20
"""The default log level: that of ``logging.INFO``."""


def decode_hyperparameters(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of hyperparameters: their text parsed as JSON, or the text itself if it is not JSON."""
    return {name: _decode(text) for name, text in hyperparameters.items()}


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def script_arguments(decoded: Mapping[str, Any]) -> list[str]:
    """Return the command line of the script, sorted by name.

    A name of one letter gets one dash. ``true`` becomes ``True``, ``null`` an empty argument, and an object
    ``key=value,key=value``.
    """
    arguments: list[str] = []
    for name, value in sorted(_user_parameters(decoded).items()):
        arguments.append(f"--{name}" if len(name) > 1 else f"-{name}" if name else "")
        if isinstance(value, Mapping):
            arguments.append(",".join(f"{key}={inner}" for key, inner in sorted(value.items())))
        else:
            arguments.append("" if value is None else str(value))
    return arguments


def _user_parameters(decoded: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in decoded.items()
        if not name.startswith("sagemaker_") and name not in _RESERVED_HYPERPARAMETERS
    }


def script_variables(
    decoded: Mapping[str, Any],
    resources: Mapping[str, Any],
    channels: Mapping[str, Mapping[str, str]],
    job_name: str,
) -> dict[str, str]:
    """Return the ``SM_*`` variables and three others that the toolkit sets.

    Args:
        decoded: The hyperparameters, as :func:`decode_hyperparameters` returns them.
        resources: The content of ``resourceconfig.json``.
        channels: The content of ``inputdataconfig.json``.
        job_name: The name of the job.
    """
    training_env = _training_env(decoded, resources, channels, job_name)
    user = training_env["hyperparameters"]
    values: dict[str, Any] = {
        **{key: training_env[key] for key in training_env if key not in _ONLY_IN_TRAINING_ENV_VARIABLE},
        "hps": user,
        "framework_params": training_env["additional_framework_parameters"],
        "channels": sorted(channels),
        "training_env": training_env,
        "user_args": script_arguments(decoded),
        **{f"channel_{name}": path for name, path in training_env["channel_input_dirs"].items()},
        **{f"hp_{name}": value for name, value in user.items()},
    }
    return {
        **{f"SM_{name.upper()}": _format_value(value) for name, value in values.items()},
        "SAGEMAKER_JOB_NAME": str(decoded.get("sagemaker_job_name", "")),
        "SAGEMAKER_REGION": str(decoded.get("sagemaker_region", "")),
        "CURRENT_HOST": HOST,
    }


_ONLY_IN_TRAINING_ENV_VARIABLE = frozenset(
    {
        "additional_framework_parameters",
        "channel_input_dirs",
        "distribution_hosts",
        "hyperparameters",
        "is_master",
        "is_modelparallel_enabled",
        "is_smddpmprun_installed",
        "is_smddprun_installed",
        "job_name",
        "master_hostname",
        "topology",
    }
)


def _training_env(
    decoded: Mapping[str, Any],
    resources: Mapping[str, Any],
    channels: Mapping[str, Mapping[str, str]],
    job_name: str,
) -> dict[str, Any]:
    program = decoded.get(PROGRAM)
    groups = {group["instance_group_name"]: group for group in resources["instance_groups"]}
    current_group = resources["current_group_name"]
    return {
        "additional_framework_parameters": {
            name: value
            for name, value in decoded.items()
            if name.startswith("sagemaker_") and name not in _RESERVED_HYPERPARAMETERS
        },
        "channel_input_dirs": {name: f"{ML_PATH}/input/data/{name}" for name in channels},
        "current_host": resources["current_host"],
        "current_instance_group": current_group,
        "current_instance_group_hosts": groups[current_group]["hosts"],
        "current_instance_type": resources["current_instance_type"],
        "distribution_hosts": [],
        "distribution_instance_groups": [],
        "framework_module": None,
        "hosts": resources["hosts"],
        "hyperparameters": _user_parameters(decoded),
        "input_config_dir": f"{ML_PATH}/input/config",
        "input_data_config": channels,
        "input_dir": f"{ML_PATH}/input",
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": False,
        "is_master": True,
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": job_name,
        "log_level": decoded.get("sagemaker_container_log_level", _DEFAULT_LOG_LEVEL),
        "master_hostname": resources["hosts"][0],
        "model_dir": f"{ML_PATH}/model",
        "module_dir": str(decoded.get(SUBMIT_DIRECTORY, CODE_PATH)),
        "module_name": str(program).removesuffix(".py"),
        "network_interface_name": resources["network_interface_name"],
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": count_gpus(),
        "num_neurons": 0,
        "output_data_dir": f"{ML_PATH}/output/data",
        "output_dir": f"{ML_PATH}/output",
        "output_intermediate_dir": f"{ML_PATH}/output/intermediate",
        "resource_config": resources,
        "topology": [],
        "user_entry_point": program,
    }


def _format_value(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


@cache
def count_gpus() -> int:
    """Count the GPUs that ``nvidia-smi`` lists; 0 if it is missing."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        listed = subprocess.run(
            [program, "--list-gpus"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())


def script_command(code: Path, program: Any, arguments: list[str]) -> tuple[str, ...]:
    """Return the command that runs the script in the folder ``code``, which the container sees as :data:`CODE_PATH`.

    A folder with a ``setup.py`` runs as a module, and a ``.py`` file as a script. A shell runs everything else, so a
    file whose first line names no interpreter is a shell script.

    Raises:
        StepFailedError: If the script is not in the folder.
    """
    name = str(program)
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or name.startswith("-"):
        raise StepFailedError(f"ClientError: {PROGRAM} is {name!r}, expected a file in the code's folder")
    if (code / "setup.py").is_file():
        return ("python", "-m", name.removesuffix(".py").replace("/", "."), *arguments)
    script = code / name
    if not script.is_file() or not script.resolve().is_relative_to(code.resolve()):
        files = ", ".join(sorted(child.name for child in code.iterdir())[:10]) or "nothing"
        raise StepFailedError(f"ClientError: {name!r} is missing from the code, which has {files}")
    if name.endswith(".py"):
        return ("python", name, *arguments)
    script.chmod(0o755)
    return ("/bin/sh", "-c", '"$0" "$@"', f"{CODE_PATH}/{name}", *arguments)
