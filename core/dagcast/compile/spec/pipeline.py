"""The intermediate representation: a whole pipeline as frozen, plain data.

Everything after ``lower`` works on a :class:`PipelineSpec`: plugins change and check it, ``emit`` turns it
into the SDK's objects, and :mod:`dagcast.definition.write` writes it as the definition JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from dagcast.definition.model import Definition, ParameterSpec, ParameterType, Step
from dagcast.definition.values import FrozenDict
from dagcast.paths import FieldPath
from dagcast.sagemaker.shapes import PropertyShape, RequestShape
from dagcast.staging.staged_code import StagedCode

__all__ = [
    "Origin",
    "ParameterSpec",
    "ParameterType",
    "PipelineSpec",
    "PropertyShape",
    "RequestShape",
    "StepSpec",
]


@dataclass(frozen=True)
class Origin:
    """Where a field of the emitted pipeline came from.

    Attributes:
        kind: ``config`` (written by the user), ``argument`` (given to the compiler in Python), ``default``
            (dagcast's), ``edge`` (wiring), or ``plugin``.
        path: For ``config``: the path of the value in the config file.
        detail: For the others: why the value is what it is, in a few words.
    """

    kind: Literal["config", "argument", "default", "edge", "plugin"]
    path: FieldPath = ()
    detail: str = ""


def freeze_origins(origins: Mapping[FieldPath, Origin]) -> Mapping[FieldPath, Origin]:
    """Return a copy of ``origins`` that cannot be changed."""
    return cast("Mapping[FieldPath, Origin]", FrozenDict(cast("Any", origins)))


@dataclass(frozen=True, kw_only=True)
class StepSpec(Step):
    """A step as the compiler has it: what the definition says, and where that comes from.

    Attributes:
        step_type: dagcast's name of the step type, as in the config's ``type``.
        properties: What ``${step.<name>...}`` may refer to.
        shapes: The shapes that the request body is checked against.
        origins: By path of the definition (``("Arguments", "RoleArn")``): where the value came from.
    """

    step_type: str
    properties: PropertyShape = PropertyShape()
    shapes: tuple[RequestShape, ...] = ()
    origins: Mapping[FieldPath, Origin] = field(default_factory=lambda: freeze_origins({}), compare=False)


@dataclass(frozen=True, kw_only=True)
class PipelineSpec(Definition):
    """A whole pipeline, ready to be written as a definition or emitted as SDK objects.

    Attributes:
        name: The pipeline's name.
        steps: All steps, those in branches included, in topological order.
        description: Sent at creation; not part of the definition.
        version: The user's version of the pipeline; not part of the definition.
        region: The AWS region, if the config names one.
        role: The ARN of the execution role, if one is given.
        tags: Tags of the pipeline itself, sent at creation; not part of the definition.
        parallelism: Most steps at a time, or ``None`` for the service's default; sent at creation.
        definition_bucket: Bucket for definitions too large to be sent inline.
        definition_prefix: Key prefix in that bucket.
        staged: The code that deploying has to upload.
        origins: By path of the definition outside of steps: where the value came from.
    """

    name: str
    steps: tuple[StepSpec, ...] = ()
    description: str | None = None
    version: str | None = None
    region: str | None = None
    role: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    parallelism: int | None = None
    definition_bucket: str | None = None
    definition_prefix: str | None = None
    staged: tuple[StagedCode, ...] = ()
    origins: Mapping[FieldPath, Origin] = field(default_factory=lambda: freeze_origins({}), compare=False)

    def step(self, name: str) -> StepSpec:
        """The step of that name.

        Raises:
            KeyError: If there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
