"""The SDK's own local mode runs an emitted pipeline: it understands the steps as if they were its own."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from dagcast.compile.emit.pipeline import emit_pipeline
from dagcast.compile.emit.sdk import SDK
from tests.integration.emit.specs import decision


@pytest.fixture
def run(sdk: SDK, aws: Any) -> Any:
    """Runs a pipeline in local mode, with the values of its parameters."""

    def run_on_2(pipeline: Any, **parameters: Any) -> Any:
        module = importlib.import_module("sagemaker.workflow.pipeline_context")
        pipeline.sagemaker_session = module.LocalPipelineSession(boto_session=aws)
        pipeline.upsert()
        return pipeline.start(parameters=parameters)

    def run_on_3(pipeline: Any, **parameters: Any) -> Any:
        session = importlib.import_module("sagemaker.mlops.local").LocalPipelineSession(boto_session=aws)
        pipeline.sagemaker_session = session
        session.create_pipeline(pipeline, "local")
        return session.start_pipeline_execution(pipeline.name, PipelineParameters=parameters)

    return run_on_2 if sdk.version.major == 2 else run_on_3


def test_the_condition_holds_and_the_fail_step_fails(run: Any) -> None:
    execution = run(emit_pipeline(decision()), Count=6)
    assert execution.describe()["PipelineExecutionStatus"] == "Failed"
    assert execution.describe()["FailureReason"] == "Step 'stop' failed with message: stopped at 6"


def test_the_condition_does_not_hold(run: Any) -> None:
    execution = run(emit_pipeline(decision()))
    assert execution.describe()["PipelineExecutionStatus"] == "Succeeded"
    steps = {
        step["StepName"]: step["StepStatus"] for step in execution.list_steps()["PipelineExecutionSteps"]
    }
    assert steps == {"gate": "Succeeded"}
