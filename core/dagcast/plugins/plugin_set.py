"""The ordered set of plugins of one compile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.select import Selection
from dagcast.plugins.site_policy import NO_POLICY, SitePolicy

if TYPE_CHECKING:
    from dagcast.plugins.configured import ConfiguredPlugin


@dataclass(frozen=True)
class PluginSet:
    """The plugins of one compile, in order.

    Attributes:
        plugins: The plugins. The first decorates innermost and is called first.
        selection: Why these plugins run.
        policy: The site policy that holds.
    """

    plugins: tuple[ConfiguredPlugin, ...] = ()
    selection: Selection = field(default_factory=lambda: Selection((), "no plugin is selected"))
    policy: SitePolicy = NO_POLICY

    def implementing(self, hook: str) -> Iterator[ConfiguredPlugin]:
        """Iterate over the plugins that implement a hook, in order."""
        return (plugin for plugin in self.plugins if plugin.implements(hook))

    def lock(self) -> list[Mapping[str, Any]]:
        """Return the entries of the plugin lock, in order."""
        return [plugin.lock_entry() for plugin in self.plugins]

    def code_files(self) -> dict[str, dict[str, str]]:
        """Return the digests of the files of each plugin's code, by plugin and path."""
        return {plugin.name: dict(plugin.loaded.code().files) for plugin in self.plugins}

    def __bool__(self) -> bool:
        return bool(self.plugins)
