"""``examples/breast_cancer/pipeline.yaml`` as a user of this SDK would write it, its code uploaded beforehand."""

from __future__ import annotations

from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import (
    MetricDefinition,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    StoppingCondition,
)
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer

from ..inputs import BUCKET, CODE, INSTANCE, REGION, ROLE, SKLEARN_VERSION

NAME = "breast-cancer"
SOURCE = f"{CODE}/sourcedir.tar.gz"


def _input(name: str, source: Any) -> ProcessingInput:
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=source, local_path=f"/opt/ml/processing/{name}", s3_data_type="S3Prefix"
        ),
    )


def _output(name: str) -> ProcessingOutput:
    return ProcessingOutput(
        output_name=name,
        # The SDK names a place for an output without a URI, but its class insists on one.
        s3_output=ProcessingS3Output(
            s3_uri="", local_path=f"/opt/ml/processing/{name}", s3_upload_mode="EndOfJob"
        ),
    )


def build(session: Any) -> Pipeline:
    """preprocess -> train -> evaluate -> good enough? -> register, create the model, predict; else fail."""
    instance_type = ParameterString(name="InstanceType", default_value=INSTANCE)
    min_accuracy = ParameterFloat(name="MinAccuracy", default_value=0.9)
    approval = ParameterString(
        name="ModelApproval",
        default_value="PendingManualApproval",
        enum_values=["PendingManualApproval", "Approved"],
    )
    cache = CacheConfig(enable_caching=True, expire_after="P30D")
    image = image_uris.retrieve(
        "sklearn", REGION, version=SKLEARN_VERSION, py_version="py3", instance_type=INSTANCE
    )
    sklearn = ScriptProcessor(
        image_uri=image,
        command=["python3"],
        role=ROLE,
        instance_type=instance_type,
        instance_count=1,
        sagemaker_session=session,
    )

    preprocess = ProcessingStep(
        name="preprocess",
        step_args=sklearn.run(
            code=f"{CODE}/preprocess.py",
            outputs=[_output(name) for name in ("train", "validation", "test", "batch")],
            arguments=["--validation-fraction", "0.2", "--test-fraction", "0.2"],
        ),
        cache_config=cache,
    )
    parts = preprocess.properties.ProcessingOutputConfig.Outputs

    trainer = ModelTrainer(
        training_image=image,
        role=ROLE,
        compute=Compute(instance_type=instance_type, instance_count=1),
        hyperparameters={
            "algorithm": "logistic",
            "regularization": 0.5,
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": SOURCE,
            "sagemaker_container_log_level": 20,
            "sagemaker_region": REGION,
        },
        stopping_condition=StoppingCondition(max_runtime_in_seconds=1800),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{BUCKET}/{NAME}/train"),
        sagemaker_session=session,
    ).with_metric_definitions([MetricDefinition(name="validation:auc", regex="validation:auc=([0-9.]+)")])
    train = TrainingStep(
        name="train",
        step_args=trainer.train(
            input_data_config=[
                InputData(channel_name=name, data_source=parts[name].S3Output.S3Uri, content_type="text/csv")
                for name in ("train", "validation")
            ]
        ),
        retry_policies=[
            SageMakerJobStepRetryPolicy(
                failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
                max_attempts=3,
                interval_seconds=60,
            )
        ],
    )
    artifact = train.properties.ModelArtifacts.S3ModelArtifacts

    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(
        name="evaluate",
        step_args=sklearn.run(
            code=f"{CODE}/evaluate.py",
            inputs=[_input("model", artifact), _input("test", parts["test"].S3Output.S3Uri)],
            outputs=[_output("evaluation")],
        ),
        property_files=[report],
        cache_config=cache,
    )
    evaluation = evaluate.properties.ProcessingOutputConfig.Outputs["evaluation"].S3Output.S3Uri

    builder = ModelBuilder(
        image_uri=image,
        s3_model_data_url=artifact,
        role_arn=ROLE,
        env_vars={
            "SAGEMAKER_PROGRAM": "train.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": SOURCE,
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            "SAGEMAKER_REGION": REGION,
        },
        dependencies=None,
        sagemaker_session=session,
    )
    register = ModelStep(
        name="register",
        step_args=builder.register(
            content_types=["text/csv", "application/json"],
            response_types=["text/csv", "application/json"],
            inference_instances=["ml.m5.large"],
            transform_instances=[INSTANCE],
            model_package_group_name="breast-cancer",
            approval_status=approval,
            model_metrics=ModelMetrics(
                model_statistics=MetricsSource(
                    content_type="application/json",
                    s3_uri=Join(on="/", values=[evaluation, "evaluation.json"]),
                )
            ),
        ),
    )
    create = ModelStep(name="create-model", step_args=builder.build())
    transformer = Transformer(
        model_name=create.properties.ModelName,
        instance_count=1,
        instance_type=instance_type,
        assemble_with="Line",
        accept="text/csv",
        output_path=Join(
            on="/", values=["s3:/", BUCKET, NAME, ExecutionVariables.PIPELINE_EXECUTION_ID, "predict"]
        ),
        sagemaker_session=session,
    )
    predict = TransformStep(
        name="predict",
        step_args=transformer.transform(
            data=parts["batch"].S3Output.S3Uri, content_type="text/csv", split_type="Line"
        ),
    )
    too_weak = FailStep(
        name="too-weak", error_message=Join(on=" ", values=["accuracy is below", min_accuracy])
    )
    good_enough = ConditionStep(
        name="good-enough",
        conditions=[
            ConditionGreaterThanOrEqualTo(
                left=JsonGet(
                    step_name="evaluate",
                    property_file=report,
                    json_path="binary_classification_metrics.accuracy.value",
                ),
                right=min_accuracy,
            )
        ],
        if_steps=[register, create, predict],
        else_steps=[too_weak],
    )
    return Pipeline(
        name=NAME,
        parameters=[instance_type, min_accuracy, approval],
        steps=[preprocess, train, evaluate, good_enough],
        sagemaker_session=session,
    )
