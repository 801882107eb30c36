"""``dagcast run``: run a pipeline on this machine."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dagcast.cli.output import INPUT_IS_WRONG, fail, show_diagnostics
from dagcast.cli.plugin_options import plugin_options
from dagcast.cli.run_options import RESUMED_AS_IT_WAS, run_options, words
from dagcast.errors import DagcastError, Diagnostic, InvalidInputError
from dagcast.plugins.select import PluginRequest

if TYPE_CHECKING:
    from dagcast.compile.report import CompileReport
    from dagcast.runner.events import Event
    from dagcast.runner.options import RunOptions
    from dagcast.runner.outcome import RunOutcome
    from dagcast.runner.runner import Runner

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""

_NO_READER = (errno.EPIPE, errno.EIO)
"""What a write says when the program or the terminal at the other end is gone."""


@dataclass(frozen=True)
class _Source:
    """What is run: a config or a definition, with what chooses from it."""

    config: str
    dag: str | None
    env: str | None
    plugins: PluginRequest

    def command(self, options: RunOptions) -> str:
        """The command that runs it with the same choices."""
        chosen = [("--dag", self.dag), ("--env", self.env)]
        chosen += [("--plugin", name) for name in self.plugins.enabled]
        chosen += [("--no-plugin", name) for name in self.plugins.disabled]
        flags = [word for flag, value in chosen if value for word in (flag, value)]
        flags += ["--no-plugins"] if self.plugins.none else []
        return shlex.join(["dagcast", "run", self.config, *flags, *words(options)])


@click.command("run")
@click.argument("config", required=False)
@click.option("--dag", metavar="FILE", help="DAG file; the config's own edges if left out.")
@click.option("--env", metavar="NAME", help="Environment of the config to lay over it.")
@click.option("--resume", metavar="RUN", help="Go on with a run that failed or was interrupted.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
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

    CONFIG is a config file, or a pipeline definition (JSON) as SageMaker gets it. S3 is a folder of the run. Exit
    codes: 0 the pipeline succeeded, 1 it failed or the input is wrong, 2 wrong usage, 130 interrupted.
    """
    if (config is None) == (resume is None):
        raise click.UsageError("give either CONFIG or --resume RUN")
    if quiet and as_json:
        raise click.UsageError("--quiet and --json contradict each other")
    if resume is not None and (dag or env or plugins != PluginRequest() or choices["parameters"]):
        raise click.UsageError(f"a run that is resumed keeps {RESUMED_AS_IT_WAS}")
    source = None if config is None else _Source(config, dag, env, plugins)
    try:
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dagcast-")))
            runner = _runner(source, resume, choices=choices, scratch=scratch, quiet=quiet, as_json=as_json)
            runner.listener = _removing(scratch, runner.listener)
            outcome = _run(runner, quiet, as_json)
    except DagcastError as error:
        _fail(error, as_json)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    _end(outcome, source, runner.options, quiet, as_json)


def _removing(scratch: Path, listener: Callable[[Event], None]) -> Callable[[Event], None]:
    """A listener that removes what was staged when the run has a copy of it, as its first event says.

    If this process is killed later, nothing is left of it.
    """

    def hear(event: Event) -> None:
        if event.kind in ("run-started", "run-resumed"):
            shutil.rmtree(scratch)
        listener(event)

    return hear


def _runner(
    source: _Source | None,
    resume: str | None,
    *,
    choices: dict[str, Any],
    scratch: Path,
    quiet: bool,
    as_json: bool,
) -> Runner:
    """What will run.

    Raises:
        DagcastError: If there is no such run, or the config cannot be compiled.
    """
    from dagcast.runner.runner import Runner

    options = _options(choices)
    if source is None:
        return Runner.resume(str(resume), options)
    return _started(source, options, scratch, quiet, as_json)


def _options(choices: dict[str, Any]) -> RunOptions:
    from dagcast.runner.options import RunOptions

    runs: Path = choices["runs"]
    earlier = tuple(runs / run for run in choices.pop("earlier"))
    for name in ("inputs", "stubs"):
        choices[name] = {key: Path(path) for key, path in choices[name].items()}
    return RunOptions(earlier=earlier, **choices)


def _started(source: _Source, options: RunOptions, scratch: Path, quiet: bool, as_json: bool) -> Runner:
    """A runner of what a config compiles to, or of the definition that it is."""
    from dagcast.runner.runner import Runner

    text = _definition_in(source.config)
    if text is not None:
        if source.dag or source.env or source.plugins != PluginRequest():
            raise click.UsageError(
                f"{source.config} is a definition: --dag, --env and plugins are for configs"
            )
        name = re.sub(r"[^A-Za-z0-9]+", "-", Path(source.config).stem).strip("-") or "pipeline"
        return Runner(text, name, options=options, file=source.config)
    from dagcast.compiler import PipelineDAGCompiler
    from dagcast.plugins.lock import lock_text
    from dagcast.plugins.observe_run import create_run_listener
    from dagcast.staging.local import write_staged

    compiler = PipelineDAGCompiler(source.config, env=source.env, plugins=source.plugins)
    compilation = compiler.compile_definition(source.dag)
    report = compilation.report
    _warn(report, quiet, as_json)
    return Runner(
        compilation.definition,
        report.pipeline,
        options=options,
        listener=create_run_listener(compiler.plugins, compiler.load(), report),
        objects=write_staged(report.spec.staged, scratch),
        plugin_lock=lock_text(report.plugins) if report.plugins else None,
        file=source.config,
    )


def _warn(report: CompileReport, quiet: bool, as_json: bool) -> None:
    """Show the warnings of the compile."""
    if as_json:
        from dagcast.runner.events import Event

        for warning in report.warnings:
            click.echo(json.dumps(Event("warning", None, str(warning)).as_dict()))
    elif not quiet:
        show_diagnostics(report.warnings, False)


def _definition_in(path: str) -> str | None:
    """The text of a file that is a pipeline definition, or means to be one; ``None`` for anything else."""
    if not path.endswith(".json"):
        return None
    try:
        text = Path(path).read_text("utf-8")
        data = json.loads(text)
    except (OSError, ValueError, RecursionError):
        # The reader of configs says it better.
        return None
    is_definition = isinstance(data, Mapping) and "Steps" in data and "pipeline" not in data
    return text if is_definition else None


def _run(runner: Runner, quiet: bool, as_json: bool) -> RunOutcome:
    """Run it, show what happens, and stop it when the user says so or nobody reads any more."""
    from dagcast.cli.interrupt import stop_on_signals
    from dagcast.cli.progress import progress
    from dagcast.runner.events import Event

    observe = runner.listener
    answered = {*runner.options.callbacks, *runner.options.stubs}
    broken: list[OSError] = []

    def asks(steps: Mapping[str, str]) -> bool:
        return any(kind == "Callback" and name not in answered for name, kind in steps.items())

    with progress(quiet, as_json, asks) as listener:

        def tell(event: Event) -> None:
            try:
                if not broken:
                    listener(event)
            except OSError as error:
                broken.append(error)
                runner.stop()

        def hear(event: Event) -> None:
            observe(event)
            tell(event)

        runner.listener = hear
        with stop_on_signals(runner, lambda text: tell(Event("warning", None, text))):
            outcome = runner.run()
    if broken and broken[0].errno in _NO_READER:
        # Nothing is left to be said, and Python must not try to when it ends.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    elif broken:
        raise DagcastError(f"the output cannot be written: {broken[0].strerror}")
    return outcome


def _end(
    outcome: RunOutcome, source: _Source | None, options: RunOptions, quiet: bool, as_json: bool
) -> NoReturn:
    if quiet:
        if outcome.status not in ("Succeeded", "Stopped"):
            fail(DagcastError(f"{outcome.pipeline}: {outcome.reason}"), False)
    elif not as_json:
        from dagcast.cli.run_summary import show_outcome, with_runs

        runs = outcome.folder.parent
        again = None if source is None else with_runs(source.command(options), runs)
        earlier = tuple(run.name for run in options.earlier)
        with suppress(OSError):  # nobody may be there to read it, and the run's folder has it all
            show_outcome(outcome, again, earlier, err=True)
    sys.exit({"Succeeded": 0, "Stopped": INTERRUPTED}.get(outcome.status, INPUT_IS_WRONG))


def _fail(error: DagcastError, as_json: bool) -> NoReturn:
    """Report an error: as JSON on one line, as all that is printed then is."""
    if not as_json:
        fail(error, False)
    found = (
        error.diagnostics
        if isinstance(error, InvalidInputError)
        else (Diagnostic(str(error), code=error.code),)
    )
    event = {"event": "error", "ok": False, "diagnostics": [item.as_dict() for item in found]}
    click.echo(json.dumps(event))
    sys.exit(INPUT_IS_WRONG)
