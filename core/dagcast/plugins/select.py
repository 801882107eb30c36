"""Select the plugins that run, in which order, and record why.

The first of these sources that is given decides the whole list: the ``plugins`` argument of the API, ``--plugin``, the
variable ``DAGCAST_PLUGINS``, ``plugins.enable`` of the config, and the plugins active on installation, by name.
``--no-plugin`` removes a name and ``--no-plugins`` all. ``plugins.disable`` removes names from the list of the config
and from those that are active on installation.

A site policy stands above all of these. Its ``enable`` decides if the config has none, its required plugins join any
list of the config, and it refuses a selection that turns one of them off or names a forbidden one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from dagcast.errors import DiagnosticSink
from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.object_name import object_name, stated_name
from dagcast.plugins.safe_inspect import is_instance
from dagcast.plugins.scan import InstalledPlugins
from dagcast.plugins.site_policy import NO_POLICY, SitePolicy

if TYPE_CHECKING:
    from dagcast.compile.config.models import PluginsConfig
    from dagcast.compile.config.validation_errors import LocateInConfig

PLUGINS_VARIABLE = "DAGCAST_PLUGINS"
AUTOLOAD = "active on installation"
NO_PLUGINS = "--no-plugins"
_API = "the plugins argument"
_FLAG = "--plugin"
_CONFIG = "plugins.enable of the config"
_POLICY = "plugins.enable of the site policy"
_CALLER = frozenset({_API, _FLAG, PLUGINS_VARIABLE})
"""Sources of one call. A list that leaves a required plugin out is refused: whoever wrote it can add the name."""


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
        added: By name: why a plugin runs that the source does not name.
    """

    chosen: tuple[Any, ...]
    source: str
    excluded: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)

    def reason(self, name: str) -> str:
        """Return why the plugin of that name runs or does not run."""
        if name in self.chosen:
            return self.added.get(name, self.source)
        if self.source == AUTOLOAD:
            return self.excluded.get(name, "nothing selects it, and it is not active on installation")
        return self.excluded.get(name, f"{self.source} does not name it")


def select_plugins(
    request: PluginRequest,
    config: PluginsConfig,
    installed: InstalledPlugins,
    environment: Mapping[str, str],
    *,
    policy: SitePolicy = NO_POLICY,
    locate: LocateInConfig | None = None,
) -> Selection:
    """Select the plugins that run, in order.

    Args:
        request: The caller's selection.
        config: The ``plugins`` section of the config.
        installed: The installed plugins.
        environment: The environment variables.
        policy: The site policy.
        locate: Returns the location of a path in the config.

    Raises:
        InvalidInputError: If the selection contradicts the site policy, with every contradiction.
    """
    automatic = tuple(entry.name for entry in installed.entries if entry.autoload)
    listed = [name.strip() for name in environment.get(PLUGINS_VARIABLE, "").split(",") if name.strip()]
    sources: Sequence[tuple[str, Sequence[Any] | None]] = (
        (NO_PLUGINS, () if request.none else None),
        (_API, request.plugins),
        (_FLAG, request.enabled or None),
        (PLUGINS_VARIABLE, listed or None),
        (_CONFIG, config.enable),
        (_POLICY, policy.enable),
        (AUTOLOAD, automatic),
    )
    source, names = next((source, names) for source, names in sources if names is not None)
    _check_policy(request, config, source, names, installed=installed, policy=policy, locate=locate)
    excluded: dict[str, str] = {}
    if source != AUTOLOAD:
        reason = source if request.none else f"it is active on installation, but {source} decides"
        excluded.update(dict.fromkeys(automatic, reason))
    disabled = set(request.disabled)
    excluded.update(dict.fromkeys(request.disabled, "--no-plugin"))
    if source in (_POLICY, AUTOLOAD):
        disabled.update(policy.disable)
        excluded.update({name: f"disabled by the site policy {at}" for name, at in policy.disable.items()})
    if source in (_CONFIG, _POLICY, AUTOLOAD):
        disabled.update(config.disable)
        excluded.update(dict.fromkeys(config.disable, "plugins.disable of the config"))
    forbidden = dict(policy.forbidden)
    if source == AUTOLOAD:
        codes = {name: _provider(name, policy, installed) for name in automatic}
        forbidden |= {
            name: policy.forbidden[code_of] for name, code_of in codes.items() if code_of is not None
        }
    disabled.update(forbidden)
    excluded.update({name: f"forbidden by the site policy {at}" for name, at in forbidden.items()})
    chosen = _deduplicate(item for item in names if not (is_instance(item, str) and item in disabled))
    present = {item if is_instance(item, str) else stated_name(item) for item in chosen}
    required = [name for name in request.required if name not in present]
    by_policy = [name for name in _required(policy, installed) if name not in (*required, *_strings(chosen))]
    chosen = (*required, *by_policy, *chosen)
    for name in _strings(chosen):
        excluded.pop(name, None)
    added = {name: f"required by the site policy {policy.required[name]}" for name in by_policy}
    return Selection(chosen, source, excluded, added)


def _required(policy: SitePolicy, installed: InstalledPlugins) -> tuple[str, ...]:
    """Return the plugins that a site policy requires; a name that only a local image has is not that of a plugin."""
    local_images = {entry.name for entry in installed.local_images}.difference(installed.names)
    return tuple(name for name in policy.required if name not in local_images)


def _check_policy(
    request: PluginRequest,
    config: PluginsConfig,
    source: str,
    names: Sequence[Any],
    *,
    installed: InstalledPlugins,
    policy: SitePolicy,
    locate: LocateInConfig | None,
) -> None:
    """Refuse a selection that turns off a required plugin or names a forbidden one.

    Raises:
        InvalidInputError: With every contradiction.
    """
    sink = DiagnosticSink()

    def refuse(problem: str, name: str, remedy: str, *path: str | int) -> None:
        is_forbidden = name in policy.forbidden
        place = policy.forbidden[name] if is_forbidden else policy.required[name]
        verb = "forbids" if is_forbidden else "requires"
        message = f"{problem} plugin {name!r}, which the site policy {place} {verb}"
        location = locate(("plugins", *path)) if path and locate is not None else None
        code = "plugin.forbidden" if is_forbidden else "plugin.required"
        sink.error(message, location, code=code, hint=remedy)

    for name in _required(policy, installed):
        if request.none:
            refuse(f"{NO_PLUGINS} turns off", name, f"remove {NO_PLUGINS}")
        elif name in request.disabled:
            refuse("--no-plugin turns off", name, f"remove --no-plugin {name}")
        elif source in _CALLER and name not in (*request.required, *_strings(names)):
            refuse(f"{source} leaves out", name, f"add {name!r} to {source}")
        elif source == _CONFIG and not names:
            refuse(
                "plugins.enable is empty, which turns off",
                name,
                "remove enable, or list the plugin",
                "enable",
            )
        if source in (_CONFIG, _POLICY, AUTOLOAD) and name in config.disable:
            index = config.disable.index(name)
            refuse("plugins.disable turns off", name, "remove the name", "disable", index)
    for name in request.required:
        if name in policy.forbidden:
            refuse("the compiler needs", name, "compile with another compiler")
    for index, item in enumerate(names):
        name = item if is_instance(item, str) else object_name(item)
        ignored = source == AUTOLOAD or (source == _CONFIG and name in config.disable)
        path = ("enable", index) if source == _CONFIG else ()
        if name in policy.forbidden:
            if not ignored and name not in request.disabled:
                refuse(f"{source} selects", name, "remove the name", *path)
        elif policy.forbidden and not ignored and name not in request.disabled:
            code_of = _provider(item, policy, installed)
            if code_of is not None:
                remedy = f"leave {name!r} out: another name is no way around a policy"
                refuse(f"{source} selects {name!r}, the code of", code_of, remedy, *path)
    sink.raise_errors()


def _provider(item: Any, policy: SitePolicy, installed: InstalledPlugins) -> str | None:
    """Return the forbidden plugin that provides the code of a selected one, if there is one."""
    if not policy.forbidden:
        return None
    from dagcast.plugins.forbidden_code import provider

    return provider(item, policy.forbidden, installed)


def _strings(items: Iterable[Any]) -> tuple[str, ...]:
    return tuple(item for item in items if is_instance(item, str))


def _deduplicate(items: Iterable[Any]) -> tuple[Any, ...]:
    chosen: list[Any] = []
    for item in items:
        names = [other for other in chosen if is_instance(other, str)]
        if not (item in names if is_instance(item, str) else any(item is other for other in chosen)):
            chosen.append(item)
    return tuple(chosen)
