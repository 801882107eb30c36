"""Choosing plugins: which of those installed run, in which order, and why.

The first of these that says anything decides the whole list: the ``plugins`` argument of the API, ``--plugin``,
the variable ``DAGCAST_PLUGINS``, ``plugins.enable`` of the config; and if none does, the plugins that ask to be
active on installation, by name. ``--no-plugin`` takes names out of it and ``--no-plugins`` all; ``plugins.disable``
takes names out of the list of the config, and of those that are active on installation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dagcast.plugins.load import stated_name
from dagcast.plugins.safe_inspect import is_instance
from dagcast.plugins.scan import InstalledPlugins

if TYPE_CHECKING:
    from dagcast.compile.config.models import PluginsConfig

PLUGINS_VARIABLE = "DAGCAST_PLUGINS"
AUTOLOAD = "active on installation"


@dataclass(frozen=True)
class PluginRequest:
    """What a caller asks for, beside the config.

    Attributes:
        plugins: The ``plugins`` argument of the API: names and plugin objects in order; ``None`` says nothing.
        enabled: Names given by ``--plugin``, in order.
        disabled: Names given by ``--no-plugin``.
        none: Whether ``--no-plugins`` is given.
        required: Names that run whatever else is chosen, before the others.
    """

    plugins: tuple[Any, ...] | None = None
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    none: bool = False
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """The outcome.

    Attributes:
        chosen: Names and plugin objects, in the order in which they run.
        source: What decided the list, in words.
        left_out: By name: why a plugin that was asked for, or asks to be active, does not run.
    """

    chosen: tuple[Any, ...]
    source: str
    left_out: Mapping[str, str] = field(default_factory=dict)

    def reason(self, name: str) -> str:
        """Why the plugin of that name runs or does not."""
        if name in self.chosen:
            return self.source
        if self.source == AUTOLOAD:
            return self.left_out.get(
                name, "nothing asks for it, and it does not ask to be active on installation"
            )
        return self.left_out.get(name, f"{self.source} does not name it")


def select_plugins(
    request: PluginRequest, config: PluginsConfig, installed: InstalledPlugins, environment: Mapping[str, str]
) -> Selection:
    """Decide which plugins run, in which order."""
    automatic = tuple(entry.name for entry in installed.entries if entry.autoload)
    if request.none:
        rest = (name for name in automatic if name not in request.required)
        return Selection(request.required, "--no-plugins", dict.fromkeys(rest, "--no-plugins"))
    listed = [name.strip() for name in environment.get(PLUGINS_VARIABLE, "").split(",") if name.strip()]
    sources: Sequence[tuple[str, Sequence[Any] | None]] = (
        ("the plugins argument", request.plugins),
        ("--plugin", request.enabled or None),
        (PLUGINS_VARIABLE, listed or None),
        ("plugins.enable of the config", config.enable),
        (AUTOLOAD, automatic),
    )
    source, names = next((source, names) for source, names in sources if names is not None)
    left_out: dict[str, str] = {}
    if names is not automatic:
        left_out.update(dict.fromkeys(automatic, f"it is active on installation, but {source} decides"))
    barred = set(request.disabled)
    left_out.update(dict.fromkeys(request.disabled, "--no-plugin"))
    if names is config.enable or names is automatic:
        barred.update(config.disable)
        left_out.update(dict.fromkeys(config.disable, "plugins.disable of the config"))
    chosen = _unique(item for item in names if not (is_instance(item, str) and item in barred))
    present = {item if is_instance(item, str) else stated_name(item) for item in chosen}
    chosen = (*(name for name in request.required if name not in present), *chosen)
    for name in chosen:
        if is_instance(name, str):
            left_out.pop(name, None)
    return Selection(chosen, source, left_out)


def _unique(items: Iterable[Any]) -> tuple[Any, ...]:
    chosen: list[Any] = []
    for item in items:
        names = [other for other in chosen if is_instance(other, str)]
        if not (item in names if is_instance(item, str) else any(item is other for other in chosen)):
            chosen.append(item)
    return tuple(chosen)
