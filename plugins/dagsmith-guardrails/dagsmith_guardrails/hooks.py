"""The hooks of the plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dagsmith.plugin import Diagnostic, Location, PipelineSpec, hookimpl
from dagsmith_guardrails.check import check
from dagsmith_guardrails.fill import fill
from dagsmith_guardrails.options import GuardrailOptions


@hookimpl
def options_model() -> type[GuardrailOptions]:
    """The company's rules."""
    return GuardrailOptions


@hookimpl
def transform_spec(spec: PipelineSpec, options: GuardrailOptions) -> PipelineSpec:
    """Fill in what is missing."""
    return fill(spec, options)


@hookimpl
def check_spec(
    spec: PipelineSpec, locate: Callable[[str, str], Location | None], options: GuardrailOptions
) -> Iterable[Diagnostic]:
    """Report what contradicts the rules."""
    return check(spec, options, locate)
