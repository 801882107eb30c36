"""A rule about a whole pipeline: what one step means to another."""

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
    """One way in which a pipeline breaks a rule.

    Attributes:
        step: The name of the step to change; ``None`` for the pipeline itself.
        path: Where in the step's entry of the definition, such as ``("Arguments", "ModelName")``.
        message: What is wrong.
        hint: What to write instead, if that can be said.
    """

    step: str | None
    path: FieldPath
    message: str
    hint: str | None = None


PipelineCheck = Callable[[Definition, PipelineFacts], Iterator[StepFinding]]


@dataclass(frozen=True, kw_only=True)
class PipelineRule:
    """Something about several steps that the service refuses, or that fails when the pipeline runs.

    Attributes:
        id: ``area.problem`` in lower case, stable: ``ignore_rules`` names it.
        summary: What has to hold, in one sentence.
        source: Where that is written.
        check: Yields what is wrong.
        obeys: A definition that obeys: its ``Steps``, and ``Parameters`` where it has some.
        breaks: A definition that breaks the rule.
        severity: ``error`` where the service is known to refuse, ``warning`` where that is likely.
    """

    id: str
    summary: str
    source: str
    check: PipelineCheck
    obeys: Mapping[str, Any]
    breaks: Mapping[str, Any]
    severity: Severity = "error"
