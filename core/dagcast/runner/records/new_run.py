"""Creates the folder of a new run."""

from __future__ import annotations

import getpass
import secrets
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagcast.runner.aws_names import AwsPlace
from dagcast.runner.files import copy_file, remove_tree
from dagcast.runner.records.run_folder import RunFolder, RunFolderError, RunRecord, write_json
from dagcast.runner.records.staged_sources import RunSources, write_sources
from dagcast.runner.store.local_store import Store

_INCOMPLETE_PREFIX = ".new-"
"""The prefix of incomplete folders, which other processes are creating, or a killed process left."""

_README = """\
A run of pipeline {pipeline} on this machine, by dagcast.

definition.json          the pipeline's definition, as SageMaker would receive it
parameters.json          the values of its parameters
definition.plugins.json  the plugin lock of its compile, if it had any
sources.json             the files that its code was staged from, if it had any
run.json                 the run's status, duration and steps
events.jsonl             the events of the run, one on each line
s3/BUCKET/KEY            the folder that replaces S3
steps/STEP/result.json   the result of a step that has succeeded
steps/STEP/attempt-N/    stdout.log, stderr.log and command.json; and ml/, the job's /opt/ml, if it failed

To resume a run that failed or was interrupted: dagcast run --resume {id}
To remove it: dagcast runs clean {id}
"""


def create_run(
    runs: Path,
    pipeline: str,
    definition: str,
    parameters: Mapping[str, Any],
    *,
    place: AwsPlace,
    execution: str | None,
    options: Mapping[str, Any],
    plugin_lock: str | None,
    sources: RunSources,
    objects: Mapping[str, Path],
) -> RunFolder:
    """Create the folder of a new run atomically, with its definition, parameters and staged code.

    The run's ID consists of the time, the pipeline's name and the last characters of the execution's ID.

    Args:
        runs: The folder of all runs.
        pipeline: The pipeline's name.
        definition: The pipeline's definition.
        parameters: The values of its parameters.
        place: The account and region in ARNs of the run.
        execution: The ID of the execution; ``None`` for a random one.
        options: The options of the run as JSON data.
        plugin_lock: The text of the plugin lock.
        sources: The local code of the run.
        objects: Files to copy into the store, such as staged code, by S3 URI.

    Raises:
        RunFolderError: If it cannot be written.
    """
    started = datetime.now(timezone.utc)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        (runs / ".gitignore").write_text("*\n", "utf-8")  # keeps runs out of version control
        with _creation_lock(runs):
            run, execution = _create_incomplete(runs, f"{started:%Y%m%dT%H%M%SZ}-{pipeline}", execution)
            folder = RunFolder(runs / f"{_INCOMPLETE_PREFIX}{run}")
            (folder.path / "README.txt").write_text(_README.format(pipeline=pipeline, id=run), "utf-8")
            (folder.path / "definition.json").write_text(definition, "utf-8")
            write_json(folder.path / "parameters.json", dict(parameters))
            if plugin_lock is not None:
                (folder.path / "definition.plugins.json").write_text(plugin_lock, "utf-8")
            write_sources(folder.path, sources)
            store = Store(folder.store)
            for number, (uri, path) in enumerate(objects.items()):
                copy = folder.path / f".object-{number}"
                copy_file(path, copy)
                store.put(copy, uri)
            record = RunRecord(
                id=run,
                pipeline=pipeline,
                execution=execution,
                region=place.region,
                account=place.account,
                started=started,
                started_by=_user(),
                options=options,
            )
            write_json(folder.path / "run.json", record.as_dict())
            return RunFolder(folder.path.rename(runs / run))
    except OSError as error:
        raise RunFolderError(f"{error.filename or runs} cannot be written: {error.strerror}") from error


@contextmanager
def _creation_lock(runs: Path) -> Iterator[None]:
    """Hold a shared lock while a run is created. Without other holders, first remove incomplete folders."""
    import fcntl

    with (runs / ".gitignore").open("a") as file:  # every folder of runs has this file
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The exclusive lock proves that no other process is creating one of these folders.
            for incomplete in runs.glob(f"{_INCOMPLETE_PREFIX}*"):
                remove_tree(incomplete)
        fcntl.flock(file, fcntl.LOCK_SH)  # converts the exclusive lock, if this process holds it
        yield


def _create_incomplete(runs: Path, prefix: str, execution: str | None) -> tuple[str, str]:
    """Create the incomplete folder of a new run; return the ID of the run and that of its execution."""
    given = execution is not None
    while True:
        execution = execution or "".join(
            secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12)
        )
        # Two executions of the same second that end alike: the second is named by its whole ID.
        names = [f"{prefix}-{execution[-4:]}", f"{prefix}-{execution}"]
        for run in names if given else names[:1]:
            if (runs / run).exists():
                continue
            with suppress(FileExistsError):
                (runs / f"{_INCOMPLETE_PREFIX}{run}").mkdir()
                return run, execution
        if given:
            raise RunFolderError(f"execution {execution} exists in {runs}")
        execution = None


def _user() -> str | None:
    """Return the name of the user; ``None`` if the system has no name for them, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None
