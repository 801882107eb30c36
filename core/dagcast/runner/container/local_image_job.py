"""What a job gets whose image a local image stands for: its command, its metrics and its content types."""

from __future__ import annotations

import os
import site
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagcast.paths import format_path
from dagcast.runner.check_local_images import ImageProblem
from dagcast.runner.executors.executor import StepFailedError
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.local_images import StandIn

TAG_VARIABLE = "DAGCAST_IMAGE_TAG"
"""The variable that tells a program for which tag it stands."""

_TRAINING_FOLDERS = ("input/config", "input/data", "model", "output")


def raise_image_problems(problems: Iterable[ImageProblem]) -> None:
    """Fail a step whose resolved request the image would refuse.

    Raises:
        StepFailedError: If there are problems; the message has all of them.
    """
    found = [
        f"{format_path(item.path)}: {item.message}" + (f" ({item.hint})" if item.hint else "")
        for item in problems
    ]
    if found:
        raise StepFailedError("ClientError: " + "; ".join(found))


def training_command(command: Command, stand_in: StandIn) -> Command:
    """Return the command of the training program of a local image, with its folders as arguments."""
    folders = tuple(f"{ML_PATH}/{folder}" for folder in _TRAINING_FOLDERS)
    return replace(
        command,
        argv=("python", "-m", str(stand_in.image.train), *folders),
        environment=job_environment(command.environment, stand_in),
        has_program=True,
    )


def job_environment(environment: Mapping[str, str], stand_in: StandIn) -> dict[str, str]:
    """Return the variables of a job, with the tag and with the folder of the local image's modules.

    Modules that are installed are found without it: listed first, their folder would hide those of Python.
    """
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()}
    changed = {**environment, TAG_VARIABLE: stand_in.tag}
    root = stand_in.loaded.root
    if root and os.path.realpath(root) not in map(os.path.realpath, installed):
        changed["PYTHONPATH"] = ":".join(filter(None, (root, environment.get("PYTHONPATH"))))
    return changed


def add_metrics(definitions: Sequence[Mapping[str, Any]], stand_in: StandIn) -> list[Mapping[str, Any]]:
    """Return metric definitions with those that the image reports by itself, unless they have the names already."""
    names = {definition.get("Name") for definition in definitions}
    added = [
        {"Name": metric.name, "Regex": metric.regex}
        for metric in stand_in.image.metrics
        if metric.name not in names
    ]
    return [*definitions, *added]


def add_channel_types(
    channels: Mapping[str, Mapping[str, Any]], stand_in: StandIn
) -> dict[str, dict[str, Any]]:
    """Return the content of ``inputdataconfig.json`` with the image's content type for channels that name none."""
    default = stand_in.image.channel_type
    given = {} if default is None else {"ContentType": default}
    return {name: {**given, **channel} for name, channel in channels.items()}
