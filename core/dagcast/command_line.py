"""Options, output, errors and files of the command line, for commands of plugins.

Example:
    A command that selects plugins and reports errors as ``dagcast compile`` does::

        @click.command("digest")
        @click.argument("config")
        @plugin_options
        def digest(config: str, plugins: PluginRequest) -> None:
            try:
                report = PipelineDAGCompiler(config, plugins=plugins).compile_definition().report
            except DagcastError as error:
                fail(error, as_json=False)
            click.echo(report.digest)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dagcast.cli.program import run_program
from dagcast.cli.pydantic_plugins import disable_pydantic_plugins

if TYPE_CHECKING:
    from dagcast.cli.describe import console
    from dagcast.cli.output import fail, show_diagnostics, show_policies, write_file
    from dagcast.cli.plugin_options import plugin_options
    from dagcast.display.terminal_text import strip_control_characters
    from dagcast.plugins.select import PluginRequest

_HOMES = {
    "PluginRequest": "dagcast.plugins.select",
    "console": "dagcast.cli.describe",
    "fail": "dagcast.cli.output",
    "plugin_options": "dagcast.cli.plugin_options",
    "show_diagnostics": "dagcast.cli.output",
    "show_policies": "dagcast.cli.output",
    "strip_control_characters": "dagcast.display.terminal_text",
    "write_file": "dagcast.cli.output",
}

__all__ = [
    "PluginRequest",
    "console",
    "disable_pydantic_plugins",
    "fail",
    "plugin_options",
    "run_program",
    "show_diagnostics",
    "show_policies",
    "strip_control_characters",
    "write_file",
]


def __getattr__(name: str) -> Any:
    # Lazy: a program disables the plugins of pydantic before the first module that builds a model is imported.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
