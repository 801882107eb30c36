"""Request: send any request of a step for which dagcast has no specific type."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.config.fields import FreeMapping
from dagcast.compile.config.step import Cached, Retried, StepConfig
from dagcast.compile.spec.pipeline import PropertyShape
from dagcast.compile.steps.step_type import StepType
from dagcast.sagemaker.step_shapes import RequestShape

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


COMMON = frozenset(
    ("Arguments", "CacheConfig", "DependsOn", "Description", "DisplayName", "Name", "RetryPolicies", "Type")
)
"""Fields of a step's definition that the common config fields set."""


class RequestConfig(StepConfig, Cached, Retried):
    """The fields of a Request step.

    Attributes:
        step_type: The ``Type`` in the definition, such as ``InferenceComponent``.
        shape: The botocore shape of ``request``, such as ``CreateInferenceComponentInput``; the body is
            checked against it. Without it nothing is known of the body, and nothing is checked.
        service: The botocore service of the shapes.
        fields: The fields next to ``Arguments`` in the definition.
        properties: The shape of the step's properties, such as ``DescribeInferenceComponentOutput``.
    """

    type: Literal["Request"] = "Request"
    step_type: Annotated[
        str, Field(pattern=r"^[A-Za-z]+$", description="Type in the definition, such as InferenceComponent")
    ]
    shape: Annotated[
        str | None,
        Field(description="botocore shape by which request is checked; without it nothing is checked"),
    ] = None
    service: Annotated[str, Field(description="botocore service of the shapes")] = "sagemaker"
    fields: Annotated[FreeMapping, Field(description="What the definition has beside Arguments")] = {}
    properties: Annotated[str | None, Field(description="botocore shape of the step's properties")] = None

    @model_validator(mode="after")
    def _keeps_to_itself(self) -> "RequestConfig":
        for name in self.fields:
            if name in COMMON:
                message = "{name} is set by the fields that every step has"
                raise PydanticCustomError("managed", message, {"name": name, "path": ("fields", name)})
        return self


def lower(step: "Lowering", config: RequestConfig) -> None:
    """Set the fields next to ``Arguments``. :meth:`Lowering.merge_request` sets the body, which is ``request``."""
    for name, value in config.fields.items():
        step.put_sibling(name, value, ("fields", name))


def _shapes(config: RequestConfig) -> tuple[RequestShape, ...]:
    return (RequestShape(config.shape, service=config.service),) if config.shape else ()


def _properties(config: RequestConfig) -> PropertyShape:
    return PropertyShape(config.service, (config.properties,)) if config.properties else PropertyShape()


STEP_TYPE = StepType(
    name="Request",
    definition_type=lambda config: config.step_type,
    about="Any request that the service takes, for what has no type of its own.",
    config=RequestConfig,
    lower=lower,
    shapes=_shapes,
    properties=_properties,
)
