"""Report violations of the rules, and values that cannot be checked."""

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
from dagcast_guardrails.request_paths import ABSENT, BLOCKED, accepts_value, find_paths, value_at
from dagcast_guardrails.rules import Rule, build_rules, matches
from dagcast_guardrails.tags import step_tags, tag_paths
from dagcast_guardrails.values import (
    UNKNOWN,
    Defaults,
    as_items,
    format_value,
    parameter_defaults,
    resolve_value,
)

LocateField = Callable[[str, FieldPath], Location | None]


def check(spec: PipelineSpec, options: GuardrailOptions, locate: LocateField) -> Iterator[Diagnostic]:
    """Yield every violation of the rules in a pipeline.

    Args:
        spec: The pipeline.
        options: The rules.
        locate: Returns the location of a field of a step in the config.
    """
    checker = _Checker(
        spec=spec,
        options=options,
        locate=locate,
        rules=build_rules(options),
        defaults=parameter_defaults(spec),
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
    locate: LocateField
    rules: tuple[Rule, ...]
    defaults: Defaults
    pipeline_tags: Mapping[str, str]

    def pipeline(self) -> Iterator[Diagnostic]:
        """Check the region and the pipeline's own tags."""
        regions, region = self.options.allowed_regions, self.spec.region
        # No step has an empty name: these are fields of the pipeline.
        place, tags = self.locate("", ("region",)), self.locate("", ("tags",))
        if regions and region is None:
            yield _warning("unknown region cannot be checked", place, "region", "set pipeline.region")
        elif regions and not matches(region, regions):
            expected = f"expected one of {', '.join(regions)}"
            yield self._violation(f"the pipeline's region is {region!r}, {expected}", place, "region")
        own = self.pipeline_tags
        for key, rule in self.options.required_tags.items():
            if key not in own:
                hint = "add it under pipeline.tags; steps inherit it"
                message = f"missing tag {key!r} of the pipeline, expected {rule}"
                yield self._violation(message, tags, "tag", hint)
            elif not rule.allows(own[key]):
                message = f"tag {key!r} of the pipeline is {own[key]!r}, expected {rule}"
                yield self._violation(message, tags, "tag")

    def step(
        self, step: StepSpec, kind: RequestFields, rules: tuple[tuple[Rule, RequestField], ...]
    ) -> Iterator[Diagnostic]:
        """Check one step."""
        for rule, field in rules:
            for path in find_paths(field, step.arguments):
                value = value_at(step.arguments, path)
                # The fast path: most values exist, are known and are allowed.
                if not (isinstance(value, (str, int)) and rule.allows(value)):
                    yield from self._check_value(step, rule, field, path, value)
        for path in tag_paths(step, kind):
            yield from self._check_tags(step, path)

    def _check_value(
        self, step: StepSpec, rule: Rule, field: RequestField, path: FieldPath, value: Any
    ) -> Iterator[Diagnostic]:
        if value is BLOCKED:
            container = value_at(step.arguments, path[:1])
            message = f"step {step.name!r}: {format_path(path)} is part of {container} and cannot be checked"
            yield _warning(message, self._locate(step.name, path), rule.name, f"expected {rule.expected}")
        elif value is not ABSENT:
            for item in as_items(value):
                yield from self._check_item(step.name, path, item, rule)
        elif rule.fill_for(field) is not None and accepts_value(field, step.arguments, path, self.defaults):
            message = f"step {step.name!r}: {format_path(path)} is missing, expected {rule.expected}"
            yield self._violation(message, self._locate(step.name, path), rule.name)

    def _check_item(self, step: str, path: FieldPath, value: Any, rule: Rule) -> Iterator[Diagnostic]:
        resolved = resolve_value(value, self.defaults)
        if resolved is UNKNOWN:
            message = f"step {step!r}: {format_path(path)} is {value}: unknown value cannot be checked"
            yield _warning(message, self._locate(step, path), rule.name, f"expected {rule.expected}")
        elif not rule.allows(resolved):
            hint = "remove it, and the plugin sets it" if rule.fill is not None else None
            formatted = format_value(value, self.defaults)
            message = f"step {step!r}: {format_path(path)} is {formatted}, expected {rule.expected}"
            yield self._violation(message, self._locate(step, path), rule.name, hint)

    def _check_tags(self, step: StepSpec, path: FieldPath) -> Iterator[Diagnostic]:
        own, pipeline = step_tags(step, path), self.pipeline_tags
        for key, rule in self.options.required_tags.items():
            resolved = resolve_value(own.get(key, ABSENT), self.defaults)
            if resolved is ABSENT:
                # If the pipeline's own tag is missing or wrong, that is reported once, for the pipeline.
                if key in pipeline and rule.allows(pipeline[key]):
                    message = f"step {step.name!r}: missing tag {key!r}, expected {rule}"
                    yield self._violation(message, self._locate(step.name, path), "tag")
            elif resolved is UNKNOWN:
                message = f"step {step.name!r}: tag {key!r} is {own[key]}: unknown value cannot be checked"
                yield _warning(message, self._locate(step.name, path), "tag", f"expected {rule}")
            elif not rule.allows(str(resolved)):
                formatted = format_value(own[key], self.defaults)
                message = f"step {step.name!r}: tag {key!r} is {formatted}, expected {rule}"
                yield self._violation(message, self._locate(step.name, path), "tag")

    def _locate(self, step: str, path: FieldPath) -> Location | None:
        return self.locate(step, ("Arguments", *path))

    def _violation(
        self, message: str, where: Location | None, rule: str, hint: str | None = None
    ) -> Diagnostic:
        return Diagnostic(message, where, self.options.severity, code=f"guardrails.{rule}", hint=hint)


def _warning(message: str, where: Location | None, rule: str, hint: str) -> Diagnostic:
    return Diagnostic(message, where, "warning", code=f"guardrails.{rule}", hint=hint)
