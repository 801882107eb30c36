"""Parameters of all types, every execution variable, joins, properties, and an experiment of one's own."""

from __future__ import annotations

from typing import Any

from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_experiment_config import PipelineExperimentConfig
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep

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
                    source=Join(on="/", values=["s3:/", bucket, "raw"]),
                    destination="/opt/ml/processing/input/raw",
                    input_name="raw",
                )
            ],
            outputs=[
                ProcessingOutput(
                    output_name="report",
                    source="/opt/ml/processing/output/report",
                    destination=Join(
                        on="/",
                        values=[
                            "s3:/",
                            bucket,
                            Join(values=["run-", ExecutionVariables.PIPELINE_EXECUTION_ID]),
                        ],
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
                    source=first.properties.ProcessingOutputConfig.Outputs["report"].S3Output.S3Uri,
                    destination="/opt/ml/processing/input/report",
                    input_name="report",
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
