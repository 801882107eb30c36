"""A script of any language: ScriptProcessor with the command that runs it."""

from __future__ import annotations

from typing import Any

from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep

from ..inputs import CODE, DATA, IMAGE, INSTANCE, ROLE


def build(session: Any) -> Pipeline:
    """One processing step that R runs."""
    processor = ScriptProcessor(
        image_uri=IMAGE,
        command=["Rscript", "--vanilla"],
        role=ROLE,
        instance_type=INSTANCE,
        instance_count=1,
        sagemaker_session=session,
    )
    summarise = ProcessingStep(
        name="summarise",
        step_args=processor.run(
            code=f"{CODE}/summarise.R",
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
            arguments=["--digits", "3"],
        ),
    )
    return Pipeline(name="processing-command", steps=[summarise], sagemaker_session=session)
