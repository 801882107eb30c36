"""``dagcast run``: run a pipeline on this machine."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dagcast.cli.complete import CONFIG_FILE, complete_runs
from dagcast.cli.definition_file import refuse_config_options, refuse_ignored_rules
from dagcast.cli.exit_codes import FAILURE, INTERRUPTED
from dagcast.cli.output import error_text, fail, show_diagnostics, show_policies
from dagcast.cli.plugin_options import plugin_options
from dagcast.cli.run_options import FIXED_ON_RESUME, run_options, to_arguments
from dagcast.definition.definition_file import read_definition_file
from dagcast.errors import DagcastError, Diagnostic, InvalidInputError
from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.select import PluginRequest
from dagcast.staging.temporary_folder import temporary_folder

if TYPE_CHECKING:
    from dagcast.compile.report import CompileReport
    from dagcast.runner.options import RunOptions
    from dagcast.runner.records.events import Event
    from dagcast.runner.records.outcome import RunOutcome
    from dagcast.runner.runner import Runner


_NO_READER = (errno.EPIPE, errno.EIO)
"""The errors of a write whose reader, a program or a terminal, is gone."""


@dataclass(frozen=True)
class _Source:
    """The config or definition to run, with the options that select from it."""

    config: str
    dag: str | None
    env: str | None
    plugins: PluginRequest

    def command(self, options: RunOptions) -> str:
        """Return the command that runs it with the same options."""
        chosen = [("--dag", self.dag), ("--env", self.env)]
        chosen += [("--plugin", name) for name in self.plugins.enabled]
        chosen += [("--no-plugin", name) for name in self.plugins.disabled]
        flags = [word for flag, value in chosen if value for word in (flag, value)]
        flags += ["--no-plugins"] if self.plugins.none else []
        return shlex.join(["dagcast", "run", self.config, *flags, *to_arguments(options)])


@click.command("run")
@click.argument("config", required=False, type=CONFIG_FILE)
@click.option("--dag", metavar="FILE", help="DAG file. Default: the edges of the config.")
@click.option("--env", metavar="NAME", help="Environment of the config to merge over it.")
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Resume a run that failed or was interrupted.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
@run_options
@plugin_options
def run_command(
    *,
    config: str | None,
    dag: str | None,
    env: str | None,
    resume: str | None,
    quiet: bool,
    as_json: bool,
    plugins: PluginRequest,
    **choices: Any,
) -> None:
    """Run CONFIG on this machine, without Docker and without AWS.

    CONFIG is a config file or a pipeline definition (JSON). S3 is a folder of the run. Exit codes: 0 success, 1 failed
    run or invalid input, 2 usage error, 130 interrupted.
    """
    if (config is None) == (resume is None):
        raise click.UsageError("give either CONFIG or --resume RUN")
    if choices["debugpy"] is not None and choices["debug"] is None:
        raise click.UsageError("--debugpy needs --debug STEP")
    if quiet and as_json:
        raise click.UsageError("--quiet and --json contradict each other")
    fixed = dag or env or plugins != PluginRequest() or choices["parameters"] or choices["ignore_rules"]
    if resume is not None and fixed:
        raise click.UsageError(f"a resumed run keeps {FIXED_ON_RESUME}")
    source = None if config is None else _Source(config, dag, env, plugins)
    from dagcast.local_run import delete_staged_on_start

    try:
        with ExitStack() as stack:
            scratch = stack.enter_context(temporary_folder("dagcast-"))
            runner = _create_runner(
                source, resume, choices=choices, scratch=scratch, quiet=quiet, as_json=as_json
            )
            runner.listener = delete_staged_on_start(scratch, runner.listener)
            outcome = _run(runner, quiet, as_json)
    except DagcastError as error:
        _fail(error, as_json)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    _exit_with_summary(outcome, source, runner.options, quiet, as_json)


def _create_runner(
    source: _Source | None,
    resume: str | None,
    *,
    choices: dict[str, Any],
    scratch: Path,
    quiet: bool,
    as_json: bool,
) -> Runner:
    """Create the runner of a new or a resumed run.

    Raises:
        DagcastError: If the run does not exist, or the config cannot be compiled.
    """
    from dagcast.local_run import resume_run

    options = _options(choices)
    if source is None:
        return resume_run(str(resume), options)
    return _new_runner(source, options, scratch, quiet, as_json)


def _options(choices: dict[str, Any]) -> RunOptions:
    from dagcast.local_run import find_earlier_run
    from dagcast.runner.options import RunOptions

    earlier = tuple(find_earlier_run(choices["runs"], run) for run in choices.pop("earlier"))
    for name in ("inputs", "stubs"):
        choices[name] = {key: Path(path) for key, path in choices[name].items()}
    return RunOptions(earlier=earlier, **choices)


def _new_runner(source: _Source, options: RunOptions, scratch: Path, quiet: bool, as_json: bool) -> Runner:
    """Compile a config, or read a definition, and create its runner."""
    from dagcast.local_run import prepare_run

    if read_definition_file(source.config) is None:
        refuse_ignored_rules(source.config, options.ignore_rules)
    else:
        refuse_config_options(source.config, source.dag, source.env, source.plugins)
    plugins = source.plugins
    prepared = prepare_run(source.config, options, scratch, dag=source.dag, env=source.env, plugins=plugins)
    report = prepared.report
    if report is not None:
        _warn(report, quiet, as_json)
        _show_policies(report.policies, quiet, as_json)
        _show_stand_ins(report.stand_ins, quiet, as_json)
    if prepared.local_values and not quiet and not as_json:
        owners = prepared.local_owners
        names = sorted({f"plugin {owners[name]!r}" for name in prepared.local_values if name in owners})
        click.echo(f"local values of {', '.join(names)}: {', '.join(prepared.local_values)}", err=True)
    if report is not None:
        from dagcast.cli.run_summary import with_runs

        command = with_runs(source.command(options), options.runs)
        prepared.runner.sources = replace(prepared.runner.sources, command=command)
    return prepared.runner


def _show_stand_ins(stand_ins: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Print what replaces a role, a bucket or images that the config lacks."""
    if stand_ins and as_json:
        from dagcast.runner.records.events import Event

        click.echo(json.dumps(Event("stand-ins", details={"stand_ins": list(stand_ins)}).as_dict()))
    elif stand_ins and not quiet:
        click.echo(f"stand-ins for this run: {'; '.join(stand_ins)}", err=True)


def _show_policies(policies: Iterable[Mapping[str, Any]], quiet: bool, as_json: bool) -> None:
    """Print the site policy that holds for the run."""
    if as_json:
        from dagcast.runner.records.events import Event

        for policy in policies:
            click.echo(json.dumps(Event("site-policy", details=policy).as_dict()))
    elif not quiet:
        show_policies(policies, err=True)


def _warn(report: CompileReport, quiet: bool, as_json: bool) -> None:
    """Print the warnings of a compile, and the rules that its config ignores."""
    if as_json:
        from dagcast.runner.records.events import Event

        found = [(str(warning), warning.code) for warning in report.warnings]
        found += [(f"ignored: {ignored}", ignored.rule) for ignored in report.ignored]
        for message, code in found:
            click.echo(json.dumps(Event("warning", None, message, {"code": code}).as_dict()))
    elif not quiet:
        show_diagnostics(report.warnings, False, ignored=report.ignored)


def _run(runner: Runner, quiet: bool, as_json: bool) -> RunOutcome:
    """Run the pipeline and show its events. Stop it on a signal, or if the reader of the output is gone."""
    from dagcast.cli.interrupt import stop_on_signals
    from dagcast.display.progress import progress
    from dagcast.local_run import asks_user
    from dagcast.plugins.foreign_output import own_results
    from dagcast.runner.records.events import Event

    observe = runner.listener
    broken: list[OSError] = []

    with progress(quiet, as_json, asks_user(runner.options)) as listener:

        def show(event: Event) -> None:
            try:
                if not broken:
                    # The threads of steps emit events, too.
                    with own_results():
                        listener(event)
            except OSError as error:
                broken.append(error)
                runner.stop()

        def listen(event: Event) -> None:
            observe(event)
            show(event)

        runner.listener = listen
        with stop_on_signals(runner, lambda text: show(Event("warning", None, text))):
            outcome = runner.run()
    if broken and broken[0].errno in _NO_READER:
        # Redirect the streams to the null device, so that the flush at exit of Python does not fail.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    elif broken:
        raise DagcastError(f"cannot write the output: {broken[0].strerror}")
    return outcome


def _exit_with_summary(
    outcome: RunOutcome, source: _Source | None, options: RunOptions, quiet: bool, as_json: bool
) -> NoReturn:
    if quiet:
        if outcome.status not in ("Succeeded", "Stopped"):
            fail(DagcastError(f"{outcome.pipeline}: {outcome.reason}"), False)
    elif not as_json:
        from dagcast.cli.run_summary import show_outcome, with_runs

        runs = outcome.folder.parent
        again = None if source is None else with_runs(source.command(options), runs)
        with suppress(OSError):  # the reader may be gone; the folder of the run has all results
            show_outcome(outcome, again, err=True)
    sys.exit({"Succeeded": 0, "Stopped": INTERRUPTED}.get(outcome.status, FAILURE))


def _fail(error: DagcastError, as_json: bool) -> NoReturn:
    """Print an error and exit. With ``--json``, print one line, as for events."""
    if not as_json:
        fail(error, False)
    found = (
        error.diagnostics
        if isinstance(error, InvalidInputError)
        else (Diagnostic(error_text(error), code=error.code),)
    )
    event = {"event": "error", "ok": False, "diagnostics": [item.as_dict() for item in found]}
    if isinstance(error, InvalidInputError):
        event["ignored"] = [rule.as_dict() for rule in error.ignored]
    click.echo(json.dumps(event))
    sys.exit(FAILURE)
