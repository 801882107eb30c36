"""An Autopilot job: SDK 3.27.0 has the step, but no way to make one.

``AutoMLStep`` compares its arguments with ``Session.auto_ml``, and SDK 3's Session has no such method, so
that making the step raises ``AttributeError: type object 'Session' has no attribute 'auto_ml'`` whatever it
is given. The AutoML class that SDK 2 takes the arguments from is gone as well (``No module named
'sagemaker.automl'``), and ``PipelineSession`` has no producer in its place.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.workflow.pipeline_context import _JobStepArguments
from sagemaker.mlops.workflow.automl_step import AutoMLStep
from sagemaker.mlops.workflow.pipeline import Pipeline


def build(session: Any) -> Pipeline:
    """Makes the step from arguments of the only kind that it could take.

    Raises:
        AttributeError: Always.
    """
    search = AutoMLStep(name="search", step_args=_JobStepArguments("auto_ml", {}))
    return Pipeline(name="automl", steps=[search], sagemaker_session=session)
