"""Regional aliases: MODS says ``NA``, ``EU`` or ``FE``, and the config has an environment for it."""

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
from mods_plugin.failure import PLUGIN

DEFAULT_ALIAS = "NA"


def environment_of(config_path: ConfigLike, alias: str) -> str | None:
    """The environment of the config that a regional alias selects; ``None`` for the config itself.

    Raises:
        InvalidInputError: If the config cannot be read, or has no environment for the alias.
    """
    sink = DiagnosticSink()
    opened = open_config(config_path, sink)
    if opened is None:
        raise InvalidInputError(sink.errors)
    document = opened.source.document
    environments = _mapping(document.data.get("environments"))
    path = ("plugins", "options", PLUGIN, "regional_aliases")
    aliases = _mapping(opened.plugins.options.get(PLUGIN, {}).get("regional_aliases"))
    wanted = aliases.get(alias)
    if isinstance(wanted, str):
        if wanted in environments:
            return wanted
        message = f"regional alias {alias!r} stands for environment {wanted!r}, which there is not"
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
        or f"add an environment {alias!r}, or plugins.options.mods.regional_aliases"
    )
    message = f"the config has no environment for the regional alias {alias!r}"
    place = document.locate(("environments",))
    raise InvalidInputError([Diagnostic(message, place, code="mods.unknown-environment", hint=hint)])


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
