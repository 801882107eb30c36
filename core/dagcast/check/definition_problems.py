"""All problems of a definition that the service would report, whatever verb takes the definition.

The compiler reports the same problems, with the lines of its config: :mod:`dagcast.compile.check_spec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dagcast.check.definition import StepProblem, check_steps
from dagcast.check.ignored_rules import group_ignored, unknown_rule
from dagcast.check.rules.rule import PipelineFacts
from dagcast.definition.model import Definition
from dagcast.errors import Diagnostic, DiagnosticSink, IgnoredRule, Location
from dagcast.frozen_dataclass import dataclass


@dataclass(frozen=True)
class CheckedDefinition:
    """What the check of a definition found.

    Attributes:
        diagnostics: The errors, then the warnings.
        ignored: The ignored rules, and what they would report.
        invalid_steps: The names of the steps that have errors.
    """

    diagnostics: tuple[Diagnostic, ...]
    ignored: tuple[IgnoredRule, ...]
    invalid_steps: frozenset[str]


def check_definition(
    definition: Definition,
    file: str = "definition.json",
    ignored: Mapping[str, str] = MappingProxyType({}),
    region: str | None = None,
) -> CheckedDefinition:
    """Check a definition: shapes of requests, references and rules.

    Args:
        definition: The pipeline.
        file: The name of the definition's file in diagnostics.
        ignored: The reason, which may be empty, of each rule to ignore, by the rule's id.
        region: The AWS region of the pipeline, if it is known.

    Example:
        >>> from dagcast.definition.read import read_definition
        >>> text = '{"Steps": [{"Name": "call", "Type": "Lambda", "Arguments": {"names": ["a", "b"]}}]}'
        >>> for item in check_definition(read_definition(text)).diagnostics:
        ...     print(item.code)
        pipeline.nested-input
        >>> check_definition(read_definition(text), ignored={"pipeline.nested-input": "it takes lists"}).diagnostics
        ()
    """
    sink = DiagnosticSink()
    for rule in ignored:
        hint = unknown_rule(rule)
        if hint is not None:
            sink.error(
                f"--ignore-rule: {rule!r} is not the id of a rule", code="config.unknown-rule", hint=hint
            )
    invalid = set()
    for problem in check_steps(definition, PipelineFacts(region)):
        found = _to_diagnostic(problem, file)
        if problem.code in ignored:
            sink.ignore(found)
            continue
        sink.extend([found])
        if problem.step is not None and problem.severity == "error":
            invalid.add(problem.step)
    rules = group_ignored(ignored, sink.ignored)
    return CheckedDefinition((*sink.errors, *sink.warnings), rules, frozenset(invalid))


def _to_diagnostic(problem: StepProblem, file: str) -> Diagnostic:
    owner = "pipeline" if problem.step is None else f"step {problem.step!r}"
    if problem.parameter is not None:
        owner = f"parameter {problem.parameter!r}, which {owner} reads"
    message = f"{owner}: {problem.message}"
    hint = problem.hint and problem.hint.replace(
        f"write ignore_rules: [{problem.code}]", f"use --ignore-rule {problem.code}"
    )
    return Diagnostic(
        message, Location(file), problem.severity, code=problem.code, hint=hint, cause=problem.cause
    )
