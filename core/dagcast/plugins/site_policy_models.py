"""The models of a site policy."""

# No "from __future__ import annotations": see dagcast.compile.config.fields.ConfigModel.
from typing import Annotated, Any

from pydantic import Field

from dagcast.compile.config.fields import EMPTY, ConfigModel
from dagcast.compile.config.models import PluginsConfig


class SitePluginsConfig(PluginsConfig):
    """The section ``plugins`` of a site policy: that of a config, and what only a policy can say.

    Attributes:
        required: Names of plugins that always run. Turning one off is an error.
        forbidden: Names of plugins that never run.
        fixed: By plugin: options with their values. A config that sets another value is invalid.
    """

    required: Annotated[tuple[str, ...], Field(strict=False)] = ()
    forbidden: Annotated[tuple[str, ...], Field(strict=False)] = ()
    fixed: dict[str, dict[str, Any]] = EMPTY


class SiteConfig(ConfigModel):
    """A site policy.

    Attributes:
        plugins: Which plugins run, and their options.
    """

    plugins: SitePluginsConfig = SitePluginsConfig()
