"""Regional aliases: map ``NA``, ``EU`` or ``FE``, which MODS gives, to an environment of the config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.plugin import (
    ConfigLike,
    Diagnostic,
    DiagnosticSink,
    InvalidInputError,
    did_you_mean,
    open_config,
)
from mods_plugin.errors import PLUGIN_NAME

DEFAULT_ALIAS = "NA"


def find_environment(config_path: ConfigLike, alias: str) -> str | None:
    """Return the environment of the config that a regional alias selects.

    The option ``regional_aliases`` is used first, then an environment of the same name, ignoring case.

    Args:
        config_path: The config.
        alias: The regional alias, such as ``NA``.

    Returns:
        The name of the environment; ``None`` for the config without an environment.

    Raises:
        InvalidInputError: If the config cannot be read or has no environment for the alias.
    """
    sink = DiagnosticSink()
    opened = open_config(config_path, sink)
    if opened is None:
        raise InvalidInputError(sink.errors)
    document = opened.source.document
    environments = _mapping(document.data.get("environments"))
    path = ("plugins", "options", PLUGIN_NAME, "regional_aliases")
    aliases = _mapping(opened.plugins.options.get(PLUGIN_NAME, {}).get("regional_aliases"))
    wanted = aliases.get(alias)
    if isinstance(wanted, str):
        if wanted in environments:
            return wanted
        message = f"regional alias {alias!r} selects unknown environment {wanted!r}"
        place, hint = document.locate((*path, alias)), did_you_mean(wanted, environments)
        raise InvalidInputError([Diagnostic(message, place, code="mods.unknown-environment", hint=hint)])
    exact = [name for name in environments if name == alias] or [
        name for name in environments if name.casefold() == alias.casefold()
    ]
    if exact:
        return str(exact[0])
    if alias == DEFAULT_ALIAS:
        return None
    known = [*aliases, *environments]
    hint = (
        did_you_mean(alias, known)
        or f"add environment {alias!r}, or map it in plugins.options.mods.regional_aliases"
    )
    message = f"the config has no environment for the regional alias {alias!r}"
    place = document.locate(("environments",))
    raise InvalidInputError([Diagnostic(message, place, code="mods.unknown-environment", hint=hint)])


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
