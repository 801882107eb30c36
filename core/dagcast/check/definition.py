"""Check the requests and the references of the steps of any definition.

>>> from dagcast.definition.read import read_definition
>>> step = '{"Name": "end", "Type": "Training", "Arguments": {"RoleArn": {"Get": "Parameters.Role"}}}'
>>> definition = read_definition(
...     '{"Parameters": [{"Name": "Role", "Type": "Integer", "DefaultValue": 1}], "Steps": [' + step + "]}"
... )
>>> next(problem.code for problem in check_steps(definition) if problem.path == ("Arguments", "RoleArn"))
'reference.needs-text'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY
from types import MappingProxyType
from typing import Any

from dagcast.check.reference_targets import Targets
from dagcast.check.request import check_request
from dagcast.check.rules.pipeline_rule import PipelineRule
from dagcast.check.rules.registry import PIPELINE_RULES, service_rules
from dagcast.check.rules.rule import PipelineFacts, Rule
from dagcast.check.rules.rule_set import RuleSet
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import Reference
from dagcast.errors import Severity, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.sagemaker.service_model import ServiceModelError

_NOTHING: Mapping[str | FieldPath, str] = MappingProxyType({})
_NO_FACTS = PipelineFacts()


@dataclass(frozen=True)
class StepProblem:
    """A problem of a step for which the service would reject the pipeline.

    Attributes:
        step: The name of the step, or ``None`` for the pipeline itself.
        path: The path of the value, relative to the step's entry in the definition. Empty for the whole step.
        message: The problem and what was expected, in one sentence.
        code: The id of the kind of problem, or of the violated rule.
        hint: The remedy, if known.
        severity: ``warning`` if the service may accept the value.
        parameter: The parameter whose default or allowed value is invalid, if the problem is in a parameter.
        cause: The mistake that it follows from, as :class:`~dagcast.errors.Diagnostic` has it.
    """

    step: str | None
    path: FieldPath
    message: str
    code: str
    hint: str | None = None
    _: KW_ONLY
    severity: Severity = "error"
    parameter: str | None = None
    cause: str | None = None


def check_steps(definition: Definition, facts: PipelineFacts = _NO_FACTS) -> Iterator[StepProblem]:
    """Yield all problems of the steps of a definition.

    Args:
        definition: The pipeline: read from JSON, or the ``PipelineSpec`` of a compiler.
        facts: Further facts about the pipeline.
    """
    targets = Targets(definition)
    rules = RuleChecker(definition, facts)
    for step in definition.steps:
        found = list(request_problems(step, targets))
        yield from found
        yield from reference_problems(step, targets)
        yield from rules.check_step(step, found)
    yield from rules.check_pipeline()


class RuleChecker:
    """Checks the steps of a pipeline against the rules that request shapes do not contain.

    Args:
        definition: The pipeline.
        facts: Further facts about the pipeline.
        added: Rules for requests, besides those of the service.
        pipeline_rules: The rules for whole pipelines.
    """

    def __init__(
        self,
        definition: Definition,
        facts: PipelineFacts = _NO_FACTS,
        *,
        added: Sequence[Rule] = (),
        pipeline_rules: Sequence[PipelineRule] = PIPELINE_RULES,
    ) -> None:
        self._definition = definition
        self._facts = facts
        self._added = added
        self._rules = RuleSet(self._rules_of)
        self._pipeline_rules = pipeline_rules
        self._defaults = {
            item.name: item.default for item in definition.parameters if item.default is not None
        }

    def _rules_of(self, shape: str) -> tuple[Rule, ...]:
        own = service_rules(shape)
        return (*own, *(rule for rule in self._added if shape in rule.shapes)) if self._added else own

    def check_step(self, step: Step, known: Iterable[StepProblem] = ()) -> Iterator[StepProblem]:
        """Yield the rule violations in the requests of a step.

        Args:
            step: The step.
            known: Problems of the step that are already reported. Violations at the same value are skipped.
        """
        wrong = [problem.path for problem in known]
        for shape in step.shapes:
            body = _part(step.arguments, shape.at)
            if not isinstance(body, Mapping):
                continue
            for broken in self._rules.broken_rules(shape.name, body, self._facts, self._defaults):
                path = ("Arguments", *shape.at, *broken.finding.path)
                if not any(_overlap(path, other) for other in wrong):
                    finding = broken.finding
                    yield StepProblem(
                        step.name,
                        path,
                        finding.message,
                        broken.rule.id,
                        finding.hint,
                        severity=broken.severity,
                    )

    def check_pipeline(self) -> Iterator[StepProblem]:
        """Yield the violations of rules for whole pipelines."""
        for rule in self._pipeline_rules:
            for finding in rule.check(self._definition, self._facts):
                yield StepProblem(
                    finding.step, finding.path, finding.message, rule.id, finding.hint, severity=rule.severity
                )


def _overlap(one: FieldPath, other: FieldPath) -> bool:
    """Return whether two paths are equal, or one is an ancestor of the other."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def request_problems(
    step: Step, targets: Targets, forbidden: Mapping[str | FieldPath, str] = _NOTHING
) -> Iterator[StepProblem]:
    """Yield the problems of the request that a step sends.

    Args:
        step: The step.
        targets: The valid targets of references in the pipeline.
        forbidden: Members of the request that pipelines do not accept, each with the reason.
    """
    for shape in step.shapes:
        body = _part(step.arguments, shape.at)
        if body is None:
            continue
        try:
            problems = check_request(
                body,
                shape.name,
                service=shape.service,
                path=shape.at,
                parameter_types=targets.parameters,
                ignore_required=shape.ignore_required,
                forbidden=forbidden,
                reference_type=targets.kind,
                parameter_values=targets.parameter_values,
            )
        except ServiceModelError as error:
            yield StepProblem(step.name, (), str(error), "request.unknown-shape")
            continue
        for problem in problems:
            path = ("Arguments", *shape.at, *problem.path)
            yield StepProblem(
                step.name, path, problem.message, problem.code, problem.hint, parameter=problem.parameter
            )


def reference_problems(step: Step, targets: Targets) -> Iterator[StepProblem]:
    """Yield each invalid reference of a step, and each property file whose output does not exist.

    Args:
        step: The step.
        targets: The valid targets of references in the pipeline.
    """
    for path, reference in step.located_references:
        problem = targets.problem(reference)
        if problem is not None:
            yield StepProblem(
                step.name, path, problem.message, problem.code, problem.hint, cause=problem.cause
            )
        elif step.name in reference.steps:
            message = f"{reference} reads from the step itself"
            yield StepProblem(step.name, path, message, "reference.own-step")
    for index, item in enumerate(_mappings(step.fields.get("PropertyFiles"))):
        config = step.arguments.get("ProcessingOutputConfig")
        outputs = _mappings(config.get("Outputs")) if isinstance(config, dict) else ()
        names = [output.get("OutputName") for output in outputs]
        output = item.get("OutputName")
        if output not in names:
            name = item.get("PropertyFileName")
            message = f"property file {name!r} is in output {output!r}, which the step does not have"
            hint = did_you_mean(str(output), [str(known) for known in names])
            path = ("PropertyFiles", index, "OutputName")
            yield StepProblem(step.name, path, message, "reference.unknown-output", hint)


def _mappings(items: Any) -> tuple[Mapping[str, Any], ...]:
    """Return the mappings in a list. A definition from JSON may contain other values in it."""
    return tuple(item for item in items if isinstance(item, dict)) if isinstance(items, tuple) else ()


def _part(arguments: Any, at: FieldPath) -> Any:
    part: Any = arguments
    for name in at:
        if isinstance(part, dict):
            part = part.get(name)
        elif isinstance(part, (list, tuple)) and isinstance(name, int) and name < len(part):
            part = part[name]
        else:
            return None
    return None if isinstance(part, Reference) else part
