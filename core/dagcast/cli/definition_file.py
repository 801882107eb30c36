"""Commands that take a pipeline definition in place of a config."""

from __future__ import annotations

from collections.abc import Mapping

import click

from dagcast.plugins.select import PluginRequest


def refuse_config_options(path: str, dag: str | None, env: str | None, plugins: PluginRequest) -> None:
    """Refuse options that select from a config. ``--no-plugins`` is true of every definition.

    Raises:
        UsageError: If one of them is given.
    """
    if dag or env or plugins.enabled or plugins.disabled:
        raise click.UsageError(f"{path} is a definition: --dag, --env and plugins are for configs")


def refuse_ignored_rules(path: str, ignored: Mapping[str, str]) -> None:
    """Refuse to ignore rules of a config by options: its ``ignore_rules`` hold for everyone who uses it.

    Raises:
        UsageError: If there are ignored rules.
    """
    if ignored:
        rules = ", ".join(f"{rule}: {reason or 'the reason'}" for rule, reason in ignored.items())
        raise click.UsageError(
            f"--ignore-rule is for definitions: write ignore_rules: {{{rules}}} into {path}"
        )
