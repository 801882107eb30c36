"""Parameters of all types, every execution variable, joins, properties, and an experiment of one's own."""

from __future__ import annotations

from typing import Any

from sagemaker.core.processing import Processor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import (
    ParameterBoolean,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
)
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.pipeline_experiment_config import PipelineExperimentConfig
from sagemaker.mlops.workflow.steps import ProcessingStep

from ..inputs import IMAGE, ROLE


def build(session: Any) -> Pipeline:
    """``first`` reads parameters and execution variables, ``second`` reads ``first``."""
    bucket = ParameterString(name="Bucket")
    instance = ParameterString(
        name="InstanceType", default_value="ml.m5.xlarge", enum_values=["ml.m5.xlarge", "ml.m5.2xlarge"]
    )
    empty = ParameterString(name="Empty", default_value="")
    count = ParameterInteger(name="InstanceCount", default_value=1)
    zero = ParameterInteger(name="Zero", default_value=0)
    rate = ParameterFloat(name="Rate", default_value=0.5)
    verbose = ParameterBoolean(name="Verbose", default_value=True)
    quiet = ParameterBoolean(name="Quiet", default_value=False)
    needed = ParameterInteger(name="Needed")
    first = ProcessingStep(
        name="first",
        step_args=Processor(
            role=ROLE,
            image_uri=IMAGE,
            instance_count=count,
            instance_type=instance,
            env={
                "START": ExecutionVariables.START_DATETIME,
                "NOW": ExecutionVariables.CURRENT_DATETIME,
                "NAME": ExecutionVariables.PIPELINE_NAME,
                "ARN": ExecutionVariables.PIPELINE_ARN,
                "EXECUTION": ExecutionVariables.PIPELINE_EXECUTION_ID,
                "EXECUTION_ARN": ExecutionVariables.PIPELINE_EXECUTION_ARN,
                "JOB": ExecutionVariables.PROCESSING_JOB_NAME,
                "RATE": rate.to_string(),
                "EMPTY": empty,
            },
            sagemaker_session=session,
        ).run(
            inputs=[
                ProcessingInput(
                    input_name="raw",
                    s3_input=ProcessingS3Input(
                        s3_uri=Join(on="/", values=["s3:/", bucket, "raw"]),
                        local_path="/opt/ml/processing/input/raw",
                        s3_data_type="S3Prefix",
                    ),
                )
            ],
            outputs=[
                ProcessingOutput(
                    output_name="report",
                    s3_output=ProcessingS3Output(
                        s3_uri=Join(
                            on="/",
                            values=[
                                "s3:/",
                                bucket,
                                Join(values=["run-", ExecutionVariables.PIPELINE_EXECUTION_ID]),
                            ],
                        ),
                        local_path="/opt/ml/processing/output/report",
                        s3_upload_mode="EndOfJob",
                    ),
                )
            ],
            arguments=[
                "--verbose",
                verbose.to_string(),
                "--quiet",
                quiet.to_string(),
                "--zero",
                zero.to_string(),
                "--needed",
                needed.to_string(),
            ],
        ),
        property_files=[PropertyFile(name="Report", output_name="report", path="report.json")],
    )
    second = ProcessingStep(
        name="second",
        step_args=Processor(
            role=ROLE,
            image_uri=IMAGE,
            instance_count=1,
            instance_type="ml.m5.xlarge",
            env={
                "ROWS": JsonGet(step_name="first", property_file="Report", json_path="rows").to_string(),
                "STATUS": first.properties.ProcessingJobStatus,
                "IMAGE": first.properties.AppSpecification.ImageUri,
            },
            sagemaker_session=session,
        ).run(
            inputs=[
                ProcessingInput(
                    input_name="report",
                    s3_input=ProcessingS3Input(
                        s3_uri=first.properties.ProcessingOutputConfig.Outputs["report"].S3Output.S3Uri,
                        local_path="/opt/ml/processing/input/report",
                        s3_data_type="S3Prefix",
                    ),
                )
            ],
        ),
    )
    return Pipeline(
        name="references",
        parameters=[bucket, instance, empty, count, zero, rate, verbose, quiet, needed],
        pipeline_experiment_config=PipelineExperimentConfig(
            "breast-cancer", Join(on="-", values=["trial", ExecutionVariables.PIPELINE_EXECUTION_ID])
        ),
        steps=[first, second],
        sagemaker_session=session,
    )
