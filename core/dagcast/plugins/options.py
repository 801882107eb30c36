"""Validate the options of plugins: the model that each plugin declares, and the values that the config holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from dagcast.compile.config.validation_errors import LocateInConfig, report_validation
from dagcast.errors import DiagnosticSink, PluginError, did_you_mean
from dagcast.plugins.configured import ConfiguredPlugin, NoOptions
from dagcast.plugins.load import Plugin, adopt_plugin, error_of_required, load_plugin
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.policy_options import locate_option, merge_options
from dagcast.plugins.safe_inspect import format_exception, is_instance, safe_repr
from dagcast.plugins.scan import InstalledPlugins
from dagcast.plugins.secret_options import given_secrets, redact
from dagcast.plugins.select import Selection
from dagcast.plugins.site_policy import NO_POLICY, SitePolicy

HOOK = "options_model"


def configure_plugins(
    selection: Selection,
    options: Mapping[str, Mapping[str, Any]],
    installed: InstalledPlugins,
    locate: LocateInConfig,
    sink: DiagnosticSink,
    *,
    policy: SitePolicy = NO_POLICY,
) -> PluginSet:
    """Load the selected plugins and validate their options.

    Args:
        selection: The plugins to load, in order.
        options: The options of each plugin, by its name, as the config holds them.
        installed: The installed plugins.
        locate: Returns the location of a path in the config.
        sink: Collects mistakes in the options.
        policy: The site policy, which sets and fixes options as well.

    Raises:
        PluginError: If a plugin is missing or broken.
    """
    loaded = [
        _load(item, installed, policy) if is_instance(item, str) else adopt_plugin(item)
        for item in selection.chosen
    ]
    names = [plugin.name for plugin in loaded]
    for plugin in loaded:
        if names.count(plugin.name) > 1:
            raise plugin.error("two selected plugins have this name", "keep one of them, or rename it")
    for name in options:
        if name not in names and name not in installed.names:
            hint = did_you_mean(name, {*names, *installed.names}) or "no plugin is installed"
            message = f"options for unknown plugin {name!r}"
            sink.error(
                message, locate(("plugins", "options", name), key=True), code="plugin.unknown", hint=hint
            )
    configured = [
        _configure(plugin, options.get(plugin.name, {}), policy=policy, locate=locate, sink=sink)
        for plugin in loaded
    ]
    return PluginSet(tuple(configured), selection, policy)


def _load(name: str, installed: InstalledPlugins, policy: SitePolicy) -> Plugin:
    place = policy.required.get(name)
    try:
        return replace(load_plugin(name, installed), required_by=place)
    except PluginError as error:
        if place is None:
            raise
        raise error_of_required(error, place) from error.__cause__


def options_model(plugin: Plugin) -> type[BaseModel]:
    """Return the model of a plugin's options: an empty model if it declares none.

    Raises:
        PluginError: If the hook does not return a pydantic model that forbids unknown fields.
    """
    if HOOK not in plugin.hooks:
        return NoOptions
    model = ConfiguredPlugin(plugin, NoOptions()).call(HOOK)
    if not (is_instance(model, type) and issubclass(model, BaseModel)):
        returned = "nothing" if model is None else f"{safe_repr(model)}, expected a pydantic model"
        remedy = "return a class that is derived from pydantic.BaseModel"
        raise plugin.error(f"it returned {returned}", remedy, HOOK)
    if model.model_config.get("extra") != "forbid":
        problem = f"{model.__name__} accepts unknown options, so a misspelt option is not reported"
        raise plugin.error(problem, 'set extra="forbid" in its model_config', HOOK)
    return model


def options_schema(plugin: Plugin) -> dict[str, Any]:
    """Return the JSON Schema of a plugin's options.

    Raises:
        PluginError: If the hook does not return a pydantic model, or the model has no JSON Schema.
    """
    model = options_model(plugin)
    try:
        return model.model_json_schema()
    # Types of the plugin may customize their schema, and raise any exception.
    except Exception as error:
        problem = f"its options have no JSON Schema: {format_exception(error)}"
        raise plugin.error(problem, f"give {model.__name__} only types that JSON has", HOOK) from error


def _configure(
    plugin: Plugin,
    given: Mapping[str, Any],
    *,
    policy: SitePolicy,
    locate: LocateInConfig,
    sink: DiagnosticSink,
) -> ConfiguredPlugin:
    model = options_model(plugin)
    options = merge_options(plugin.name, model, given, policy=policy, locate=locate, sink=sink)
    hidden = given_secrets(model, options)
    try:
        configured = ConfiguredPlugin(plugin, model.model_validate(options))
        # Compute the digest now, to report options that are not JSON data before any hook runs.
        _ = configured.options_digest
    except ValidationError as error:
        subject = f"options of plugin {plugin.name!r}"
        found = DiagnosticSink()
        report_validation(
            error,
            subject,
            model,
            lambda tail, *, key=False: locate_option(plugin.name, given, policy, locate, tail, key=key),
            found,
        )
        sink.extend(
            replace(item, message=redact(item.message, hidden), hint=item.hint and redact(item.hint, hidden))
            for item in found.diagnostics
        )
        return ConfiguredPlugin(plugin, NoOptions())
    except KeyboardInterrupt:
        raise
    # The plugin's validators are third-party code.
    except BaseException as error:
        problem = "its options cannot be validated and written as JSON: "
        problem += format_exception(error, lambda text: redact(text, hidden))
        raise plugin.error(problem, f"fix the model {model.__name__}", HOOK) from error
    return configured
