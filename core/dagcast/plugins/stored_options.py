"""Mask the secrets in options that are stored: those of a config in a registry, and those of an old registry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from dagcast.errors import DagcastError
from dagcast.plugins.load import load_plugin
from dagcast.plugins.options import options_model
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.scan import scan_plugins
from dagcast.plugins.secret_options import MASK, mask_given

_WORDS = frozenset(
    {"secret", "secrets", "token", "password", "passwd", "passphrase", "apikey", "credential", "credentials"}
)
_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key")})
_REFERENCES = frozenset(
    {"variable", "var", "name", "file", "path", "arn", "id", "url", "header", "seconds", "type"}
)
"""The last word of names that say where a secret is, not what it is."""


def mask_options_of(plugins: PluginSet, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a config as they can be stored: those of the plugins that run, without secret values.

    Args:
        plugins: The plugins of the compile.
        options: The options of the config, by plugin.
    """
    models = {plugin.name: type(plugin.options) for plugin in plugins.plugins}
    return {
        name: mask_given(models[name], given) if isinstance(given, Mapping) else given
        for name, given in options.items()
        if name in models
    }


def mask_stored_options(names: Iterable[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options that were stored with their secrets, without them.

    A plugin that is installed says which of its options are secret. It is imported for that. For all plugins, options
    with a name such as ``token`` or ``api_key`` are masked as well.

    Args:
        names: The plugins that the options were stored for. Options of others are left out: they have no effect.
        options: The options, by plugin.
    """
    wanted = set(names)
    return {
        name: _mask_by_name(_mask_by_model(name, given))
        for name, given in options.items()
        if name in wanted and isinstance(given, Mapping)
    }


def _mask_by_model(name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        model: type[BaseModel] = options_model(load_plugin(name, scan_plugins()))
    # The plugin may be gone since then.
    except DagcastError:
        return given
    return mask_given(model, given)


def _mask_by_name(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: MASK if isinstance(item, str) and _is_secret_name(str(key)) else _mask_by_name(item)
            for key, item in value.items()
        }
    return list(map(_mask_by_name, value)) if isinstance(value, list) else value


def _is_secret_name(name: str) -> bool:
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    lower = [word.lower() for word in words]
    if not lower or lower[-1] in _REFERENCES:
        return False
    return bool(_WORDS.intersection(lower)) or bool(_PAIRS.intersection(pairwise(lower)))
