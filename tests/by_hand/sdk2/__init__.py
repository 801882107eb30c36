"""Reference pipelines for SageMaker SDK 2 (written against 2.257.7), one module per step type."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..session import offline

NAMES = (
    "processing",
    "processing_options",
    "processing_command",
    "processing_spark",
    "training",
    "training_options",
    "training_frameworks",
    "training_machines",
    "training_debugger",
    "tuning",
    "tuning_options",
    "transform",
    "create_model",
    "model_containers",
    "register_model",
    "register_baselines",
    "condition",
    "fail",
    "lambda_function",
    "callback",
    "emr",
    "emr_cluster",
    "emr_retry",
    "quality_check_data",
    "quality_check_model",
    "quality_check_network",
    "clarify_data_bias",
    "clarify_model_bias",
    "clarify_explainability",
    "automl",
    "notebook_job",
    "endpoint_config",
    "endpoint",
    "inference_component",
    "lineage",
    "references",
    "no_experiment",
    "breast_cancer",
    "example",
)

# Their classes upload when the pipeline is made or compiled, so a local AWS has to be up.
UPLOADS = frozenset({"clarify_data_bias", "clarify_model_bias", "clarify_explainability", "notebook_job"})

# What this SDK cannot do, and the error that it gives; each module says more.
REFUSED: dict[str, type[Exception]] = {"emr_serverless": ModuleNotFoundError}


def pipelines() -> dict[str, Callable[[Any], Any]]:
    """The ``build`` function of each reference pipeline, by module name."""
    with offline():
        return {name: import_module(f"{__name__}.{name}").build for name in NAMES}
