"""Filling in what is missing. What the user wrote stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dagsmith.plugin import PipelineSpec, StepSpec
from dagsmith_guardrails.options import GuardrailOptions
from dagsmith_guardrails.places import ABSENT, BLOCKED, Path, put, spell, value_at
from dagsmith_guardrails.requests import KINDS
from dagsmith_guardrails.rules import Rule, rules_of
from dagsmith_guardrails.tags import missing_pipeline_tags, missing_step_tags, tag_paths
from dagsmith_guardrails.values import UNKNOWN, Defaults, defaults_of, items, known


def fill(spec: PipelineSpec, options: GuardrailOptions) -> PipelineSpec:
    """The pipeline with what the rules ask for wherever nothing is there."""
    rules, defaults = rules_of(options), defaults_of(spec)
    tags = (*spec.tags, *missing_pipeline_tags(spec, options).items())
    return replace(
        spec,
        tags=tags,
        steps=tuple(_filled(step, rules, options, dict(tags), defaults) for step in spec.steps),
    )


def _filled(
    step: StepSpec,
    rules: tuple[Rule, ...],
    options: GuardrailOptions,
    pipeline_tags: dict[str, str],
    defaults: Defaults,
) -> StepSpec:
    kind = KINDS.get(step.definition_type)
    if kind is None:
        return step
    values: dict[Path, Any] = {}
    for rule in rules:
        for place in rule.places(kind):
            value = rule.fill_at(place)
            if value is not None:
                for path in place.paths(step.arguments):
                    if _is_open(step, path, rule, defaults) and place.takes_value(
                        step.arguments, path, defaults
                    ):
                        values[path] = value
    for path in tag_paths(step, kind):
        missing = missing_step_tags(step, path, options, pipeline_tags)
        if missing:
            own = value_at(step.arguments, path)
            added = [{"Key": key, "Value": value} for key, value in missing.items()]
            values[path] = [*(own if own is not ABSENT else ()), *added]
    if not values:
        return step
    arguments = step.arguments
    for path, value in values.items():
        arguments = put(arguments, path, value)
    return replace(step, arguments=arguments)


def _is_open(step: StepSpec, path: Path, rule: Rule, defaults: Defaults) -> bool:
    """Whether there is nothing, or only a default of dagsmith's that the rule does not allow."""
    value = value_at(step.arguments, path)
    if value is ABSENT or value is BLOCKED:
        return value is ABSENT
    origin = step.origins.get(f"Arguments.{spell(path)}")
    if origin is None or origin.kind != "default":
        return False
    settled = [known(item, defaults) for item in items(value)]
    return not any(item is UNKNOWN or rule.allows(item) for item in settled)
