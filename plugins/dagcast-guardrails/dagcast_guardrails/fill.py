"""Set missing fields from the rules. Values of the user do not change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dagcast.plugin import FieldPath, PipelineSpec, RequestField, RequestFields, StepSpec, step_fields
from dagcast_guardrails.options import GuardrailOptions
from dagcast_guardrails.request_paths import ABSENT, BLOCKED, accepts_value, find_paths, put_values, value_at
from dagcast_guardrails.rules import Rule, build_rules
from dagcast_guardrails.tags import known_step_tags, missing_pipeline_tags, step_tags, tag_paths
from dagcast_guardrails.values import UNKNOWN, Defaults, as_items, parameter_defaults, resolve_value


def fill(spec: PipelineSpec, options: GuardrailOptions) -> PipelineSpec:
    """Return the pipeline with missing fields set from the rules."""
    rules, defaults = build_rules(options), parameter_defaults(spec)
    tags = (*spec.tags, *missing_pipeline_tags(spec, options).items())
    known_tags = known_step_tags(options, dict(tags))
    types = {step.definition_type for step in spec.steps}
    fills = {name: tuple(_fills(rules, step_fields(name))) for name in types}
    steps = [_fill_step(step, fills[step.definition_type], known_tags, defaults) for step in spec.steps]
    return replace(spec, tags=tags, steps=tuple(steps))


def _fills(rules: tuple[Rule, ...], kind: RequestFields) -> Iterator[tuple[Rule, RequestField, Any]]:
    """Yield each field to set in one kind of request, with its rule and value."""
    for rule in rules:
        for field in rule.fields(kind):
            value = rule.fill_for(field)
            if value is not None:
                yield rule, field, value


def _fill_step(
    step: StepSpec,
    fills: tuple[tuple[Rule, RequestField, Any], ...],
    known_tags: Mapping[str, str],
    defaults: Defaults,
) -> StepSpec:
    arguments = step.arguments
    values: dict[FieldPath, Any] = {
        path: value
        for rule, field, value in fills
        for path in find_paths(field, arguments)
        if _can_fill(step, path, rule, defaults) and accepts_value(field, arguments, path, defaults)
    }
    for path in tag_paths(step, step_fields(step.definition_type)):
        own = step_tags(step, path)
        added = [{"Key": key, "Value": value} for key, value in known_tags.items() if key not in own]
        if added:
            existing = value_at(arguments, path)
            values[path] = [*(existing if existing is not ABSENT else ()), *added]
    return replace(step, arguments=put_values(arguments, values)) if values else step


def _can_fill(step: StepSpec, path: FieldPath, rule: Rule, defaults: Defaults) -> bool:
    """Return whether a field has no value, or only a default of dagcast that the rule does not allow."""
    value = value_at(step.arguments, path)
    if value is ABSENT or value is BLOCKED:
        return value is ABSENT
    origin = step.origins.get(("Arguments", *path))
    if origin is None or origin.kind != "default":
        return False
    resolved = [resolve_value(item, defaults) for item in as_items(value)]
    return not any(item is UNKNOWN or rule.allows(item) for item in resolved)
