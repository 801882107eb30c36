"""The rule for tags: missing tags and their values.

Steps inherit the tags of the pipeline, so that the user writes them once.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.plugin import FieldPath, PipelineSpec, RequestFields, StepSpec
from dagcast_guardrails.options import GuardrailOptions
from dagcast_guardrails.request_paths import ABSENT, find_paths, value_at


def missing_pipeline_tags(spec: PipelineSpec, options: GuardrailOptions) -> dict[str, str]:
    """Return the required tags with fixed values that the pipeline does not have."""
    own = dict(spec.tags)
    rules = options.required_tags.items()
    return {key: rule.value for key, rule in rules if rule.value is not None and key not in own}


def known_step_tags(options: GuardrailOptions, pipeline_tags: dict[str, str]) -> dict[str, str]:
    """Return the required tags with a known value for steps: the pipeline's, or a fixed one."""
    found = {}
    for key, rule in options.required_tags.items():
        value = pipeline_tags.get(key)
        if value is None or not rule.allows(value):
            value = rule.value
        if value is not None:
            found[key] = value
    return found


def step_tags(step: StepSpec, path: FieldPath) -> dict[str, object]:
    """Return the tags of a step by key."""
    tags = value_at(step.arguments, path)
    items = tags if isinstance(tags, (list, tuple)) else ()
    return {str(tag["Key"]): tag.get("Value") for tag in items if isinstance(tag, dict) and "Key" in tag}


def tag_paths(step: StepSpec, kind: RequestFields) -> Iterator[FieldPath]:
    """Yield the paths of the tags of a step; none if the service does not accept tags."""
    if kind.untagged_with is not None and kind.untagged_with in step.arguments:
        return
    for field in kind.tags:
        for path in find_paths(field, step.arguments):
            tags = value_at(step.arguments, path)
            if tags is ABSENT or isinstance(tags, (list, tuple)):
                yield path
