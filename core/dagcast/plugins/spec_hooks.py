"""The passes: plugins change the pipeline one after the other, and check what came of it."""

from __future__ import annotations

from collections.abc import Callable

from dagcast.compile.spec.changes import Change
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.errors import Diagnostic, DiagnosticSink, Location
from dagcast.plugins.attribute_changes import attribute_changes
from dagcast.plugins.call_hooks import Metadata, validate_items
from dagcast.plugins.configured import PluginSet
from dagcast.plugins.validate import validate_spec


def transform_spec(
    plugins: PluginSet, spec: PipelineSpec, metadata: Metadata
) -> tuple[PipelineSpec, tuple[Change, ...]]:
    """Let each plugin change the pipeline that the one before it returned; each change is attributed.

    Raises:
        PluginError: If a plugin fails, or returns something else than a whole pipeline.
    """
    hook = "transform_spec"
    changes: list[Change] = []
    for plugin in plugins.implementing(hook):
        result = plugin.call(hook, spec=spec, metadata=metadata.values)
        spec, found = attribute_changes(plugin.name, spec, validate_spec(plugin, hook, spec, result))
        changes += found
    return spec, tuple(changes)


def check_spec(
    plugins: PluginSet,
    spec: PipelineSpec,
    metadata: Metadata,
    locate: Callable[[str, str], Location | None],
    sink: DiagnosticSink,
) -> None:
    """Ask each plugin what is wrong with the pipeline, and collect it.

    Raises:
        PluginError: If a plugin fails, or gives something else than diagnostics.
    """
    hook = "check_spec"
    for plugin in plugins.implementing(hook):
        given = plugin.call(hook, spec=spec, locate=locate, metadata=metadata.values)
        found = validate_items(plugin, hook, given, Diagnostic)
        plugin.validate_diagnostics(found, hook)
        sink.extend(found)
