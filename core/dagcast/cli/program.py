"""Run a group of commands as a process of its own: what surrounds a command, whichever it is."""

from __future__ import annotations

import os
import sys

import click

from dagcast.plugins.foreign_output import claim_stdout, release_stdout


def run_program(group: click.Group, name: str) -> None:
    """Run a group of commands as the program of this process.

    Standard output holds only the results of commands: what plugins and the SDK print goes to standard error, also
    where a C library or a child process prints. Completion by the shell prints candidates or nothing.

    Args:
        group: The commands.
        name: The name of the program, such as ``mods``.

    Example:
        The entry point of a script::

            def main() -> None:
                run_program(owner_command, "owner")
    """
    completing = f"_{name}_complete".replace("-", "_").upper() in os.environ
    if completing:
        _silence_stderr()
    claim_stdout()
    try:
        group(prog_name=name)
    # A completion prints no errors, neither those of a plugin nor those of dagcast.
    except Exception:
        if not completing:
            raise
        sys.exit(1)
    finally:
        release_stdout()


def _silence_stderr() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
