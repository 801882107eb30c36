"""What tests of executors share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagsmith_runner.definition import Step
from dagsmith_runner.executor import StepRun
from dagsmith_runner.options import RunOptions
from dagsmith_runner.store.folder import Store

NO_PROCESS: Any = None
"""For executors that start no job."""


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
) -> StepRun:
    """An attempt at a step below ``folder``: its store is ``s3``, the runs are in ``runs``."""
    body = {"Name": name, "Type": kind, "Arguments": arguments, **(beside or {})}
    known = properties_of or {}
    (folder / "attempts").mkdir(parents=True, exist_ok=True)
    attempt = folder / "attempts" / job
    attempt.mkdir(exist_ok=True)
    return StepRun(
        step=Step(name, kind, arguments, body, tuple(known)),
        arguments=arguments,
        body=body,
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
