"""Checks the steps of a definition, whoever made it: their requests, and where their references point.

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
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Any

from dagcast.check.request import check_request
from dagcast.check.rules.pipeline import PIPELINE_RULES
from dagcast.check.rules.pipeline_rule import PipelineRule
from dagcast.check.rules.registry import RULES, RuleSet
from dagcast.check.rules.rule import PipelineFacts, Rule
from dagcast.check.targets import Targets
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import Reference
from dagcast.errors import Severity, did_you_mean
from dagcast.paths import FieldPath
from dagcast.sagemaker.service_model import ServiceModelError

_NOTHING: Mapping[str | FieldPath, str] = MappingProxyType({})
_NO_FACTS = PipelineFacts()


@dataclass(frozen=True)
class StepProblem:
    """One thing that the service would refuse about a step.

    Attributes:
        step: The name of the step; ``None`` for the pipeline itself.
        path: Where, below the step's entry in the definition; empty for the whole step.
        message: What is wrong and what was expected, in one sentence.
        code: The id of the kind of problem, or of the rule that is broken.
        hint: What to write instead, if that can be said.
        severity: ``warning`` where the service may take it all the same.
        parameter: The parameter whose default or allowed value is the problem, if it is one of those.
    """

    step: str | None
    path: FieldPath
    message: str
    code: str
    hint: str | None = None
    _: KW_ONLY
    severity: Severity = "error"
    parameter: str | None = None


def check_steps(definition: Definition, facts: PipelineFacts = _NO_FACTS) -> Iterator[StepProblem]:
    """Yield everything that the service would refuse about the steps of a definition.

    Args:
        definition: The pipeline: read from JSON, or a compiler's ``PipelineSpec``.
        facts: What else is known of the pipeline.
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
    """Checks the steps of a pipeline against the rules that request shapes do not hold.

    Args:
        definition: The pipeline.
        facts: What else is known of it.
        rules: The rules about requests.
        pipeline_rules: The rules about whole pipelines.
    """

    def __init__(
        self,
        definition: Definition,
        facts: PipelineFacts = _NO_FACTS,
        *,
        rules: Sequence[Rule] = RULES,
        pipeline_rules: Sequence[PipelineRule] = PIPELINE_RULES,
    ) -> None:
        self._definition = definition
        self._facts = facts
        self._rules = RuleSet(rules)
        self._pipeline_rules = pipeline_rules
        self._defaults = {
            item.name: item.default for item in definition.parameters if item.default is not None
        }

    def check_step(self, step: Step, known: Iterable[StepProblem] = ()) -> Iterator[StepProblem]:
        """Yield the rules that the requests of a step break.

        Args:
            step: The step.
            known: What is wrong with the step already. A rule about the same value says nothing more.
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
        """Yield the rules that the pipeline as a whole breaks."""
        for rule in self._pipeline_rules:
            for finding in rule.check(self._definition, self._facts):
                yield StepProblem(
                    finding.step, finding.path, finding.message, rule.id, finding.hint, severity=rule.severity
                )


def _overlap(one: FieldPath, other: FieldPath) -> bool:
    """Return whether one of two paths is that of the other, or of something around it."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def request_problems(
    step: Step, targets: Targets, forbidden: Mapping[str | FieldPath, str] = _NOTHING
) -> Iterator[StepProblem]:
    """Yield what is wrong with the request that a step sends.

    Args:
        step: The step.
        targets: What the references of its pipeline may point at.
        forbidden: Members of the request that pipelines do not take, each with the reason.
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
    """Yield each reference of a step that leads nowhere, and each property file without its output.

    Args:
        step: The step.
        targets: What the references of its pipeline may point at.
    """
    for path, reference in step.located_references:
        problem = targets.problem(reference)
        if problem is not None:
            yield StepProblem(step.name, path, problem.message, problem.code, problem.hint)
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
            message = f"property file {name!r} lies in output {output!r}, which the step does not have"
            hint = did_you_mean(str(output), [str(known) for known in names])
            path = ("PropertyFiles", index, "OutputName")
            yield StepProblem(step.name, path, message, "reference.unknown-output", hint)


def _mappings(items: Any) -> tuple[Mapping[str, Any], ...]:
    """The mappings in a list; a definition that was read may hold anything else there."""
    return tuple(item for item in items if isinstance(item, dict)) if isinstance(items, tuple) else ()


def _part(arguments: Any, at: FieldPath) -> Any:
    part: Any = arguments
    for name in at:
        if not isinstance(part, dict) or name not in part:
            return None
        part = part[name]
    return None if isinstance(part, Reference) else part
