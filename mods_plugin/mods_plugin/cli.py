"""The commands ``dagcast mods`` and ``mods``: register, list, show, compare and compile templates.

Each command is imported when it runs, as the commands of dagcast are.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType

import click

COMMANDS = MappingProxyType(
    {
        "register": "Compile a config and its DAG, and register the template.",
        "templates": "List the registered templates, or search them.",
        "show": "Show a version of a template and its executions.",
        "diff": "Show the differences between two versions.",
        "compile": "Compile a version from the registry, without other files.",
        "migrate": "Upgrade a registry to the schema of this mods-plugin.",
    }
)
"""The help line of each command, by name."""


class ModsGroup(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; ``None`` if the name is unknown."""
        if cmd_name not in COMMANDS:
            return None
        from dagcast.command_line import disable_pydantic_plugins

        disable_pydantic_plugins()
        module = import_module("mods_plugin.commands")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command as click does; the error for an unknown one suggests the nearest name."""
        name = args[0] if args else ""
        # While the shell completes a line, an unknown command is not an error.
        known = name in COMMANDS or ctx.resilient_parsing
        if name and not name.startswith("-") and not known:
            from dagcast.errors import did_you_mean

            ctx.fail(f"unknown command {name!r} ({did_you_mean(name, COMMANDS)})")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from :data:`COMMANDS`."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("mods", cls=ModsGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mods-plugin")
def mods_command() -> None:
    """Register templates for MODS and retrieve them by name and version.

    --registry selects the registry: an SQLite file or the URL of a PostgreSQL database. The default is the environment
    variable MODS_REGISTRY, then a file in the user's data folder.

    Exit codes: 0 success, 1 invalid input, 2 invalid usage.
    """


def main() -> None:
    """Run the script ``mods``."""
    from dagcast.command_line import run_program

    run_program(mods_command, "mods")
