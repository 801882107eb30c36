"""The intermediate representation: a whole pipeline as frozen, plain data.

``lower`` returns a :class:`PipelineSpec`. Plugins change and check it, ``emit`` converts it to the SDK's objects, and
:mod:`dagcast.definition.write` writes it as the definition JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, cast

from dagcast.definition.model import Definition, ParameterSpec, ParameterType, Step
from dagcast.definition.values import FrozenDict
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.sagemaker.step_shapes import PropertyShape, RequestShape
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
    """The source of a field of the pipeline.

    Attributes:
        kind: ``config`` (the config file), ``argument`` (an argument of the compiler), ``default`` (dagcast's),
            ``edge`` (wiring), or ``plugin``.
        path: For ``config``: the path of the value in the config.
        detail: For the others: the reason for the value, in a few words.
    """

    kind: Literal["config", "argument", "default", "edge", "plugin"]
    path: FieldPath = ()
    detail: str = ""


def freeze_origins(origins: Mapping[FieldPath, Origin]) -> Mapping[FieldPath, Origin]:
    """Return an immutable copy of ``origins``."""
    return cast("Mapping[FieldPath, Origin]", FrozenDict(cast("Any", origins)))


@dataclass(frozen=True, kw_only=True)
class StepSpec(Step):
    """A step of the definition, with what only the compiler knows of it.

    Attributes:
        step_type: dagcast's name of the step type: ``type`` in the config.
        properties: The properties that ``${step.<name>...}`` may refer to.
        shapes: The shapes that the request body is checked against.
        origins: By path in the step's entry, such as ``("Arguments", "RoleArn")``: the source of the value.

    Example:
        >>> from dagcast.plugin import freeze
        >>> arguments = freeze({"ErrorMessage": "not ready"})
        >>> step = StepSpec(name="stop", step_type="Fail", definition_type="Fail", arguments=arguments)
        >>> step.arguments["ErrorMessage"]
        'not ready'
    """

    step_type: str
    properties: PropertyShape = PropertyShape()
    shapes: tuple[RequestShape, ...] = ()
    origins: Mapping[FieldPath, Origin] = field(default_factory=lambda: freeze_origins({}), compare=False)


@dataclass(frozen=True, kw_only=True)
class PipelineSpec(Definition):
    """A whole pipeline: its definition, with what only the compiler knows of it.

    Attributes:
        name: The pipeline's name.
        steps: All steps, including those in branches, in topological order.
        description: The description that CreatePipeline receives; not part of the definition.
        version: The user's version of the pipeline; not part of the definition.
        region: The AWS region, if the config has one.
        role: The ARN of the execution role, if there is one.
        tags: The tags that CreatePipeline receives; not part of the definition.
        parallelism: The most steps that run at a time, or ``None`` for the service's default; not part of the
            definition.
        definition_bucket: The S3 bucket of a definition that is too large for a request.
        definition_prefix: The key prefix in that bucket.
        staged: The code to upload when the pipeline is deployed.
        origins: By path in the definition, without steps: the source of the value.

    Example:
        >>> from dataclasses import replace
        >>> spec = PipelineSpec(name="hello", tags=(("team", "risk"),))
        >>> replace(spec, tags=(*spec.tags, ("stage", "test"))).tags
        (('team', 'risk'), ('stage', 'test'))
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
        """Return a step by its name.

        Raises:
            KeyError: If the step is unknown.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
