"""Runs a compiled pipeline definition on this machine: without AWS, without the SDK, and without Docker if wanted.

The definition that is run is the JSON that SageMaker would get, and S3 is a folder.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagcast.runner.options import RunOptions as RunOptions
    from dagcast.runner.records.outcome import RunOutcome as RunOutcome
    from dagcast.runner.runner import Runner as Runner

_HOMES = {
    "RunOptions": "dagcast.runner.options",
    "RunOutcome": "dagcast.runner.records.outcome",
    "Runner": "dagcast.runner.runner",
}

__all__ = ["RunOptions", "RunOutcome", "Runner"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
