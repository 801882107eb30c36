"""``dagcast validate`` and ``dagcast compile``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from dagcast.cli.complete import CONFIG_FILE
from dagcast.cli.definition_file import refuse_config_options, refuse_ignored_rules
from dagcast.cli.ignore_rule_option import ignore_rule_option
from dagcast.cli.output import fail, show_diagnostics, show_policies, write_file
from dagcast.cli.plugin_options import plugin_options
from dagcast.cli.written_definition import verify_written
from dagcast.compile.report import CompileReport
from dagcast.compiler import PipelineDAGCompiler, ValidationResult
from dagcast.definition.definition_file import read_definition_file
from dagcast.errors import DagcastError, Diagnostic, InvalidInputError, Location, escape_text
from dagcast.plugins.lock import check_lock, is_lock_path, lock_path, lock_text
from dagcast.plugins.select import PluginRequest
from dagcast.plugins.site_policy import format_policy
from dagcast.staging.staged_code import StagedCode


def _input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.argument("config", type=CONFIG_FILE),
        click.option("--dag", metavar="FILE", help="DAG file. Default: the edges of the config."),
        click.option("--env", metavar="NAME", help="Environment of the config to merge over it."),
        click.option("--json", "as_json", is_flag=True, help="Print diagnostics and the summary as JSON."),
    ):
        command = option(command)
    return plugin_options(command)


@click.command("validate")
@_input_options
@ignore_rule_option()
def validate_command(
    *,
    config: str,
    dag: str | None,
    env: str | None,
    as_json: bool,
    plugins: PluginRequest,
    ignore_rules: dict[str, str],
) -> None:
    """Validate CONFIG and its DAG. Nothing is written.

    CONFIG is a config file or a pipeline definition (JSON).
    """
    definition = read_definition_file(config)
    try:
        if definition is not None:
            refuse_config_options(config, dag, env, plugins)
            result = _validate_definition(definition, config, ignore_rules)
        else:
            refuse_ignored_rules(config, ignore_rules)
            result = PipelineDAGCompiler(config, env=env, plugins=plugins).validate(dag)
    except DagcastError as error:
        fail(error, as_json)
    found = (*result.errors, *result.warnings)
    show_diagnostics(found, as_json, ignored=result.ignored, policies=list(result.policies))
    if not result.is_valid:
        raise SystemExit(1)
    if not as_json:
        show_policies(result.policies, err=True)
        click.echo(f"{config} is valid", err=True)


def _validate_definition(text: str, file: str, ignored: dict[str, str]) -> ValidationResult:
    """Check a definition as ``dagcast run`` does before it starts."""
    from dagcast.check.definition_problems import check_definition
    from dagcast.definition.read import read_definition

    try:
        checked = check_definition(read_definition(text, file), file, ignored)
        found, rules = checked.diagnostics, checked.ignored
    except InvalidInputError as error:
        found, rules = error.diagnostics, error.ignored
    errors = tuple(item for item in found if item.severity == "error")
    return ValidationResult(errors, found[len(errors) :], ignored=rules)


@click.command("compile")
@_input_options
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write. Default: stdout.")
@click.option(
    "--format", "form", type=click.Choice(["json", "yaml"]), default="json", help="Format of the definition."
)
@click.option("--locked", is_flag=True, help="Fail if plugins differ from the lock next to the output.")
def compile_command(
    *,
    config: str,
    dag: str | None,
    env: str | None,
    as_json: bool,
    plugins: PluginRequest,
    output: Path | None,
    form: str,
    locked: bool,
) -> None:
    """Compile CONFIG and its DAG to a pipeline definition.

    The definition is the exact text that SageMaker receives. --format yaml formats it for reading.
    """
    if as_json and output is None:
        raise click.UsageError("--json needs -o: the definition and the summary cannot both go to stdout")
    if locked and output is None:
        raise click.UsageError("--locked needs -o: the lock is next to the output")
    if output is not None and any(_same_file(output, source) for source in (config, dag)):
        raise click.UsageError(f"-o {output} would overwrite its input")
    if output is not None and is_lock_path(output):
        raise click.UsageError(f"-o {output}: names that end with plugins.json are those of plugin locks")
    try:
        compiler = PipelineDAGCompiler(config, env=env, plugins=plugins)
        locked_digest = None
        if locked and output is not None:
            # Report invalid options as a mistake in the config, not as a difference from the lock.
            compiler.load()
            locked_digest = _check_lock(compiler, output)
        compilation = compiler.compile_definition(dag)
        report = compilation.report
        if locked and output is not None:
            # Once more: hooks import modules when they are called.
            _check_lock(compiler, output)
        text = compilation.definition + "\n" if form == "json" else _as_yaml(compilation.definition)
        if output is not None:
            write_file(output, text)
            verify_written(output, form, compilation)
            _write_lock(output, report, compiler)
    except DagcastError as error:
        fail(error, as_json)
    if output is None:
        # Bytes do not depend on the encoding of the terminal.
        click.echo(text.encode(), nl=False)
    warnings = (*report.warnings, *_definition_warnings(locked_digest, report, output))
    if as_json:
        show_diagnostics(warnings, True, ignored=report.ignored, output=str(output), report=report.as_dict())
        return
    show_diagnostics(warnings, False, ignored=report.ignored)
    if output is not None:
        click.echo(_summary(report, output), err=True)


def _same_file(output: Path, source: str | None) -> bool:
    return source is not None and os.path.realpath(output) == os.path.realpath(source)


def _check_lock(compiler: PipelineDAGCompiler, output: Path) -> str | None:
    """Compare the plugins with the lock, and return the digest of the definition that it records.

    Raises:
        InvalidInputError: If they differ, or the lock is missing or invalid.
    """
    plugins = compiler.plugins
    return check_lock(lock_path(output), plugins.lock(), plugins.code_files(), plugins.policy.as_data())


def _definition_warnings(
    locked_digest: str | None, report: CompileReport, output: Path | None
) -> Iterator[Diagnostic]:
    """Warn that the definition is not the locked one. Its config, its code and its commit may change under a lock."""
    if output is not None and locked_digest not in (None, report.digest):
        message = f"the definition has the digest {report.digest}, the lock had {locked_digest}"
        place = Location(str(lock_path(output)))
        yield Diagnostic(message, place, "warning", code="plugin.lock", hint="the lock is written again")


def _write_lock(output: Path, report: CompileReport, compiler: PipelineDAGCompiler) -> None:
    """Write the plugin lock. Without plugins and policies, write it only if an earlier compile left one."""
    path = lock_path(output)
    if report.plugins or report.policies or path.exists():
        text = lock_text(
            report.plugins,
            definition_sha256=report.digest,
            files=compiler.plugins.code_files(),
            policies=report.policies,
        )
        write_file(path, text)


def _as_yaml(definition: str) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """A dumper that quotes strings with Unicode line ends: in PyYAML's default style they are read as spaces."""

    def represent_string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = '"' if any(character in text for character in "\x85\u2028\u2029") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    Dumper.add_representer(str, represent_string)
    text: str = yaml.dump(
        json.loads(definition), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110
    )
    return text


def _uploaded(code: StagedCode) -> str:
    """Return what is uploaded as one object: the path that the config names."""
    path = f"{code.source.rstrip('/')}/" if code.form == "archive" else code.source
    origin = "generated by dagcast, " if code.form == "text" else ""
    return f"{escape_text(path)} ({origin}{code.size:,} bytes)"


def _summary(report: CompileReport, output: Path) -> str:
    """Return a short summary of the compile for a terminal."""
    version = f" {report.version}" if report.version else ""
    lines = [f"{report.pipeline}{version}: {len(report.steps)} steps"]
    width = max((len(step.name) for step in report.steps), default=0)
    kind = max((len(step.step_type) for step in report.steps), default=0)
    for step in report.steps:
        after = f"after {', '.join(step.depends_on)}" if step.depends_on else ""
        parent = f" (in {step.inside})" if step.inside else ""
        lines.append(f"  {step.name:<{width}}  {step.step_type:<{kind}}  {after}{parent}".rstrip())
    if report.plugins:
        lines.append(f"plugins: {', '.join(str(plugin['name']) for plugin in report.plugins)}")
    lines += [format_policy(policy) for policy in report.policies]
    staged = sum(code.size for code in report.staged)
    if report.staged:
        lines.append(f"code to upload: {len(report.staged)} objects, {staged:,} bytes")
        lines += [f"  {_uploaded(code)}" for code in report.staged]
    lines.append(f"definition: {output} ({report.quotas[0].used:,} of {report.quotas[0].limit:,} characters)")
    return "\n".join(lines)
