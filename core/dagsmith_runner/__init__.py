"""Runs a compiled pipeline definition on this machine: without Docker, without AWS, without the SDK.

The definition that is run is the JSON that SageMaker would get. S3 is a folder, a job is a process that finds
SageMaker's container contract, and what a run did is kept in a folder that explains itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagsmith_runner.options import RunOptions as RunOptions
    from dagsmith_runner.runner import Runner as Runner
    from dagsmith_runner.runner import RunOutcome as RunOutcome

_HOMES = {
    "RunOptions": "dagsmith_runner.options",
    "RunOutcome": "dagsmith_runner.runner",
    "Runner": "dagsmith_runner.runner",
}

__all__ = ["RunOptions", "RunOutcome", "Runner"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
