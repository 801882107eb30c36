"""``dagcast runs shell``: open a shell in the place of a job."""

from __future__ import annotations

import shlex
import shutil
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dagcast.cli.complete import complete_steps_of_run
from dagcast.cli.exit_codes import FAILURE
from dagcast.cli.output import fail
from dagcast.cli.run_options import runs_option
from dagcast.cli.runs_logs import attempt_folder, failed_steps
from dagcast.cli.runs_options import chosen_runs, one_run
from dagcast.display.terminal_text import strip_control_characters
from dagcast.errors import DagcastError

if TYPE_CHECKING:
    from dagcast.runner.launch.command import Command
    from dagcast.runner.records.run_folder import RunFolder


@click.command("shell")
@one_run
@click.argument("step", required=False, shell_complete=complete_steps_of_run)
@runs_option(None)
def shell_command(*, run: str, step: str | None, runs: Path | None) -> None:
    """Open a shell with the folders and the environment of STEP of RUN, by default of the step that failed.

    The folders of a step that succeeded are not kept: use a breakpoint and dagcast run --debug.
    """
    from dagcast.runner.launch.choose_launcher import choose_launcher
    from dagcast.runner.launch.debug_launcher import at_terminal
    from dagcast.runner.records.find_runs import find_run

    folder = chosen_runs(runs)
    try:
        found = find_run(folder, run)
        name = step if step is not None else failed_steps(found)[0]
        command = _command(found, name)
        shell = shutil.which("bash") or "sh"
        opened = replace(at_terminal(command), argv=(shell,), stdout=command.stdout.with_name("shell.txt"))
        with (
            found.read_lock(),
            closing(choose_launcher(found.record().options["isolation"], folder)) as launcher,
        ):
            click.echo(
                strip_control_characters(f"shell of step {name!r}; its command: {shlex.join(command.argv)}"),
                err=True,
            )
            ended = launcher.run(opened, threading.Event())
    except DagcastError as error:
        fail(error, False)
    if ended.problem is not None:
        fail(DagcastError(ended.problem), False)
    sys.exit(FAILURE if ended.code is None else ended.code)


def _command(run: RunFolder, step: str) -> Command:
    """Return the command of the last attempt at a step.

    Raises:
        RunFolderError: If the step ran no job, or the folders of the job are not kept.
    """
    from dagcast.runner.launch.recording_launcher import read_command
    from dagcast.runner.records.run_folder import RunFolderError

    command = read_command(attempt_folder(run, step, None))
    if command is None:
        raise RunFolderError(f"step {step!r} of run {run.id} ran no job of its own")
    if command.image is not None and run.record().options["isolation"] == "docker":
        raise RunFolderError(f"step {step!r} ran in a container: use docker run -it {command.image}")
    if not command.ml_folder.is_dir():
        raise RunFolderError(
            f"the folders of step {step!r} are not kept, since it succeeded:"
            f" write breakpoint() into its script and use dagcast run CONFIG --debug {step}"
        )
    return command
