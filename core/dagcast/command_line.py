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

from dagcast.cli.describe import console
from dagcast.cli.output import fail, show_diagnostics, strip_control_characters, write_file
from dagcast.cli.plugin_options import plugin_options
from dagcast.plugins.select import PluginRequest

__all__ = [
    "PluginRequest",
    "console",
    "fail",
    "plugin_options",
    "show_diagnostics",
    "strip_control_characters",
    "write_file",
]
