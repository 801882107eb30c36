"""The config models that steps share: common fields, inputs, outputs, cache, retries, and :class:`To`."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

from dagcast.compile.config.fields import EMPTY, ConfigModel, FreeMapping, StrOrReference, read_fixed
from dagcast.definition.durations import parse_duration
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import FieldPath, to_path
from dagcast.sagemaker.limits import DESCRIPTION_MAX_LENGTH, STEP_DISPLAY_NAME_MAX_LENGTH


@dataclass(frozen=True, init=False)
class To:
    """Field metadata: where in the step's definition the value goes.

    Attributes:
        path: The member, as a path below ``Arguments``; a member of the request itself may be given by its name
            alone: ``To("RoleArn")``, ``To(("VpcConfig", "Subnets"))``.
        convert: Turns the config's value into the request's.

    Raises:
        ValueError: If the path is a text with a dot.

    Example:
        >>> To("MaxRuntimeInSeconds").path
        ('MaxRuntimeInSeconds',)
        >>> To(("VpcConfig", "Subnets")).path
        ('VpcConfig', 'Subnets')
    """

    path: FieldPath
    convert: Callable[[Any], Any] | None

    def __init__(self, path: str | FieldPath, convert: Callable[[Any], Any] | None = None) -> None:
        object.__setattr__(self, "path", to_path(path))
        object.__setattr__(self, "convert", convert)


Aliases = Annotated[
    tuple[str, ...],
    Field(strict=False, description="Other names that edges and ports of the same name may use"),
]
"""The aliases of a port."""


class DescribedConfig(ConfigModel):
    """Base of models whose fields mean what fields of the same name mean in every step type."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        """Describe fields that have no description of their own: see :mod:`dagcast.compile.config.field_texts`."""
        from dagcast.compile.config.field_texts import FIELD_TEXTS

        described = handler(schema)
        for name, field in handler.resolve_ref_schema(described).get("properties", {}).items():
            if "description" not in field and name in FIELD_TEXTS:
                field["description"] = FIELD_TEXTS[name]
        return described


class InputConfig(DescribedConfig):
    """One input of a step; a plain string is its ``source``.

    Example:
        >>> InputConfig.model_validate("s3://bucket/raw").source
        's3://bucket/raw'
    """

    source: Annotated[StrOrReference | None, Field(description="S3 URI, reference, or step.port")] = None
    aliases: Aliases = ()
    optional: Annotated[
        bool, Field(description="Whether the step runs without the input if nothing feeds it")
    ] = False

    @model_validator(mode="before")
    @classmethod
    def _source_alone(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, InputConfig)) else {"source": value}


class OutputConfig(ConfigModel):
    """One declared output of a step."""

    aliases: Aliases = ()


class OutputNames(OutputConfig):
    """The aliases of an output that a step has by its type."""

    @model_validator(mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return {} if value is None else value


class StepConfig(DescribedConfig):
    """The fields that every step has.

    Example:
        >>> from typing import Annotated, Literal
        >>> class NotifyConfig(StepConfig):
        ...     type: Literal["Notify"] = "Notify"
        ...     topic: Annotated[str, To("TopicArn")]
        >>> NotifyConfig(topic="arn:aws:sns:us-east-1:123456789012:team").topic
        'arn:aws:sns:us-east-1:123456789012:team'
    """

    type: str
    display_name: (
        Annotated[str, Field(max_length=STEP_DISPLAY_NAME_MAX_LENGTH), AfterValidator(read_fixed)] | None
    ) = None
    description: (
        Annotated[str, Field(max_length=DESCRIPTION_MAX_LENGTH), AfterValidator(read_fixed)] | None
    ) = None
    depends_on: tuple[str, ...] = Field(default=(), strict=False)
    request: FreeMapping = Field(default=EMPTY, description="Deep-merged onto the request body; null removes")


_NAME = lazy_pattern(r"[^\s'\"\[\]{}<>=\x00-\x1f\x7f-\x9f]+")


def _port_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        message = "invalid name {name}: expected no spaces, quotes or brackets"
        raise PydanticCustomError("name", message, {"name": repr(name)})
    return name


PortName = Annotated[str, AfterValidator(_port_name)]
"""The name of an input or output that the config declares."""


def refuse_request(config: StepConfig) -> None:
    """For validators of step types that send no request.

    Raises:
        PydanticCustomError: If the config overrides it.
    """
    if config.request:
        raise PydanticCustomError(
            "request", "a {type} step sends no request", {"type": config.type, "path": ("request",)}
        )


def _duration(value: str | None) -> str | None:
    if value is not None and parse_duration(value) is None:
        message = "{value} is not an ISO 8601 duration such as P30D or PT12H"
        raise PydanticCustomError("duration", message, {"value": repr(value)})
    return value


class CacheConfig(ConfigModel):
    """Reuse of an earlier result; ``true`` or a duration such as ``P30D`` stand for the whole."""

    enabled: Annotated[bool, Field(description="Whether an earlier result may be reused")] = True
    expire_after: Annotated[
        str | None, Field(description="How old it may be, such as P30D or PT12H"), AfterValidator(_duration)
    ] = None

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
    """When and how often a failed step is retried.

    Limits: at most 20 attempts, at most 14,400 minutes. Source: ``RetryPolicy`` of the SageMaker Python SDK.
    """

    exception_types: Annotated[
        tuple[RetryException, ...],
        Field(min_length=1, strict=False, description="Errors after which the step is tried again"),
    ]
    interval_seconds: Annotated[int, Field(ge=0, description="Seconds before the first retry")] = 1
    backoff_rate: Annotated[
        float, Field(ge=0, description="Factor by which the wait grows with each retry")
    ] = 2.0
    max_attempts: Annotated[
        int | None, Field(ge=1, le=20, description="Most attempts; excludes expire_after_mins")
    ] = None
    expire_after_mins: Annotated[
        int | None,
        Field(ge=1, le=14400, description="Minutes after which no retry starts; excludes max_attempts"),
    ] = None

    @model_validator(mode="after")
    def _one_limit(self) -> "RetryPolicy":
        if (self.max_attempts is None) == (self.expire_after_mins is None):
            raise PydanticCustomError(
                "retry", "a retry policy takes one of max_attempts and expire_after_mins"
            )
        return self

    def to_request(self) -> dict[str, Any]:
        """Return the policy as data of the definition."""
        request: dict[str, Any] = {"BackoffRate": self.backoff_rate, "IntervalSeconds": self.interval_seconds}
        if self.max_attempts is not None:
            request["MaxAttempts"] = self.max_attempts
        if self.expire_after_mins is not None:
            request["ExpireAfterMin"] = self.expire_after_mins
        request["ExceptionType"] = list(self.exception_types)
        return request


class Cached(ConfigModel):
    """Mixin for step types whose results the service can cache."""

    cache: CacheConfig | None = None


class Retried(ConfigModel):
    """Mixin for step types that the service can retry."""

    retry_policies: tuple[RetryPolicy, ...] = Field(default=(), strict=False)


class WithInputs(ConfigModel):
    """Mixin for step types whose ports are filled by edges or by ``inputs``."""

    inputs: dict[str, InputConfig] = Field(default=EMPTY, description="What each input port reads")

    def given(self, port: str) -> str | Any | None:
        """Return the source of ``port`` that the config names, or ``None``."""
        config = self.inputs.get(port)
        return config.source if config is not None else None


class WithOutputs(ConfigModel):
    """Mixin for step types whose outputs are given by the type.

    Example:
        >>> WithOutputs.model_validate({"outputs": {"model": {"aliases": ["classifier"]}}}).outputs["model"].aliases
        ('classifier',)
    """

    outputs: dict[str, OutputNames] = Field(
        default=EMPTY, description="Aliases of outputs of the step, by output"
    )
