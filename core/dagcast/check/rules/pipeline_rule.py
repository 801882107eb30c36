"""A rule about a whole pipeline: it compares steps, or checks fields outside of their requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagcast.check.rules.rule import PipelineFacts
from dagcast.definition.model import Definition
from dagcast.errors import Severity
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath


@dataclass(frozen=True)
class StepFinding:
    """A violation of a rule by a pipeline.

    Attributes:
        step: The name of the step to change; ``None`` for the pipeline itself.
        path: The path in the step's entry of the definition, such as ``("Arguments", "ModelName")``.
        message: The problem.
        hint: The remedy, if known.
    """

    step: str | None
    path: FieldPath
    message: str
    hint: str | None = None


PipelineCheck = Callable[[Definition, PipelineFacts], Iterator[StepFinding]]


@dataclass(frozen=True, kw_only=True)
class PipelineRule:
    """A requirement for a whole pipeline: the service rejects a violation, or it fails at run time.

    Attributes:
        id: ``area.problem`` in lower case, stable: ``ignore_rules`` names it.
        summary: The requirement, in one sentence.
        source: The source of the requirement.
        check: Yields the findings.
        obeys: A definition that obeys: its ``Steps``, and ``Parameters`` where it has some.
        breaks: A definition that breaks the rule.
        breaks_in: The region of the pipeline, if the rule depends on it.
        severity: ``error`` if the service is known to reject the pipeline, ``warning`` if that is likely.
    """

    id: str
    summary: str
    source: str
    check: PipelineCheck
    obeys: Mapping[str, Any]
    breaks: Mapping[str, Any]
    breaks_in: str = "us-east-1"
    severity: Severity = "error"
