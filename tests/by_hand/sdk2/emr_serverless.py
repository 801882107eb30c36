"""Jobs on EMR Serverless: SDK 2.257.7 has no such step.

``StepTypeEnum`` has no member for it, and the import raises ``ModuleNotFoundError: No module named
'sagemaker.workflow.emr_serverless_step'``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def build(session: Any) -> Any:
    """Imports what SDK 3 has for this.

    Raises:
        ModuleNotFoundError: Always.
    """
    return import_module("sagemaker.workflow.emr_serverless_step").EMRServerlessStep
