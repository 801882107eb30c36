"""Reference pipelines for SageMaker SDK 3 (written against 3.27.0), one module per step type."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..session import offline

NAMES = (
    "processing",
    "processing_options",
    "processing_command",
    "training",
    "training_options",
    "training_source_code",
    "training_torchrun",
    "tuning",
    "tuning_options",
    "transform",
    "create_model",
    "register_model",
    "register_baselines",
    "register_model_defaults",
    "condition",
    "fail",
    "lambda_function",
    "callback",
    "emr",
    "emr_cluster",
    "emr_serverless",
    "quality_check_data",
    "quality_check_model",
    "clarify_data_bias",
    "clarify_model_bias",
    "clarify_explainability",
    "notebook_job",
    "endpoint_config",
    "endpoint",
    "inference_component",
    "lineage",
    "cleanup",
    "job_step",
    "references",
    "no_experiment",
    "breast_cancer",
    "example",
)

# Their classes upload when the pipeline is made or compiled, so a local AWS has to be up.
UPLOADS = frozenset(
    {
        "clarify_data_bias",
        "clarify_model_bias",
        "clarify_explainability",
        "notebook_job",
        "training_source_code",
        "training_torchrun",
    }
)

# What this SDK cannot do, and the error that it gives; each module says more.
REFUSED: dict[str, type[Exception]] = {"automl": AttributeError, "quality_check_network": TypeError}


def pipelines() -> dict[str, Callable[[Any], Any]]:
    """The ``build`` function of each reference pipeline, by module name."""
    with offline():
        return {name: import_module(f"{__name__}.{name}").build for name in NAMES}
