"""The models of the config file's sections, except those of steps, which are in ``compile/steps``."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.config.fields import EMPTY, ConfigModel, Fixed, StrOrReference, read_fixed
from dagcast.compile.spec.pipeline import ParameterType
from dagcast.definition.references import ExecutionVariable
from dagcast.errors import did_you_mean
from dagcast.sagemaker.limits import (
    BUCKET_NAME_PATTERN,
    DESCRIPTION_MAX_LENGTH,
    PIPELINE_NAME_MAX_LENGTH,
    PIPELINE_NAME_PATTERN,
)


class ExperimentConfig(ConfigModel):
    """The experiment and trial that executions are recorded in."""

    name: StrOrReference = Field(
        default_factory=lambda: ExecutionVariable("PipelineName"),
        description="Name of the experiment; by default the pipeline's",
    )
    trial: StrOrReference = Field(
        default_factory=lambda: ExecutionVariable("PipelineExecutionId"),
        description="Name of the trial; by default the id of the execution",
    )


class Limits(ConfigModel):
    """Limits above which the compiler warns. Raise them if AWS raised the quota of the account."""

    steps: Annotated[int, Field(ge=1, description="Number of steps above which the compiler warns")] = 50


def _key_prefix(value: str) -> str:
    prefix = read_fixed(value).strip("/")
    if not prefix:
        raise PydanticCustomError("prefix", "expected the beginning of S3 keys, such as team/project")
    return prefix


class BasePipelineConfig(ConfigModel):
    """The config of the whole pipeline. Subclass it to add fields.

    Attributes:
        name: 1 to 256 letters, digits and single hyphens (``PipelineName`` in the SageMaker API reference).
        version: The user's version of the pipeline.
        author: Who answers for the pipeline.
        description: Up to 3072 characters (``PipelineDescription``).
        region: AWS region; needed to look up images of frameworks.
        role: ARN of the role that steps run with; a reference or a literal.
        bucket: S3 bucket for staged code and for results without a destination.
        prefix: Key prefix in the bucket, without slashes around it; the pipeline's name unless given.
        tags: Tags of the pipeline itself.
        parallelism: Most steps at a time; 1 or more (``MaxParallelExecutionSteps``).
        experiment: Experiment and trial of executions; ``false`` for none.
        limits: Where the compiler starts to warn.

    Example:
        >>> class TeamConfig(BasePipelineConfig):
        ...     cost_center: str
        >>> TeamConfig(name="churn", cost_center="1234").cost_center
        '1234'
    """

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=PIPELINE_NAME_MAX_LENGTH,
            pattern=PIPELINE_NAME_PATTERN,
            validation_alias=AliasChoices("name", "pipeline_name"),
            description="Name of the pipeline: 1 to 256 letters, digits and single hyphens",
        ),
    ]
    version: Annotated[
        Fixed | None,
        Field(
            validation_alias=AliasChoices("version", "pipeline_version"),
            description="Your version of the pipeline",
        ),
    ] = None
    author: Annotated[Fixed | None, Field(description="Who answers for the pipeline")] = None
    description: Annotated[
        Annotated[str, Field(max_length=DESCRIPTION_MAX_LENGTH), AfterValidator(read_fixed)] | None,
        Field(
            validation_alias=AliasChoices("description", "pipeline_description"),
            description="Description of up to 3072 characters",
        ),
    ] = None
    region: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z]{2,}(-[a-z]+)+-\d+$", description="AWS region; images of frameworks depend on it"
        ),
    ] = None
    role: Annotated[StrOrReference | None, Field(description="ARN of the role that steps run with")] = None
    bucket: Annotated[
        str | None,
        Field(
            pattern=f"^{BUCKET_NAME_PATTERN}$",
            description="S3 bucket of staged code and of results without a destination",
        ),
    ] = None
    prefix: Annotated[
        Annotated[str, Field(max_length=512), AfterValidator(_key_prefix)] | None,
        Field(description="Key prefix in the bucket; by default the name"),
    ] = None
    tags: Annotated[dict[str, Fixed], Field(description="Tags of the pipeline itself")] = EMPTY
    parallelism: Annotated[int | None, Field(ge=1, description="Most steps that run at a time")] = None
    experiment: ExperimentConfig | Literal[False] = Field(
        default_factory=ExperimentConfig, description="Experiment and trial of executions; false for none"
    )
    limits: Limits = Field(default_factory=Limits, description="Where the compiler starts to warn")


class ParameterConfig(ConfigModel):
    """A pipeline parameter. A plain value stands for its default, and gives its type.

    Example:
        >>> ParameterConfig.model_validate(3).type
        'Integer'
    """

    type: Annotated[ParameterType, Field(description="Type of the values")]
    default: Annotated[
        str | bool | int | float | None, Field(description="Value of executions that give none")
    ] = None
    enum: Annotated[
        tuple[str, ...], Field(strict=False, description="Values that a String parameter may have")
    ] = ()
    description: Annotated[str | None, Field(description="What the parameter is for")] = None

    @model_validator(mode="before")
    @classmethod
    def _from_default(cls, value: Any) -> Any:
        if isinstance(value, (str, bool, int, float)):
            return {"type": TYPE_OF_VALUE[type(value)], "default": value}
        if isinstance(value, dict) and "type" not in value and type(value.get("default")) in TYPE_OF_VALUE:
            value = {**value, "type": TYPE_OF_VALUE[type(value["default"])]}
        if isinstance(value, dict) and value.get("type") in ("Integer", "Float", "Boolean"):
            # That it has an enum is the mistake, and not the type of its values.
            values = value.get("enum")
            return {**value, "enum": tuple(map(str, values))} if isinstance(values, (list, tuple)) else value
        return value

    def problem(self) -> tuple[str, str, str | None] | None:
        """Return field, message and hint of an error in the default or the enum, or ``None``."""
        default = self.default
        if self.enum and self.type != "String":
            return "enum", f"only a String parameter has an enum, not one of type {self.type}", None
        if default is None:
            return None
        if not _fits(default, self.type):
            shown = str(default).lower() if isinstance(default, bool) else repr(default)
            return "default", f"expected a default of type {self.type}, got {shown}", None
        if self.enum and default not in self.enum:
            return "default", f"{default!r} is not in the enum", did_you_mean(str(default), self.enum)
        if isinstance(default, str) and "${" in default:
            return "default", "a default is a plain value; references are not filled in", None
        return None

    @classmethod
    def of_unknown_type(cls) -> "ParameterConfig":
        """Return a replacement for an invalid declaration, so that later stages can look for further errors."""
        return cls.model_construct(type="Unknown")  # type: ignore[arg-type]

    @property
    def value(self) -> str | bool | int | float | None:
        """The default that the service accepts: of a Float parameter always a floating-point number."""
        return float(self.default) if self.type == "Float" and self.default is not None else self.default


def _fits(default: str | bool | int | float, kind: ParameterType) -> bool:
    if isinstance(default, bool):
        return kind == "Boolean"
    return {
        "String": isinstance(default, str),
        "Integer": isinstance(default, int),
        "Float": isinstance(default, (int, float)),
        "Boolean": False,
    }[kind]


TYPE_OF_VALUE: dict[type, ParameterType] = {str: "String", bool: "Boolean", int: "Integer", float: "Float"}


class PluginsConfig(ConfigModel):
    """Which plugins run, in which order, and their options.

    Attributes:
        enable: Names in order; an empty list selects no plugins. Left out, the plugins that are active on installation
            run.
        disable: Names that do not run, unless the API, a flag or the variable asks for them.
        options: By plugin: its options, as its own model describes them.
    """

    enable: Annotated[
        tuple[str, ...] | None,
        Field(
            strict=False,
            description="Names of the plugins that run, in order; by default those that are active on installation",
        ),
    ] = None
    disable: Annotated[
        tuple[str, ...], Field(strict=False, description="Names that do not run, unless a flag asks for them")
    ] = ()
    options: Annotated[
        dict[str, dict[str, Any]],
        Field(description="Options of each plugin, as its own model describes them"),
    ] = EMPTY
