"""What a caller may choose about a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Isolation = Literal["auto", "namespace", "paths", "docker"]


@dataclass(frozen=True)
class RunOptions:
    """The choices of one run.

    Attributes:
        runs: The folder that holds all runs.
        parameters: Values of pipeline parameters, by name; texts are converted to the parameter's type.
        inputs: By S3 URI: the local file or folder that stands for it and for all below it.
        stores: Stores of earlier runs that are read where this run's own store has nothing.
        real_s3: Whether what no local place has is read from S3 itself, through boto3.
        jobs: How many steps may run at the same time.
        isolation: How a job finds ``/opt/ml``: ``namespace`` by a mount namespace of its own, ``paths`` by having
            the paths in its arguments and environment rewritten, ``docker`` in the step's own image; ``auto`` takes
            the namespace where the machine has it, else rewrites paths.
        requirements: Whether a step whose code has a ``requirements.txt`` gets a Python environment of its own.
        only: Names of the steps to run, and no others; empty for all.
        start: Names of steps: they and all that comes after them run; empty for all.
        stubs: By step: a JSON file with the properties and outputs that stand for running it.
        lambdas: By function name or ARN: ``FILE.py:HANDLER`` that stands for the function.
        callbacks: By step: a JSON file or a command that answers for it.
        cache: Whether steps that ask for it may reuse the result of an earlier run.
    """

    runs: Path = Path(".dagsmith/runs")
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Path] = field(default_factory=dict)
    stores: tuple[Path, ...] = ()
    real_s3: bool = False
    jobs: int = 2
    isolation: Isolation = "auto"
    requirements: bool = True
    only: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    stubs: Mapping[str, Path] = field(default_factory=dict)
    lambdas: Mapping[str, str] = field(default_factory=dict)
    callbacks: Mapping[str, str] = field(default_factory=dict)
    cache: bool = True
