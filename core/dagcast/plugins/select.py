"""Select the plugins that run, in which order, and record why.

The first of these sources that is given decides the whole list: the ``plugins`` argument of the API, ``--plugin``, the
variable ``DAGCAST_PLUGINS``, ``plugins.enable`` of the config, and the plugins active on installation, by name.
``--no-plugin`` removes a name and ``--no-plugins`` all. ``plugins.disable`` removes names from the list of the config
and from those that are active on installation.
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
    """The caller's selection of plugins, besides the config.

    Attributes:
        plugins: The ``plugins`` argument of the API: names and plugin objects in order; ``None`` if not given.
        enabled: Names passed with ``--plugin``, in order.
        disabled: Names passed with ``--no-plugin``.
        none: Whether ``--no-plugins`` is given.
        required: Names that always run, before the others.

    Example:
        >>> PluginRequest(enabled=("owner",), disabled=("mods",)).disabled
        ('mods',)
        >>> PluginRequest(none=True).none
        True
    """

    plugins: tuple[Any, ...] | None = None
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    none: bool = False
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """The selected plugins.

    Attributes:
        chosen: Names and plugin objects, in the order in which they run.
        source: The source that decided the list, as messages name it.
        excluded: By name: why a requested plugin, or one active on installation, does not run.
    """

    chosen: tuple[Any, ...]
    source: str
    excluded: Mapping[str, str] = field(default_factory=dict)

    def reason(self, name: str) -> str:
        """Return why the plugin of that name runs or does not run."""
        if name in self.chosen:
            return self.source
        if self.source == AUTOLOAD:
            return self.excluded.get(name, "nothing selects it, and it is not active on installation")
        return self.excluded.get(name, f"{self.source} does not name it")


def select_plugins(
    request: PluginRequest, config: PluginsConfig, installed: InstalledPlugins, environment: Mapping[str, str]
) -> Selection:
    """Select the plugins that run, in order.

    Args:
        request: The caller's selection.
        config: The ``plugins`` section of the config.
        installed: The installed plugins.
        environment: The environment variables.
    """
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
    excluded: dict[str, str] = {}
    if names is not automatic:
        excluded.update(dict.fromkeys(automatic, f"it is active on installation, but {source} decides"))
    disabled = set(request.disabled)
    excluded.update(dict.fromkeys(request.disabled, "--no-plugin"))
    if names is config.enable or names is automatic:
        disabled.update(config.disable)
        excluded.update(dict.fromkeys(config.disable, "plugins.disable of the config"))
    chosen = _deduplicate(item for item in names if not (is_instance(item, str) and item in disabled))
    present = {item if is_instance(item, str) else stated_name(item) for item in chosen}
    chosen = (*(name for name in request.required if name not in present), *chosen)
    for name in chosen:
        if is_instance(name, str):
            excluded.pop(name, None)
    return Selection(chosen, source, excluded)


def _deduplicate(items: Iterable[Any]) -> tuple[Any, ...]:
    chosen: list[Any] = []
    for item in items:
        names = [other for other in chosen if is_instance(other, str)]
        if not (item in names if is_instance(item, str) else any(item is other for other in chosen)):
            chosen.append(item)
    return tuple(chosen)
