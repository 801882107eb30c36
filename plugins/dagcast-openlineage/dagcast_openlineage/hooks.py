"""The hook implementations of the ``openlineage`` plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.plugin import CompileReport, PipelineConfig, hookimpl
from dagcast_openlineage.decorate import add_lineage
from dagcast_openlineage.observe import RunLineage
from dagcast_openlineage.options import LineageOptions
from dagcast_openlineage.sending import has_receiver


@hookimpl
def options_model() -> type[LineageOptions]:
    """Return the model of the options."""
    return LineageOptions


@hookimpl
def decorate_template_class(
    template_class: type, metadata: Mapping[str, Any], options: LineageOptions
) -> type:
    """Return a template class that sends events of its compile."""
    return add_lineage(template_class, metadata, options)


@hookimpl
def observe_run(config: PipelineConfig, report: CompileReport, options: LineageOptions) -> RunLineage | None:
    """Send events of a local run and of its steps."""
    return RunLineage(config, report, options) if has_receiver(options) else None
