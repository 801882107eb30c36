"""What tests of executors share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagcast.errors import DagcastError
from dagcast.runner.executors.executor import Executor, StepAttempt
from dagcast.runner.options import RunOptions
from dagcast.runner.store.local_store import Store
from tests.support.steps import make_step

NO_PROCESS: Any = None
"""For executors that start no job."""


def ended_by_the_run(
    executor: Executor, run: StepAttempt, log: str = "stdout.log"
) -> list[type[DagcastError]]:
    """What a step ends with if the run is stopped once its job has printed something.

    Args:
        executor: What runs the step.
        run: The attempt.
        log: The log of its job, in the folder of the attempt.
    """
    raised: list[type[DagcastError]] = []

    def call() -> None:
        try:
            executor.run(run)
        except DagcastError as error:
            raised.append(type(error))

    thread = threading.Thread(target=call)
    thread.start()
    printed = run.folder / log
    while thread.is_alive() and not (printed.exists() and printed.stat().st_size):
        thread.join(0.05)
    run.stop.set()
    thread.join()
    return raised


def step_run(
    folder: Path,
    name: str,
    kind: str,
    arguments: Mapping[str, Any],
    beside: Mapping[str, Any] | None = None,
    *,
    job: str = "job",
    launcher: Any = NO_PROCESS,
    properties_of: Mapping[str, Mapping[str, Any]] | None = None,
    execution_arn: str = "",
    warnings: list[str] | None = None,
    **options: Any,
) -> StepAttempt:
    """An attempt at a step below ``folder``: its store is ``s3``, the runs are in ``runs``."""
    known = properties_of or {}
    (folder / "attempts").mkdir(parents=True, exist_ok=True)
    attempt = folder / "attempts" / job
    attempt.mkdir(exist_ok=True)
    return StepAttempt(
        step=make_step(name, kind, arguments, beside),
        arguments=arguments,
        fields=beside or {},
        waits_for=tuple(known),
        job_name=job,
        folder=attempt,
        store=Store(folder / "s3"),
        options=RunOptions(**{"runs": folder / "runs", **options}),
        launcher=launcher,
        stop=threading.Event(),
        warn=(warnings if warnings is not None else []).append,
        execution_arn=execution_arn,
        properties_of=lambda step: known[step],
    )
