"""The hooks of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.plugin import CompileReport, PipelineConfig, hookimpl
from dagcast_openlineage.decorate import decorated
from dagcast_openlineage.observe import RunLineage
from dagcast_openlineage.options import LineageOptions
from dagcast_openlineage.sending import is_heard


@hookimpl
def options_model() -> type[LineageOptions]:
    """Where events go, and the names they carry."""
    return LineageOptions


@hookimpl
def decorate_template_class(
    template_class: type, metadata: Mapping[str, Any], options: LineageOptions
) -> type:
    """Derive a template class that tells of each compile."""
    return decorated(template_class, metadata, options)


@hookimpl
def observe_run(config: PipelineConfig, report: CompileReport, options: LineageOptions) -> RunLineage | None:
    """Tell of a run and of the runs of its steps."""
    return RunLineage(config, report, options) if is_heard(options) else None
