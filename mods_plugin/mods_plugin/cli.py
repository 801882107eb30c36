"""The commands ``dagcast mods`` and ``mods``: registering templates, and finding them again.

Like those of dagcast, a command is imported when it runs.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType

import click

COMMANDS = MappingProxyType(
    {
        "register": "Compile a config and its DAG, and register the template.",
        "templates": "List the registered templates, or search them.",
        "show": "Show a version of a template, and what was run of it.",
        "diff": "Show what differs between two versions.",
        "compile": "Compile a version from the registry alone.",
        "migrate": "Bring a registry to the form that this mods-plugin reads.",
    }
)
"""By name: the line of each command in the help."""


class ModsGroup(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module("mods_plugin.commands")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for one that does not exist."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            from dagcast.errors import did_you_mean

            ctx.fail(f"there is no command {name!r} ({did_you_mean(name, COMMANDS)})")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("mods", cls=ModsGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mods-plugin")
def mods_command() -> None:
    """Register templates for MODS, and find them again by name and version.

    The registry is an SQLite file of the user, or what --registry or the variable MODS_REGISTRY names: a file, or the
    URL of a PostgreSQL database.

    Exit codes: 0 fine, 1 the input is wrong, 2 wrong usage.
    """


def main() -> None:
    """The entry point of the script."""
    mods_command(prog_name="mods")
