"""The catalog of step types, by name."""

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
        "InferenceComponent": "inference_component",
        "Job": "job_step",
        "Lineage": "lineage",
        "Cleanup": "cleanup",
        "Request": "request",
    }
)
"""The module of each built-in step type. A module is imported on the first use of its type."""


class StepCatalog:
    """The built-in step types and the added ones, by name.

    Args:
        added: Additional step types, by name. They take precedence over built-in ones.
    """

    def __init__(self, added: Mapping[str, StepType[Any]] = MappingProxyType({})) -> None:
        self._added = dict(added)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all step types, the built-in ones first."""
        return (*MODULES, *self._added)

    def __contains__(self, name: object) -> bool:
        return name in MODULES or name in self._added

    def __getitem__(self, name: str) -> StepType[Any]:
        return self._added[name] if name in self._added else _builtin(name)


@cache
def _builtin(name: str) -> StepType[Any]:
    step_type: StepType[Any] = import_module(f"dagcast.compile.steps.{MODULES[name]}").STEP_TYPE
    return step_type
