"""Call the hooks of a compile: plugins add parameters, transform the pipeline in order, and check the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dagcast.check.rules.rule import Rule
from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.spec.changes import Change
from dagcast.compile.spec.metadata import Metadata
from dagcast.compile.spec.pipeline import ParameterSpec, PipelineSpec
from dagcast.errors import Diagnostic, DiagnosticSink, Location
from dagcast.paths import FieldPath
from dagcast.plugins.call_hooks import collect_parameters, collect_rules, validate_items
from dagcast.plugins.plugin_set import PluginSet


class PluginCompileHooks:
    """The hooks of the configured plugins that work on a pipeline while it compiles.

    Implements :class:`dagcast.compile.compile_pipeline.CompileHooks`.

    Args:
        plugins: The plugins, in order.
        metadata: The pipeline's metadata, which every hook receives.
    """

    def __init__(self, plugins: PluginSet, metadata: Metadata) -> None:
        self._plugins = plugins
        self._metadata = metadata

    def lock(self) -> tuple[Mapping[str, Any], ...]:
        """Return the entry of each plugin in the plugin lock."""
        return tuple(self._plugins.lock())

    def policies(self) -> tuple[Mapping[str, Any], ...]:
        """Return the files of the site policy that holds, as JSON data."""
        return self._plugins.policy.as_data()

    def collect_parameters(
        self, config: PipelineConfig
    ) -> tuple[tuple[ParameterSpec, ...], tuple[Change, ...]]:
        """Collect the parameters that plugins add; see :mod:`dagcast.plugins.call_hooks`."""
        return collect_parameters(self._plugins, config, self._metadata)

    def transform_spec(self, spec: PipelineSpec) -> tuple[PipelineSpec, tuple[Change, ...]]:
        """Pass the pipeline through ``transform_spec`` of each plugin, in order, and attribute each change.

        Returns:
            The transformed pipeline, and the changes.

        Raises:
            PluginError: If a plugin fails, or returns an invalid pipeline.
        """
        hook = "transform_spec"
        changes: list[Change] = []
        for plugin in self._plugins.implementing(hook):
            from dagcast.plugins.attribute_changes import attribute_changes
            from dagcast.plugins.validate_spec import validate_spec

            result = plugin.call(hook, spec=spec, metadata=self._metadata.values)
            spec, found = attribute_changes(plugin.name, spec, validate_spec(plugin, hook, spec, result))
            for change in found:
                plugin.refuse_secrets(change.new, "the pipeline", hook)
            changes += found
        return spec, tuple(changes)

    def collect_rules(self) -> tuple[Rule, ...]:
        """Collect the rules that plugins register; see :mod:`dagcast.plugins.call_hooks`."""
        return collect_rules(self._plugins)

    def check_spec(
        self, spec: PipelineSpec, locate: Callable[[str, FieldPath], Location | None], sink: DiagnosticSink
    ) -> None:
        """Call ``check_spec`` of each plugin and collect the diagnostics.

        Raises:
            PluginError: If a plugin fails, or returns anything but diagnostics.
        """
        hook = "check_spec"
        for plugin in self._plugins.implementing(hook):
            given = plugin.call(hook, spec=spec, locate=locate, metadata=self._metadata.values)
            found = validate_items(plugin, hook, given, Diagnostic)
            plugin.validate_diagnostics(found, hook)
            sink.extend(plugin.redact_diagnostics(found) if plugin.secrets else found)
