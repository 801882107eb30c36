"""A scikit-learn processing script: ScriptProcessor with its defaults, one input and two outputs.

SDK 3 has no SKLearnProcessor (``sagemaker.core.processing`` has Processor, ScriptProcessor and
FrameworkProcessor), so the image is looked up by hand.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, REGION, ROLE, SKLEARN_VERSION


def build(session: Any) -> Pipeline:
    """One processing step; ``test`` has no destination, so the SDK names one."""
    processor = ScriptProcessor(
        image_uri=image_uris.retrieve(
            "sklearn", REGION, version=SKLEARN_VERSION, py_version="py3", instance_type=INSTANCE
        ),
        command=["python3"],
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
                    input_name="raw",
                    s3_input=ProcessingS3Input(
                        s3_uri=f"{DATA}/raw.csv",
                        local_path="/opt/ml/processing/input/raw",
                        s3_data_type="S3Prefix",
                    ),
                )
            ],
            outputs=[
                ProcessingOutput(
                    output_name="train",
                    s3_output=ProcessingS3Output(
                        s3_uri=f"{OUTPUT}/preprocess/train",
                        local_path="/opt/ml/processing/output/train",
                        s3_upload_mode="EndOfJob",
                    ),
                ),
                ProcessingOutput(
                    output_name="test",
                    s3_output=ProcessingS3Output(
                        s3_uri="", local_path="/opt/ml/processing/output/test", s3_upload_mode="EndOfJob"
                    ),
                ),
            ],
            arguments=["--test-size", "0.2"],
        ),
    )
    return Pipeline(name="processing", steps=[preprocess], sagemaker_session=session)
