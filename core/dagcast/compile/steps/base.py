"""What every step type has: a config model, ports, and a lowering to its service request.

A step type is one module here that ends in one :class:`StepType`. Most fields of a config model say with
:class:`To` where in the request they go; ``lower`` does the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import ConfigModel, FreeMapping, StrOrReference, read_fixed
from dagcast.compile.spec.pipeline import PropertyShape, RequestShape

if TYPE_CHECKING:
    from dagcast.compile.lower.request import Lowering

Shape = RequestShape
"""Short for step types, each of which names one or two."""

STEP_NAME_PATTERN = r"[A-Za-z0-9](-*[A-Za-z0-9_])*"
"""Letters, digits, hyphens and underscores; a letter or digit first. Source: DescribePipelineExecution's StepName."""
STEP_NAME_MAX = 64
"""Characters in a step name. Source: ``StepName`` (max 64) in the SageMaker API reference."""


@dataclass(frozen=True)
class To:
    """Field metadata: where in the step's definition the value goes.

    Attributes:
        path: Dotted path below ``Arguments``.
        convert: Turns the config's value into the request's.
    """

    path: str
    convert: Callable[[Any], Any] | None = None


class InputConfig(ConfigModel):
    """One input of a step; a plain string is its ``source``."""

    source: Annotated[StrOrReference | None, Field(description="S3 URI, reference, or step.port")] = None

    @model_validator(mode="before")
    @classmethod
    def _source_alone(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, InputConfig)) else {"source": value}


class StepConfig(ConfigModel):
    """The fields that every step has."""

    type: str
    display_name: Annotated[str, Field(max_length=256), AfterValidator(read_fixed)] | None = None
    description: Annotated[str, Field(max_length=3072), AfterValidator(read_fixed)] | None = None
    depends_on: tuple[str, ...] = Field(default=(), strict=False)
    request: FreeMapping = Field(default={}, description="Deep-merged onto the request body; null removes")


_NAME = re.compile(r"[^\s'\"\[\]{}<>=]+")


def _port_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        message = (
            "{name} is not a name that references and edges can spell: expected no spaces, quotes or brackets"
        )
        raise PydanticCustomError("name", message, {"name": repr(name)})
    return name


PortName = Annotated[str, AfterValidator(_port_name)]
"""The name of an input or output that the config declares."""


def refuse_request(config: StepConfig) -> None:
    """For validators of step types that send no request.

    Raises:
        PydanticCustomError: If the config overrides it all the same.
    """
    if config.request:
        raise PydanticCustomError(
            "request", "a {type} step sends no request", {"type": config.type, "path": ("request",)}
        )


_DURATION = re.compile(r"P?(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?", re.IGNORECASE)


def _duration(value: str | None) -> str | None:
    if value is not None and not _DURATION.fullmatch(value):
        message = "{value} is not an ISO 8601 duration such as P30D or PT12H"
        raise PydanticCustomError("duration", message, {"value": repr(value)})
    return value


class CacheConfig(ConfigModel):
    """Reuse of an earlier result; ``true`` or a duration such as ``P30D`` stand for the whole."""

    enabled: bool = True
    expire_after: Annotated[str | None, AfterValidator(_duration)] = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return {"enabled": value}
        return {"expire_after": value} if isinstance(value, str) else value


RetryException = Literal[
    "Step.SERVICE_FAULT",
    "Step.THROTTLING",
    "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.RESOURCE_LIMIT",
]


class RetryPolicy(ConfigModel):
    """When and how often a failed step is tried again.

    Limits: at most 20 attempts, at most 14,400 minutes. Source: ``RetryPolicy`` of the SageMaker Python SDK.
    """

    exception_types: Annotated[tuple[RetryException, ...], Field(min_length=1, strict=False)]
    interval_seconds: Annotated[int, Field(ge=0)] = 1
    backoff_rate: Annotated[float, Field(ge=0)] = 2.0
    max_attempts: Annotated[int | None, Field(ge=1, le=20)] = None
    expire_after_mins: Annotated[int | None, Field(ge=1, le=14400)] = None

    @model_validator(mode="after")
    def _one_limit(self) -> RetryPolicy:
        if (self.max_attempts is None) == (self.expire_after_mins is None):
            raise PydanticCustomError(
                "retry", "a retry policy takes one of max_attempts and expire_after_mins"
            )
        return self

    def to_request(self) -> dict[str, Any]:
        """The policy as the definition spells it."""
        request: dict[str, Any] = {"BackoffRate": self.backoff_rate, "IntervalSeconds": self.interval_seconds}
        if self.max_attempts is not None:
            request["MaxAttempts"] = self.max_attempts
        if self.expire_after_mins is not None:
            request["ExpireAfterMin"] = self.expire_after_mins
        request["ExceptionType"] = list(self.exception_types)
        return request


class Cached(ConfigModel):
    """Mixin for step types whose results the service can reuse."""

    cache: CacheConfig | None = None


class Retried(ConfigModel):
    """Mixin for step types that the service can try again."""

    retry_policies: tuple[RetryPolicy, ...] = Field(default=(), strict=False)


class WithInputs(ConfigModel):
    """Mixin for step types whose ports are filled by edges or by ``inputs``."""

    inputs: dict[str, InputConfig] = Field(default={}, description="What each input port reads")

    def given(self, port: str) -> str | Any | None:
        """What the config says that ``port`` reads from, if it says."""
        config = self.inputs.get(port)
        return config.source if config is not None else None


ConfigT = TypeVar("ConfigT", bound=StepConfig)


def no_inputs(config: Any) -> tuple[InputPort, ...]:
    """For step types that only read references."""
    return ()


def no_outputs(config: Any, name: str) -> tuple[OutputPort, ...]:
    """For step types that nothing flows out of."""
    return ()


@dataclass(frozen=True)
class StepType(Generic[ConfigT]):
    """A kind of step.

    Attributes:
        name: The ``type`` of the config.
        definition_type: The ``Type`` in the definition, or a function that reads it off the config.
        about: One sentence for ``dagcast steps``.
        config: The config model.
        lower: Fills the request of one step.
        inputs: The input ports that a config declares.
        outputs: The output ports that a config declares, given the step's name.
        open_inputs: Whether an edge may name an input that the config does not declare.
        shapes: The botocore shapes of the request body, or a function that reads them off the config; empty
            where no service shape describes it.
        properties: What ``${step.<name>...}`` may refer to.
        sample: Fields of a config with which the ports can be shown.
        forbidden: Members of the request that pipelines do not take, each with the reason.
    """

    name: str
    definition_type: str | Callable[[ConfigT], str]
    about: str
    config: type[ConfigT]
    lower: Callable[[Lowering, ConfigT], None]
    inputs: Callable[[ConfigT], tuple[InputPort, ...]] = no_inputs
    outputs: Callable[[ConfigT, str], tuple[OutputPort, ...]] = no_outputs
    open_inputs: bool = False
    shapes: tuple[Shape, ...] | Callable[[ConfigT], tuple[Shape, ...]] = ()
    properties: PropertyShape | Callable[[ConfigT], PropertyShape] = PropertyShape()
    sample: Mapping[str, Any] = field(default_factory=dict)
    forbidden: Mapping[str, str] = field(default_factory=dict)

    def definition_type_of(self, config: ConfigT) -> str:
        """The ``Type`` in the definition of a step with this config."""
        return self.definition_type(config) if callable(self.definition_type) else self.definition_type

    def shapes_of(self, config: ConfigT) -> tuple[Shape, ...]:
        """The shapes of the request body of a step with this config."""
        return self.shapes(config) if callable(self.shapes) else self.shapes

    def properties_of(self, config: ConfigT) -> PropertyShape:
        """What may be referred to in a step with this config."""
        return self.properties(config) if callable(self.properties) else self.properties


EXPERIMENT_CONFIG = "the pipeline sets the experiment: use pipeline.experiment"
"""Why jobs in a pipeline take no ExperimentConfig. Source: the SDK drops it from every job step."""


def tag_list(tags: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``{key: value}`` as the service's list of tags, in the order given."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
