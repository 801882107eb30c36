"""The intermediate representation: a whole pipeline as frozen, plain data.

Everything after ``lower`` works on a :class:`PipelineSpec`: plugins change and check it, ``emit`` turns it
into the SDK's objects, and :mod:`dagcast.compile.spec.definition` writes it as the definition JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dagcast.definition.values import FrozenDict
from dagcast.staging.staged_code import StagedCode

ParameterType = Literal["String", "Integer", "Float", "Boolean"]


@dataclass(frozen=True)
class ParameterSpec:
    """A pipeline parameter.

    Attributes:
        name: Unique in the pipeline.
        type: The service's own type name.
        default: Used where a start gives none; ``None`` makes the parameter required.
        enum: The values allowed for a String parameter; empty allows all.
    """

    name: str
    type: ParameterType
    default: str | int | float | bool | None = None
    enum: tuple[str, ...] = ()


@dataclass(frozen=True)
class PropertyShape:
    """What a step's properties look like: shapes of a botocore service model, or fixed names.

    Attributes:
        service: The botocore service, such as ``sagemaker``.
        shapes: The shapes whose members are the properties.
        names: Properties that no service shape describes, as paths (``OutputParameters['x']``).
    """

    service: str = "sagemaker"
    shapes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestShape:
    """Which botocore shape a part of a request body has.

    Attributes:
        name: The shape.
        at: Dotted path of the part below ``Arguments``; empty for the whole body.
        service: The botocore service.
        ignore_required: Required members that the service fills in itself.
    """

    name: str
    at: str = ""
    service: str = "sagemaker"
    ignore_required: tuple[str, ...] = ()


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
    path: tuple[str | int, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class StepSpec:
    """A step: the service request it will send, and how it hangs in the pipeline.

    Attributes:
        name: Unique in the pipeline; equals the node's name.
        step_type: dagcast's name of the step type, as in the config's ``type``.
        definition_type: The ``Type`` in the pipeline definition.
        arguments: The request body, with references; for a condition step only its ``Conditions``.
        fields: What stands beside ``Arguments`` in the definition, such as ``CacheConfig``.
        depends_on: Steps this one waits for without reading from them.
        display_name: Shown in place of the name, if given.
        description: Free text, if given.
        if_steps: For a condition step: steps that run if the conditions hold.
        else_steps: For a condition step: steps that run if they do not.
        properties: What ``${step.<name>...}`` may refer to.
        shapes: The shapes that the request body is checked against.
        origins: By path of the definition (``Arguments.RoleArn``): where the value came from.
    """

    name: str
    step_type: str
    definition_type: str
    arguments: FrozenDict = field(default_factory=FrozenDict)
    fields: FrozenDict = field(default_factory=FrozenDict)
    depends_on: tuple[str, ...] = ()
    display_name: str | None = None
    description: str | None = None
    if_steps: tuple[str, ...] = ()
    else_steps: tuple[str, ...] = ()
    properties: PropertyShape = PropertyShape()
    shapes: tuple[RequestShape, ...] = ()
    origins: FrozenDict = field(default_factory=FrozenDict, compare=False)

    @property
    def is_condition(self) -> bool:
        """Whether this step has branches."""
        return self.definition_type == "Condition"


@dataclass(frozen=True)
class PipelineSpec:
    """A whole pipeline, ready to be written as a definition or emitted as SDK objects.

    Attributes:
        name: The pipeline's name.
        parameters: In the order of the config.
        steps: All steps, those in branches included, in topological order.
        experiment: ``ExperimentName`` and ``TrialName``, or ``None`` for no experiment.
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
    parameters: tuple[ParameterSpec, ...] = ()
    steps: tuple[StepSpec, ...] = ()
    experiment: FrozenDict | None = None
    description: str | None = None
    version: str | None = None
    region: str | None = None
    role: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    parallelism: int | None = None
    definition_bucket: str | None = None
    definition_prefix: str | None = None
    staged: tuple[StagedCode, ...] = ()
    origins: FrozenDict = field(default_factory=FrozenDict, compare=False)

    def step(self, name: str) -> StepSpec:
        """The step of that name.

        Raises:
            KeyError: If there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    @property
    def top_level_steps(self) -> tuple[StepSpec, ...]:
        """The steps that are in no branch of a condition."""
        nested = {name for step in self.steps for name in (*step.if_steps, *step.else_steps)}
        return tuple(step for step in self.steps if step.name not in nested)

    def parameter_types(self) -> dict[str, ParameterType]:
        """The type of each parameter by name."""
        return {parameter.name: parameter.type for parameter in self.parameters}
