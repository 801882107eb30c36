"""The command line: ``dagcast``.

Commands are imported when they run, so that ``--help`` is fast.
"""

from __future__ import annotations

import gc
from importlib import import_module
from types import MappingProxyType

import click

from dagcast.cli.program import run_program
from dagcast.cli.pydantic_plugins import disable_pydantic_plugins
from dagcast.plugins.foreign_output import share_results

COMMANDS = MappingProxyType(
    {
        "init": ("dagcast.cli.init", "Write a commented starter project."),
        "validate": ("dagcast.cli.compile", "Validate a config and its DAG."),
        "compile": ("dagcast.cli.compile", "Compile a config and its DAG to a pipeline definition."),
        "run": ("dagcast.cli.run", "Run a pipeline on this machine, without Docker and without AWS."),
        "runs": ("dagcast.cli.runs", "List local runs, show one and its logs, remove them."),
        "explain": ("dagcast.cli.explain", "Show the origin of each value of the pipeline."),
        "plugins": ("dagcast.cli.plugins", "List and diagnose plugins, and create new ones."),
        "schema": ("dagcast.cli.describe", "Print the JSON Schema of the config file."),
        "steps": ("dagcast.cli.describe", "List step types, or show one."),
        "rules": ("dagcast.cli.rules", "List the rules of the service, or explain one."),
    }
)
"""By name: the module of each command, and its summary in the help."""

COMPILING = frozenset({"compile", "explain", "validate"})
"""Commands that end soon and leave little garbage; the others may run for hours."""


class LazyGroup(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, from dagcast or from a plugin."""
        # Before the first module that builds a model of pydantic.
        disable_pydantic_plugins()
        if cmd_name not in COMMANDS:
            from dagcast.cli.plugin_commands import find_plugin_command

            return find_plugin_command(cmd_name)[0]
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command as click does, and suggest the nearest name for an unknown one."""
        name = args[0] if args else ""
        if name not in COMPILING:
            gc.enable()
        # While the shell completes a line, an unknown command is not an error.
        if name in COMMANDS or not name or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        disable_pydantic_plugins()
        from dagcast.cli.plugin_commands import find_plugin_command, report_failures
        from dagcast.errors import did_you_mean

        command, failures = find_plugin_command(name)
        if command is None:
            report_failures(name, failures, COMMANDS)
            ctx.fail(f"unknown command {name!r} ({did_you_mean(name, COMMANDS)})")
        share_results()
        return name, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from ``COMMANDS``."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dagcast")
@click.option("-v", "--verbose", count=True, help="Log progress; repeat for debug output.")
def cli(verbose: int) -> None:
    """Compile a DAG and a config file to an Amazon SageMaker Pipeline.

    Exit codes: 0 success, 1 invalid input or failed run, 2 usage error, 130 interrupted run.
    """
    if verbose:
        import logging

        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        logger = logging.getLogger("dagcast")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG if verbose > 1 else logging.INFO)


def main() -> None:
    """The entry point of the script.

    The cyclic garbage collector is off while a command compiles: see ``docs/decisions/garbage-collector.md``.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        run_program(cli, "dagcast")
    finally:
        # At its end the interpreter traverses all objects twice, to free memory that the system frees anyway.
        gc.freeze()
        if enabled:
            gc.enable()
