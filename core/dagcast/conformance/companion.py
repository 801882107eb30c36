"""A plugin that the one under test runs beside: it uses every way of changing a pipeline, and keeps to the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dagcast.plugin import ParameterSpec, PipelineSpec, StepSpec, freeze, hookimpl

STEP = StepSpec("neighbour", "Fail", "Fail", freeze({"ErrorMessage": "A step of another plugin."}))
PARAMETER = ParameterSpec("NeighbourParameter", "String", "a parameter of another plugin")
TAG = ("neighbour", "a tag of another plugin")


class Registering(type):
    """A metaclass of another plugin's mixin, which template classes have to be reconciled with."""


class NeighbourMixin(metaclass=Registering):
    """The mixin of another plugin."""


class Companion:
    """The plugin."""

    name = "neighbour"

    @hookimpl
    def extract_metadata(self) -> dict[str, Any]:
        """Give a key of its own."""
        return {"neighbour": {"is": "there"}}

    @hookimpl
    def decorate_template_class(self, template_class: type, metadata: Mapping[str, Any]) -> type:
        """Decorate as those do who never heard of dagcast."""

        class Wrapped(template_class, NeighbourMixin):  # type: ignore[misc]
            neighbour = metadata["neighbour"]

        return Wrapped

    @hookimpl
    def pipeline_parameters(self) -> list[ParameterSpec]:
        """Add a parameter."""
        return [PARAMETER]

    @hookimpl
    def transform_spec(self, spec: PipelineSpec) -> PipelineSpec:
        """Add a step and a tag."""
        return replace(spec, steps=(*spec.steps, STEP), tags=(*spec.tags, TAG))
