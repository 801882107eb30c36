"""Makes the folder of a new run."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagcast.runner.files import copy_file, remove_tree
from dagcast.runner.records.run_folder import RunFolder, RunFolderError, RunRecord, write_json
from dagcast.runner.store.local_store import Store

_UNFINISHED = ".new-"
"""How the names of folders begin that are being made, or whose making was killed."""

_README = """\
A run of pipeline {pipeline} on this machine, by dagcast.

definition.json        what was run: the pipeline's definition, as SageMaker would get it
parameters.json        the values of its parameters
plugins.lock.json      the plugins that took part in its compile, if there were any
run.json               how the run stands: its status, its times, its steps
events.jsonl           what happened, a line each
s3/BUCKET/KEY          what stands for S3
steps/STEP/result.json what came of a step; a step that has one has succeeded
steps/STEP/attempt-N/  stdout.log and stderr.log; and ml/, the job's /opt/ml, if it failed

To go on with a run that failed or was interrupted: dagcast run --resume {id}
To remove it: dagcast runs clean {id}
"""


def create_run(
    runs: Path,
    pipeline: str,
    definition: str,
    parameters: Mapping[str, Any],
    *,
    region: str,
    options: Mapping[str, Any],
    plugin_lock: str | None,
    objects: Mapping[str, Path],
) -> RunFolder:
    """Make the folder of a new run, with all that is known before it starts: it appears whole, or not at all.

    The id is the time, the pipeline and the end of the execution's id.

    Args:
        runs: The folder of all runs.
        pipeline: The pipeline's name.
        definition: The pipeline's definition.
        parameters: The values of its parameters.
        region: The region that the run pretends to be in.
        options: The choices of the run, JSON-ready.
        plugin_lock: The text of the plugin lock.
        objects: By S3 URI: files that are copied into the store, such as staged code.

    Raises:
        RunFolderError: If it cannot be written.
    """
    started = datetime.now(timezone.utc)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        (runs / ".gitignore").write_text("*\n", "utf-8")  # runs are nobody's source
        with _making(runs):
            run, execution = _new_id(runs, f"{started:%Y%m%dT%H%M%SZ}-{pipeline}")
            folder = RunFolder(runs / f"{_UNFINISHED}{run}")
            (folder.path / "README.txt").write_text(_README.format(pipeline=pipeline, id=run), "utf-8")
            (folder.path / "definition.json").write_text(definition, "utf-8")
            write_json(folder.path / "parameters.json", dict(parameters))
            if plugin_lock is not None:
                (folder.path / "plugins.lock.json").write_text(plugin_lock, "utf-8")
            store = Store(folder.store)
            for number, (uri, path) in enumerate(objects.items()):
                copy = folder.path / f".object-{number}"
                copy_file(path, copy)
                store.put(copy, uri)
            record = RunRecord(
                id=run,
                pipeline=pipeline,
                execution=execution,
                region=region,
                started=started,
                options=options,
            )
            write_json(folder.path / "run.json", record.as_dict())
            return RunFolder(folder.path.rename(runs / run))
    except OSError as error:
        raise RunFolderError(f"{error.filename or runs} cannot be written: {error.strerror}") from error


@contextmanager
def _making(runs: Path) -> Iterator[None]:
    """Keep others from removing what is being made; if nobody else makes a run, remove what killed processes left."""
    import fcntl

    with (runs / ".gitignore").open("a") as file:  # any file that every runs folder has
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in runs.glob(f"{_UNFINISHED}*"):
                remove_tree(left)
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def _new_id(runs: Path, beginning: str) -> tuple[str, str]:
    """The id of a run that was not there, and that of its execution; the unfinished folder then is there."""
    while True:
        execution = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))
        run = f"{beginning}-{execution[-4:]}"
        if (runs / run).exists():
            continue
        with suppress(FileExistsError):
            (runs / f"{_UNFINISHED}{run}").mkdir()
            return run, execution
