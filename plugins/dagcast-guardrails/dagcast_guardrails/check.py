"""Checking: what contradicts the rules, and what cannot be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagcast.plugin import (
    Diagnostic,
    FieldPath,
    Location,
    PipelineSpec,
    RequestField,
    RequestFields,
    StepSpec,
    format_path,
    step_fields,
)
from dagcast_guardrails.options import GuardrailOptions
from dagcast_guardrails.places import ABSENT, BLOCKED, paths_of, takes_value, value_at
from dagcast_guardrails.rules import Rule, matches, rules_of
from dagcast_guardrails.tags import step_tags, tag_paths
from dagcast_guardrails.values import UNKNOWN, Defaults, defaults_of, items, known, show

Locate = Callable[[str, FieldPath], Location | None]


def check(spec: PipelineSpec, options: GuardrailOptions, locate: Locate) -> Iterator[Diagnostic]:
    """Every contradiction of the rules in a pipeline.

    Args:
        spec: The pipeline.
        options: The rules.
        locate: Tells where a field of a step was written.
    """
    checker = _Checker(
        spec=spec,
        options=options,
        locate=locate,
        rules=rules_of(options),
        defaults=defaults_of(spec),
        pipeline_tags=dict(spec.tags),
    )
    yield from checker.pipeline()
    rules: dict[str, tuple[tuple[Rule, RequestField], ...]] = {}
    for step in spec.steps:
        kind = step_fields(step.definition_type)
        if step.definition_type not in rules:
            rules[step.definition_type] = _rules_for(checker.rules, kind)
        yield from checker.step(step, kind, rules[step.definition_type])


def _rules_for(rules: tuple[Rule, ...], kind: RequestFields) -> tuple[tuple[Rule, RequestField], ...]:
    return tuple((rule, field) for rule in rules for field in rule.fields(kind))


@dataclass(frozen=True, kw_only=True)
class _Checker:
    spec: PipelineSpec
    options: GuardrailOptions
    locate: Locate
    rules: tuple[Rule, ...]
    defaults: Defaults
    pipeline_tags: Mapping[str, str]

    def pipeline(self) -> Iterator[Diagnostic]:
        """The region and the pipeline's own tags."""
        regions, region = self.options.allowed_regions, self.spec.region
        # No step has the empty name: these are fields of the pipeline.
        place, tags = self.locate("", ("region",)), self.locate("", ("tags",))
        if regions and region is None:
            yield _warning(
                "the region is not known here, and cannot be checked", place, "region", "set pipeline.region"
            )
        elif regions and not matches(region, regions):
            expected = f"expected one of {', '.join(regions)}"
            yield self._contradiction(f"the pipeline's region is {region!r}, {expected}", place, "region")
        own = self.pipeline_tags
        for key, rule in self.options.required_tags.items():
            if key not in own:
                hint = "add it under pipeline.tags, from where the steps get it"
                message = f"the pipeline has no tag {key!r}, expected {rule}"
                yield self._contradiction(message, tags, "tag", hint)
            elif not rule.allows(own[key]):
                message = f"the pipeline's tag {key!r} is {own[key]!r}, expected {rule}"
                yield self._contradiction(message, tags, "tag")

    def step(
        self, step: StepSpec, kind: RequestFields, rules: tuple[tuple[Rule, RequestField], ...]
    ) -> Iterator[Diagnostic]:
        """Everything about one step."""
        for rule, field in rules:
            for path in paths_of(field, step.arguments):
                value = value_at(step.arguments, path)
                # Most values are there, known and allowed.
                if not (isinstance(value, (str, int)) and rule.allows(value)):
                    yield from self._value(step, rule, field, path, value)
        for path in tag_paths(step, kind):
            yield from self._tags(step, path)

    def _value(
        self, step: StepSpec, rule: Rule, field: RequestField, path: FieldPath, value: Any
    ) -> Iterator[Diagnostic]:
        if value is BLOCKED:
            around = value_at(step.arguments, path[:1])
            message = f"step {step.name!r}: {format_path(path)} is part of {around}, and cannot be checked"
            yield _warning(message, self._locate(step.name, path), rule.name, f"expected {rule.expected}")
        elif value is not ABSENT:
            for item in items(value):
                yield from self._item(step.name, path, item, rule)
        elif rule.fill_for(field) is not None and takes_value(field, step.arguments, path, self.defaults):
            message = f"step {step.name!r}: {format_path(path)} is missing, expected {rule.expected}"
            yield self._contradiction(message, self._locate(step.name, path), rule.name)

    def _item(self, step: str, path: FieldPath, value: Any, rule: Rule) -> Iterator[Diagnostic]:
        settled = known(value, self.defaults)
        if settled is UNKNOWN:
            message = f"step {step!r}: {format_path(path)} is {value}, whose value is not known here"
            message = f"{message}, and cannot be checked"
            yield _warning(message, self._locate(step, path), rule.name, f"expected {rule.expected}")
        elif not rule.allows(settled):
            hint = "leave it out, and it is filled in" if rule.fill is not None else None
            message = f"step {step!r}: {format_path(path)} is {show(value, self.defaults)}, expected {rule.expected}"
            yield self._contradiction(message, self._locate(step, path), rule.name, hint)

    def _tags(self, step: StepSpec, path: FieldPath) -> Iterator[Diagnostic]:
        own, pipeline = step_tags(step, path), self.pipeline_tags
        for key, rule in self.options.required_tags.items():
            settled = known(own.get(key, ABSENT), self.defaults)
            if settled is ABSENT:
                # Where the pipeline's own is missing or wrong, that is told once, of the pipeline.
                if key in pipeline and rule.allows(pipeline[key]):
                    message = f"step {step.name!r} has no tag {key!r}, expected {rule}"
                    yield self._contradiction(message, self._locate(step.name, path), "tag")
            elif settled is UNKNOWN:
                message = f"step {step.name!r}: tag {key!r} is {own[key]}, whose value is not known here"
                message = f"{message}, and cannot be checked"
                yield _warning(message, self._locate(step.name, path), "tag", f"expected {rule}")
            elif not rule.allows(str(settled)):
                shown = show(own[key], self.defaults)
                message = f"step {step.name!r}: tag {key!r} is {shown}, expected {rule}"
                yield self._contradiction(message, self._locate(step.name, path), "tag")

    def _locate(self, step: str, path: FieldPath) -> Location | None:
        return self.locate(step, ("Arguments", *path))

    def _contradiction(
        self, message: str, where: Location | None, rule: str, hint: str | None = None
    ) -> Diagnostic:
        return Diagnostic(message, where, self.options.severity, code=f"guardrails.{rule}", hint=hint)


def _warning(message: str, where: Location | None, rule: str, hint: str) -> Diagnostic:
    return Diagnostic(message, where, "warning", code=f"guardrails.{rule}", hint=hint)
