"""The passes: plugins change the pipeline one after the other, and check what came of it."""

from __future__ import annotations

from collections.abc import Callable

from dagcast.compile.spec.changes import Change
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.errors import Diagnostic, DiagnosticSink, Location
from dagcast.plugins.active import PluginSet
from dagcast.plugins.calls import Metadata, items
from dagcast.plugins.provenance import attribute
from dagcast.plugins.sound import sound_spec


def transform(
    plugins: PluginSet, spec: PipelineSpec, metadata: Metadata
) -> tuple[PipelineSpec, tuple[Change, ...]]:
    """Let each plugin change the pipeline that the one before it returned; each change is attributed.

    Raises:
        PluginError: If a plugin fails, or returns something else than a whole pipeline.
    """
    hook = "transform_spec"
    changes: list[Change] = []
    for active in plugins.implementing(hook):
        result = active.call(hook, spec=spec, metadata=metadata.values)
        spec, found = attribute(active.name, spec, sound_spec(active, hook, spec, result))
        changes += found
    return spec, tuple(changes)


def check(
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
    for active in plugins.implementing(hook):
        given = active.call(hook, spec=spec, locate=locate, metadata=metadata.values)
        found = items(active, hook, given, Diagnostic)
        active.check_diagnostics(found, hook)
        sink.extend(found)
