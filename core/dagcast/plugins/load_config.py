"""Read a config with the plugins that it selects: they add the step types that its steps are validated with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dagcast.compile.config.config import ConfigLike, OpenedConfig, PipelineConfig, open_config
from dagcast.compile.config.validate_config import validate_config
from dagcast.compile.steps.catalog import StepCatalog
from dagcast.errors import Diagnostic, DiagnosticSink, InvalidInputError, Location, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.gc_pause import pause_gc
from dagcast.plugins.activate import choose_plugins
from dagcast.plugins.call_hooks import collect_step_types
from dagcast.plugins.foreign_output import foreign_output
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.scan import InstalledPlugins
from dagcast.plugins.select import PluginRequest
from dagcast.staging.code_limit import CodeLimit


@dataclass(frozen=True)
class LoadedConfig:
    """A config and its plugins.

    Attributes:
        config: The typed config, or ``None`` if it cannot be read.
        plugins: The plugins that run, in order.
        diagnostics: The errors and warnings of both.
    """

    config: PipelineConfig | None
    plugins: PluginSet
    diagnostics: tuple[Diagnostic, ...]


@pause_gc()
@foreign_output()
def load_config(
    source: ConfigLike,
    request: PluginRequest,
    *,
    env: str | None = None,
    code_limit: CodeLimit | None = None,
    local: bool = False,
) -> LoadedConfig:
    """Read a config, load the plugins that the caller and the config select, and validate the config.

    Args:
        source: A config file, or the same content as a mapping or pydantic model.
        request: The caller's selection of plugins.
        env: The environment of the config to merge over it.
        code_limit: The only folder that code is read from, for a config that is not trusted.
        local: Whether the pipeline is compiled to run on this machine alone.

    Raises:
        PluginError: If a plugin is missing or broken.
    """
    sink = DiagnosticSink()
    opened = open_config(source, sink, env=env)
    if opened is None:
        return LoadedConfig(None, PluginSet(), tuple(sink.diagnostics))
    opened = replace(opened, code_limit=code_limit, local=local)
    try:
        chosen = choose_plugins(request, opened.plugins, opened.source.locate)
    except InvalidInputError as error:
        # Without its plugins, a config has other step types and options: what follows would be noise.
        sink.extend(error.diagnostics)
        return LoadedConfig(None, PluginSet(), tuple(sink.diagnostics))
    if request.required or not request.none:
        _warn_of_unknown_disabled(request.disabled, opened, chosen.installed, sink)
    plugins = chosen.load(sink)
    config = validate_config(opened, sink, StepCatalog(collect_step_types(plugins)))
    config = replace(config, warnings=sink.warnings)
    return LoadedConfig(config, plugins, tuple(sink.diagnostics))


def _warn_of_unknown_disabled(
    disabled: Iterable[str], opened: OpenedConfig, installed: InstalledPlugins, sink: DiagnosticSink
) -> None:
    """Warn of disabled plugins that are not installed, since a misspelt name disables nothing."""
    places: list[tuple[str, Location | None]] = [(name, None) for name in disabled]
    for index, name in enumerate(opened.plugins.disable):
        places.append((name, opened.source.locate(("plugins", "disable", index))))
    for name, location in places:
        if name not in installed.names:
            hint = did_you_mean(name, installed.names)
            message = f"disabled plugin {name!r} is not installed"
            sink.warn(message, location, code="plugin.unknown", hint=hint)
