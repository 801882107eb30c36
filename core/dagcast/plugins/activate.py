"""Choose, load and configure plugins: the one way in which every verb comes to its plugins, below the site policy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dagcast.compile.config.models import PluginsConfig
from dagcast.errors import DiagnosticSink, Location
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.scan import InstalledPlugins, scan_plugins
from dagcast.plugins.select import NO_PLUGINS, PluginRequest, Selection, select_plugins
from dagcast.plugins.site_policy import SitePolicy, read_site_policy

if TYPE_CHECKING:
    from dagcast.compile.config.validation_errors import LocateInConfig


@dataclass(frozen=True)
class ChosenPlugins:
    """The plugins that a caller, a config and the site policy select, before any of them is imported.

    Attributes:
        section: The ``plugins`` section of the config.
        locate: Returns the location of a path in the config.
        installed: The installed plugins; empty if no plugin may run.
        policy: The site policy.
        selection: The selected plugins.
    """

    section: PluginsConfig
    locate: LocateInConfig
    installed: InstalledPlugins
    policy: SitePolicy
    selection: Selection

    def load(self, sink: DiagnosticSink) -> PluginSet:
        """Import the plugins and validate their options.

        Args:
            sink: Collects mistakes in the options.

        Raises:
            PluginError: If a plugin is missing or broken.
        """
        none = self.selection.source == NO_PLUGINS and not self.selection.chosen
        options = {} if none else self.section.options
        if not (self.selection.chosen or options or self.policy.files):
            return PluginSet((), self.selection, self.policy)
        from dagcast.plugins.options import configure_plugins

        return configure_plugins(
            self.selection, options, self.installed, self.locate, sink, policy=self.policy
        )


def choose_plugins(
    request: PluginRequest, section: PluginsConfig | None = None, locate: LocateInConfig | None = None
) -> ChosenPlugins:
    """Read the site policy and the metadata of installed plugins, and select plugins. Nothing is imported.

    Args:
        request: The caller's selection.
        section: The ``plugins`` section of the config. Default: an empty one.
        locate: Returns the location of a path in the config.

    Raises:
        InvalidInputError: If a site policy is invalid, or the selection contradicts it.
    """
    policy = read_site_policy()
    section = PluginsConfig() if section is None else section
    locate = _nowhere if locate is None else locate
    # Nothing is scanned for a compile without plugins.
    none = request.none and not request.required and not policy.files
    installed = InstalledPlugins(()) if none else scan_plugins()
    selection = select_plugins(request, section, installed, os.environ, policy=policy, locate=locate)
    return ChosenPlugins(section, locate, installed, policy, selection)


def _nowhere(path: FieldPath, /, *, key: bool = False) -> Location:
    return Location("<config>")
