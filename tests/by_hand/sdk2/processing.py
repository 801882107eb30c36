"""A scikit-learn processing script: SKLearnProcessor with its defaults, one input and two outputs."""

from __future__ import annotations

from typing import Any

from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import ProcessingStep

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, ROLE, SKLEARN_VERSION


def build(session: Any) -> Pipeline:
    """One processing step; ``test`` has no destination, so the SDK names one."""
    processor = SKLearnProcessor(
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        instance_type=INSTANCE,
        instance_count=1,
        sagemaker_session=session,
    )
    preprocess = ProcessingStep(
        name="preprocess",
        step_args=processor.run(
            code=f"{CODE}/preprocess.py",
            inputs=[
                ProcessingInput(
                    source=f"{DATA}/raw.csv", destination="/opt/ml/processing/input/raw", input_name="raw"
                )
            ],
            outputs=[
                ProcessingOutput(
                    output_name="train",
                    source="/opt/ml/processing/output/train",
                    destination=f"{OUTPUT}/preprocess/train",
                ),
                ProcessingOutput(output_name="test", source="/opt/ml/processing/output/test"),
            ],
            arguments=["--test-size", "0.2"],
        ),
    )
    return Pipeline(name="processing", steps=[preprocess], sagemaker_session=session)
