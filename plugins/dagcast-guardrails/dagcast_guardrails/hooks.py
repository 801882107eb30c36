"""The hook implementations of the ``guardrails`` plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dagcast.plugin import Diagnostic, FieldPath, Location, PipelineSpec, hookimpl
from dagcast_guardrails.check import check
from dagcast_guardrails.fill import fill
from dagcast_guardrails.options import GuardrailOptions


@hookimpl
def options_model() -> type[GuardrailOptions]:
    """Return the model of the options: the company's rules."""
    return GuardrailOptions


@hookimpl
def transform_spec(spec: PipelineSpec, options: GuardrailOptions) -> PipelineSpec:
    """Set missing fields from the rules."""
    return fill(spec, options)


@hookimpl
def check_spec(
    spec: PipelineSpec, locate: Callable[[str, FieldPath], Location | None], options: GuardrailOptions
) -> Iterable[Diagnostic]:
    """Report violations of the rules."""
    return check(spec, options, locate)
