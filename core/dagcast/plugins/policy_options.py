"""Merge the options of one plugin: those that a site policy sets, those of the config, those that the policy fixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import AliasChoices, AliasPath, BaseModel

from dagcast.compile.config.merge import deep_merge
from dagcast.compile.config.validation_errors import LocateInConfig
from dagcast.errors import DiagnosticSink, Location
from dagcast.paths import FieldPath
from dagcast.plugins.site_policy import SitePolicy, is_same_value


def merge_options(
    plugin: str,
    model: type[BaseModel],
    given: Mapping[str, Any],
    *,
    policy: SitePolicy,
    locate: LocateInConfig,
    sink: DiagnosticSink,
) -> dict[str, Any]:
    """Return the options of a plugin: the policy's, overridden by the config's, overridden by those that are fixed.

    Args:
        plugin: The name of the plugin.
        model: The model of its options. It may give an option several spellings, which are one option here.
        given: The options in the config.
        policy: The site policy.
        locate: Returns the location of a path in the config.
        sink: Collects options of the config that differ from a fixed one.
    """
    fixed = policy.fixed.get(plugin, {})
    defaults = policy.options.get(plugin, {})
    if not fixed and not defaults:
        return dict(given)
    own = dict(given)
    for name, value in fixed.items():
        for spelling in _spellings(model, name):
            if spelling in own and (spelling != name or not is_same_value(own[spelling], value)):
                place = policy.locate(plugin, (name,))
                sink.error(
                    f"option {spelling!r} of plugin {plugin!r} differs from the value that the site policy "
                    f"{place} fixes",
                    locate(("plugins", "options", plugin, spelling), key=True),
                    code="plugin.fixed-option",
                    hint="remove the option",
                )
            own.pop(spelling, None)
    overridden = {
        spelling for name in (*own, *fixed) for spelling in _spellings(model, name) if spelling != name
    }
    kept = {name: value for name, value in defaults.items() if name not in overridden}
    return {**deep_merge(kept, own), **fixed}


def locate_option(
    plugin: str,
    given: Mapping[str, Any],
    policy: SitePolicy,
    locate: LocateInConfig,
    path: FieldPath,
    *,
    key: bool,
) -> Location:
    """Return the place of an option, in the config or in a site policy.

    Args:
        plugin: The name of the plugin.
        given: The options in the config.
        policy: The site policy.
        locate: Returns the location of a path in the config.
        path: The path of the value in the options. For a missing value: the closest place around it.
        key: Whether to return the location of the key.
    """
    in_config = ("plugins", "options", plugin, *path)
    if _has(given, path):
        return locate(in_config, key=key)
    for length in range(len(path), -1, -1):
        place = policy.locate(plugin, path[:length])
        if place is not None and not (length < len(path) and given and _has(given, path[:length])):
            return place
    return locate(in_config, key=key)


def _has(data: Any, path: FieldPath) -> bool:
    for part in path:
        if isinstance(data, Mapping):
            if part not in data:
                return False
        elif not (isinstance(data, (list, tuple)) and isinstance(part, int) and 0 <= part < len(data)):
            return False
        data = data[part]
    return True


def _spellings(model: type[BaseModel], name: str) -> tuple[str, ...]:
    """Return every way to write the option that is written ``name``: a second spelling does not circumvent a policy."""
    for field, info in model.model_fields.items():
        names = (field, *_alias_names(info.alias), *_alias_names(info.validation_alias))
        if name in names:
            return tuple(dict.fromkeys((name, *names)))
    return (name,)


def _alias_names(alias: str | AliasPath | AliasChoices | None) -> Iterator[str]:
    if isinstance(alias, AliasChoices):
        for choice in alias.choices:
            yield from _alias_names(choice)
    elif isinstance(alias, AliasPath):
        yield str(alias.path[0])
    elif alias is not None:
        yield alias
