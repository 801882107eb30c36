"""``examples/breast_cancer/pipeline.yaml`` as a user of this SDK would write it, its code uploaded beforehand."""

from __future__ import annotations

from typing import Any

from sagemaker.inputs import TrainingInput
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.model import SKLearnModel
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep

from ..inputs import BUCKET, CODE, INSTANCE, ROLE, SKLEARN_VERSION

NAME = "breast-cancer"


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
    sklearn = SKLearnProcessor(
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        instance_type=instance_type,
        instance_count=1,
        sagemaker_session=session,
    )

    preprocess = ProcessingStep(
        name="preprocess",
        step_args=sklearn.run(
            code=f"{CODE}/preprocess.py",
            outputs=[
                ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}")
                for name in ("train", "validation", "test", "batch")
            ],
            arguments=["--validation-fraction", "0.2", "--test-fraction", "0.2"],
        ),
        cache_config=cache,
    )
    parts = preprocess.properties.ProcessingOutputConfig.Outputs

    estimator = SKLearn(
        entry_point="train.py",
        source_dir=f"{CODE}/sourcedir.tar.gz",
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        instance_type=instance_type,
        instance_count=1,
        hyperparameters={"algorithm": "logistic", "regularization": 0.5},
        metric_definitions=[{"Name": "validation:auc", "Regex": "validation:auc=([0-9.]+)"}],
        max_run=1800,
        output_path=f"s3://{BUCKET}/{NAME}/train",
        sagemaker_session=session,
    )
    train = TrainingStep(
        name="train",
        step_args=estimator.fit(
            {
                name: TrainingInput(s3_data=parts[name].S3Output.S3Uri, content_type="text/csv")
                for name in ("train", "validation")
            }
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
            inputs=[
                ProcessingInput(source=artifact, destination="/opt/ml/processing/model", input_name="model"),
                ProcessingInput(
                    source=parts["test"].S3Output.S3Uri,
                    destination="/opt/ml/processing/test",
                    input_name="test",
                ),
            ],
            outputs=[
                ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation"),
            ],
        ),
        property_files=[report],
        cache_config=cache,
    )
    evaluation = evaluate.properties.ProcessingOutputConfig.Outputs["evaluation"].S3Output.S3Uri

    model = SKLearnModel(
        model_data=artifact,
        role=ROLE,
        entry_point="train.py",
        source_dir=f"{CODE}/sourcedir.tar.gz",
        framework_version=SKLEARN_VERSION,
        sagemaker_session=session,
    )
    register = ModelStep(
        name="register",
        step_args=model.register(
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
    create = ModelStep(name="create-model", step_args=model.create(instance_type=INSTANCE))
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
