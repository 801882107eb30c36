"""A valid plugin that runs together with the plugin under test and changes the pipeline with each hook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dagcast.plugin import ParameterSpec, PipelineSpec, StepSpec, freeze, hookimpl

STEP = StepSpec(
    name="companion",
    step_type="Fail",
    definition_type="Fail",
    arguments=freeze({"ErrorMessage": "A step of another plugin."}),
)
PARAMETER = ParameterSpec("CompanionParameter", "String", "a parameter of another plugin")
TAG = ("companion", "a tag of another plugin")


class Registering(type):
    """The metaclass of the mixin, which conflicts with that of the template class."""


class CompanionMixin(metaclass=Registering):
    """The mixin with which the plugin decorates the template class."""


class Companion:
    """The plugin."""

    name = "companion"

    @hookimpl
    def extract_metadata(self) -> dict[str, Any]:
        """Return a key that no other plugin uses."""
        return {"companion": {"active": True}}

    @hookimpl
    def decorate_template_class(self, template_class: type, metadata: Mapping[str, Any]) -> type:
        """Decorate like a library without support for dagcast."""

        class Wrapped(template_class, CompanionMixin):  # type: ignore[misc]
            companion = metadata["companion"]

        return Wrapped

    @hookimpl
    def pipeline_parameters(self) -> list[ParameterSpec]:
        """Add a parameter."""
        return [PARAMETER]

    @hookimpl
    def transform_spec(self, spec: PipelineSpec) -> PipelineSpec:
        """Add a step and a tag."""
        return replace(spec, steps=(*spec.steps, STEP), tags=(*spec.tags, TAG))
