"""Pipelines to measure: chains and fan-outs of Processing steps, as a config and by hand."""

from __future__ import annotations

from typing import Any

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/bench:1"
INSTANCE = "ml.m5.xlarge"
BUCKET = "example-bucket"
SHAPES = ("chain", "fan-out")
INPUT = "/opt/ml/processing/input/data"
OUTPUT = "/opt/ml/processing/output/data"


def upstream(shape: str, index: int) -> int | None:
    """Return the step that step ``index`` reads from: the one before it in a chain, the first one in a fan-out."""
    if index == 0:
        return None
    return index - 1 if shape == "chain" else 0


def name(index: int) -> str:
    """Return the name of a step."""
    return f"step-{index:05}"


def config(shape: str, size: int) -> dict[str, Any]:
    """Return the pipeline as a config of dagcast."""
    steps: dict[str, Any] = {}
    edges = []
    for index in range(size):
        source = upstream(shape, index)
        steps[name(index)] = {
            "type": "Processing",
            "image_uri": IMAGE,
            "instance_type": INSTANCE,
            "container_entrypoint": ["python3", "/opt/app/run.py"],
            "arguments": ["--index", str(index)],
            "inputs": {"data": {"source": f"s3://{BUCKET}/raw"} if source is None else {}},
            "outputs": {"data": {"destination": f"s3://{BUCKET}/out/{name(index)}"}},
        }
        if source is not None:
            edges.append(f"{name(source)} -> {name(index)}")
    pipeline = {"name": "bench", "role": ROLE, "bucket": BUCKET, "limits": {"steps": 100_000}}
    return {"pipeline": pipeline, "steps": steps, "edges": edges}


def by_hand(session: Any, shape: str, size: int, sdk_major: int) -> Any:
    """Return the pipeline, created with the SDK's own classes."""
    if sdk_major == 2:
        from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
        from sagemaker.workflow.pipeline import Pipeline
        from sagemaker.workflow.steps import ProcessingStep

        def reads(source: Any) -> Any:
            return ProcessingInput(source=source, destination=INPUT, input_name="data")

        def writes(destination: str) -> Any:
            return ProcessingOutput(source=OUTPUT, destination=destination, output_name="data")

    else:
        from sagemaker.core.processing import Processor
        from sagemaker.core.shapes import (
            ProcessingInput,
            ProcessingOutput,
            ProcessingS3Input,
            ProcessingS3Output,
        )
        from sagemaker.mlops.workflow.pipeline import Pipeline
        from sagemaker.mlops.workflow.steps import ProcessingStep

        def reads(source: Any) -> Any:
            s3 = ProcessingS3Input(
                s3_uri=source, local_path=INPUT, s3_data_type="S3Prefix", s3_input_mode="File"
            )
            return ProcessingInput(input_name="data", s3_input=s3)

        def writes(destination: str) -> Any:
            s3 = ProcessingS3Output(s3_uri=destination, local_path=OUTPUT, s3_upload_mode="EndOfJob")
            return ProcessingOutput(output_name="data", s3_output=s3)

    steps: list[Any] = []
    for index in range(size):
        before = upstream(shape, index)
        source: Any = f"s3://{BUCKET}/raw"
        if before is not None:
            source = steps[before].properties.ProcessingOutputConfig.Outputs["data"].S3Output.S3Uri
        processor = Processor(
            role=ROLE,
            image_uri=IMAGE,
            instance_count=1,
            instance_type=INSTANCE,
            entrypoint=["python3", "/opt/app/run.py"],
            sagemaker_session=session,
        )
        arguments = processor.run(
            inputs=[reads(source)],
            outputs=[writes(f"s3://{BUCKET}/out/{name(index)}")],
            arguments=["--index", str(index)],
        )
        steps.append(ProcessingStep(name=name(index), step_args=arguments))
    return Pipeline(name="bench", steps=steps, sagemaker_session=session)
