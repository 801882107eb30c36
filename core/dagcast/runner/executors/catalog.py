"""The executors by type of step: which module of this package runs which ``Type`` of the definition."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType

from dagcast.runner.executors.executor import Executor

MODULES = MappingProxyType(
    {
        "Processing": "processing",
        "Training": "training",
        "Model": "create_model",
        "RegisterModel": "register_model",
        "Callback": "callback",
        "Lambda": "lambda_",
        "Tuning": "tuning",
        "Transform": "transform",
        "Condition": "condition",
        "Fail": "fail",
    }
)
"""The module of :mod:`dagcast.runner.executors` for each ``Type`` in the definition."""


def executor_for(step_type: str) -> Executor | None:
    """Return the executor of a type of step; ``None`` for a type that does not run locally."""
    if step_type not in MODULES:
        return None
    executor: Executor = import_module(f"dagcast.runner.executors.{MODULES[step_type]}").EXECUTOR
    return executor
