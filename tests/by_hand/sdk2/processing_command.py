"""A script of any language: ScriptProcessor with the command that runs it."""

from __future__ import annotations

from typing import Any

from sagemaker.processing import ProcessingInput, ScriptProcessor
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import ProcessingStep

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
                    source=f"{DATA}/raw.csv", destination="/opt/ml/processing/input/raw", input_name="raw"
                )
            ],
            arguments=["--digits", "3"],
        ),
    )
    return Pipeline(name="processing-command", steps=[summarise], sagemaker_session=session)
