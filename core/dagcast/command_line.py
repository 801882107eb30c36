"""What commands of plugins need to look and behave as dagcast's own: options, output, errors and files.

Example:
    A command that chooses plugins as ``dagcast compile`` does, and reports mistakes as it does::

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
from dagcast.cli.output import fail, printable, show_diagnostics, write_file
from dagcast.cli.plugin_options import plugin_options
from dagcast.plugins.select import PluginRequest

__all__ = [
    "PluginRequest",
    "console",
    "fail",
    "plugin_options",
    "printable",
    "show_diagnostics",
    "write_file",
]
