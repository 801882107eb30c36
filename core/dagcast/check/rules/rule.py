"""What a rule is: an id, what the service requires, where that is written, and bodies that obey and break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.errors import Severity
from dagcast.frozen_dataclass import dataclass


@dataclass(frozen=True)
class PipelineFacts:
    """What a rule may ask about the pipeline around a request.

    Attributes:
        region: The AWS region that the pipeline is compiled for, if it is known.
        code_folder: The S3 URI of the folder with the pipeline's code, which ends with a slash; ``None`` if it has no
            staged code, or that is not known.

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

It depends on its arguments alone: its findings are used again for requests in which it would read the same values.
"""

TRAINING_JOB = ("CreateTrainingJobRequest",)
"""A training job of its own."""

TUNING_JOB = ("CreateHyperParameterTuningJobRequest",)
"""A tuning job, with its definitions of training jobs."""

TRAINING_JOBS = ("CreateTrainingJobRequest", "HyperParameterTrainingJobDefinition")
"""A training job of its own, and each definition of the training jobs of a tuning job: the same members by the same
names, but for the hyperparameters."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Something that the service refuses, and that its request shapes do not say.

    Attributes:
        id: ``area.problem`` in lower case, stable: ``ignore_rules`` names it.
        summary: What the service requires, in one sentence.
        source: Where that is written: a page, a member of botocore's model, an answer of the service.
        shapes: The request shapes that it applies to.
        check: Yields what is wrong.
        obeys: Members that a valid request of these shapes has when it obeys; merged onto a small valid request.
        breaks: Members that a request has when it breaks the rule; merged likewise.
        breaks_in: The region of the pipeline in which the request breaks the rule, where that is what breaks it.
        severity: ``error`` where the service is known to refuse, ``warning`` where that is likely.

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
    breaks_in: str = "us-east-1"
    severity: Severity = "error"


def parts(shape: str, body: RequestBody) -> Iterator[tuple[str, RequestBody]]:
    """Yield a request and the requests inside it that have rules of their own, each with its shape."""
    yield shape, body
    if shape == "CreateHyperParameterTuningJobRequest":
        inner = "HyperParameterTrainingJobDefinition"
        if body.given("TrainingJobDefinition"):
            yield inner, body.part("TrainingJobDefinition")
        for definition in body.items("TrainingJobDefinitions"):
            yield inner, definition
