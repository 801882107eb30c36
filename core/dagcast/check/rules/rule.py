"""A rule about one request: its id, its source, a check, and requests that obey and break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.errors import Severity
from dagcast.frozen_dataclass import dataclass


@dataclass(frozen=True)
class PipelineFacts:
    """Facts about the pipeline that a rule may use.

    Attributes:
        region: The AWS region that the pipeline is compiled for, if known.
        code_folder: The S3 URI of the folder with the pipeline's code, which ends with a slash; ``None`` if it has no
            staged code, or if it is unknown.

    Example:
        >>> PipelineFacts(region="eu-west-1").region
        'eu-west-1'
    """

    region: str | None = None
    code_folder: str | None = None


DEVELOPER_GUIDE: Final = "SageMaker Developer Guide"
"""The source of many rules; the name of a page follows."""

Check = Callable[[RequestBody, PipelineFacts], Iterator[Finding]]
"""Yields what is wrong with one request. A value that is not known is never wrong.

It depends only on its arguments: its findings are used again for requests in which it would read the same values.
"""

TRAINING_JOB = ("CreateTrainingJobRequest",)
"""A training job of its own."""

TUNING_JOB = ("CreateHyperParameterTuningJobRequest",)
"""A tuning job, with its definitions of training jobs."""

TRAINING_JOBS = ("CreateTrainingJobRequest", "HyperParameterTrainingJobDefinition")
"""Training jobs, and the definitions of training jobs in a tuning job. Except for hyperparameters, both have the same
members."""

TAGGED = (
    "CreateTrainingJobRequest",
    "CreateHyperParameterTuningJobRequest",
    "CreateProcessingJobRequest",
    "CreateTransformJobRequest",
    "CreateModelInput",
    "CreateModelPackageInput",
    "CreateEndpointConfigInput",
    "CreateEndpointInput",
    "CreateAutoMLJobRequest",
)
"""The requests that take tags."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A requirement of the service that its request shapes do not contain.

    Attributes:
        id: ``area.problem`` in lower case, stable: ``ignore_rules`` names it.
        summary: The requirement, in one sentence.
        source: The source of the requirement: a page, a member of botocore's model, an answer of the service.
        shapes: The request shapes that it applies to.
        check: Yields the findings. It depends only on its arguments, since its findings are used again.
        obeys: Members of a request that obeys the rule. They are merged onto a small valid request.
        breaks: Members of a request that breaks the rule, merged likewise.
        breaks_for: By shape: members that take the place of ``breaks`` in requests of that shape.
        breaks_in: The region of the pipeline, if the rule depends on it.
        severity: ``error`` if the service is known to reject the request, ``warning`` if that is likely.

    Example:
        >>> from dagcast.check.rules.combinators import needs
        >>> rule = Rule(
        ...     id="team.vpc",
        ...     summary="Training jobs run in the team's network",
        ...     source="The team's handbook",
        ...     shapes=("CreateTrainingJobRequest",),
        ...     check=needs("ResourceConfig", "VpcConfig"),
        ...     obeys={"VpcConfig": {"Subnets": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]}},
        ...     breaks={},
        ... )
        >>> request = RequestBody({"ResourceConfig": {"InstanceCount": 1}})
        >>> [found.message for found in rule.check(request, PipelineFacts())]
        ['ResourceConfig needs VpcConfig']
    """

    id: str
    summary: str
    source: str
    shapes: tuple[str, ...]
    check: Check
    obeys: Mapping[str, Any]
    breaks: Mapping[str, Any]
    breaks_for: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    breaks_in: str = "us-east-1"
    severity: Severity = "error"


def parts(shape: str, body: RequestBody) -> Iterator[tuple[str, RequestBody]]:
    """Yield a request, and each request inside it that has its own rules, with their shapes."""
    yield shape, body
    if shape == "CreateHyperParameterTuningJobRequest":
        inner = "HyperParameterTrainingJobDefinition"
        if body.given("TrainingJobDefinition"):
            yield inner, body.part("TrainingJobDefinition")
        for definition in body.items("TrainingJobDefinitions"):
            yield inner, definition
