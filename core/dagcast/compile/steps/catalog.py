"""The step types that dagcast knows, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from dagcast.compile.steps.step_type import StepType

MODULES = MappingProxyType(
    {
        "Processing": "processing",
        "Training": "training",
        "Tuning": "tuning",
        "Transform": "transform",
        "CreateModel": "create_model",
        "RegisterModel": "register_model",
        "Condition": "condition",
        "Fail": "fail",
        "Lambda": "lambda_",
        "Callback": "callback",
        "EMR": "emr",
        "EMRServerless": "emr_serverless",
        "QualityCheck": "quality_check",
        "ClarifyCheck": "clarify_check",
        "AutoML": "automl",
        "NotebookJob": "notebook_job",
        "EndpointConfig": "endpoint_config",
        "Endpoint": "endpoint",
        "Request": "request",
    }
)
"""The module of each step type. A module is imported when a config first uses its type."""


class StepCatalog:
    """Step types by name: dagcast's own, and those that are added.

    Args:
        added: Further step types, by name.
    """

    def __init__(self, added: Mapping[str, StepType[Any]] = MappingProxyType({})) -> None:
        self._added = dict(added)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all step types."""
        return (*MODULES, *self._added)

    def __contains__(self, name: object) -> bool:
        return name in MODULES or name in self._added

    def __getitem__(self, name: str) -> StepType[Any]:
        return self._added[name] if name in self._added else _builtin(name)


@cache
def _builtin(name: str) -> StepType[Any]:
    step_type: StepType[Any] = import_module(f"dagcast.compile.steps.{MODULES[name]}").STEP_TYPE
    return step_type
