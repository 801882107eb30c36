"""The hooks of the plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagsmith.plugin import hookimpl
from dagsmith_openlineage.decorate import decorated
from dagsmith_openlineage.options import LineageOptions


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
