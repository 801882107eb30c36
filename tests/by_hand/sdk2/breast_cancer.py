"""One pipeline of all common steps: from a raw file to a registered model and scores.

preprocess -> train -> evaluate -> is the accuracy high enough? -> register, create model, score; else fail.
"""

from __future__ import annotations

from typing import Any

from sagemaker import image_uris
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, REGION, ROLE, SKLEARN_VERSION


def build(session: Any) -> Pipeline:
    """The pipeline as a user of this SDK would write it."""
    instance_type = ParameterString(name="InstanceType", default_value=INSTANCE)
    max_depth = ParameterInteger(name="MaxDepth", default_value=5)
    accuracy_threshold = ParameterFloat(name="AccuracyThreshold", default_value=0.9)
    approval = ParameterString(
        name="ApprovalStatus",
        default_value="PendingManualApproval",
        enum_values=["Approved", "PendingManualApproval"],
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
            inputs=[
                ProcessingInput(
                    source=f"{DATA}/breast_cancer.csv",
                    destination="/opt/ml/processing/input/raw",
                    input_name="raw",
                )
            ],
            outputs=[
                ProcessingOutput(
                    output_name=name,
                    source=f"/opt/ml/processing/output/{name}",
                    destination=Join(
                        on="/", values=[OUTPUT, ExecutionVariables.PIPELINE_EXECUTION_ID, "preprocess", name]
                    ),
                )
                for name in ("train", "test")
            ],
            arguments=["--test-size", "0.2"],
        ),
        cache_config=cache,
    )
    split = preprocess.properties.ProcessingOutputConfig.Outputs

    estimator = SKLearn(
        entry_point="train.py",
        source_dir=f"{CODE}/source.tar.gz",
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        instance_type=instance_type,
        instance_count=1,
        hyperparameters={"max_depth": max_depth, "criterion": "gini"},
        output_path=f"{OUTPUT}/train",
        sagemaker_session=session,
    )
    train = TrainingStep(
        name="train",
        step_args=estimator.fit(
            {"train": TrainingInput(s3_data=split["train"].S3Output.S3Uri, content_type="text/csv")}
        ),
        cache_config=cache,
    )
    artifact = train.properties.ModelArtifacts.S3ModelArtifacts

    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(
        name="evaluate",
        step_args=sklearn.run(
            code=f"{CODE}/evaluate.py",
            inputs=[
                ProcessingInput(
                    source=artifact, destination="/opt/ml/processing/input/model", input_name="model"
                ),
                ProcessingInput(
                    source=split["test"].S3Output.S3Uri,
                    destination="/opt/ml/processing/input/test",
                    input_name="test",
                ),
            ],
            outputs=[
                ProcessingOutput(
                    output_name="evaluation",
                    source="/opt/ml/processing/output/evaluation",
                    destination=f"{OUTPUT}/evaluate",
                )
            ],
        ),
        property_files=[report],
    )

    image = image_uris.retrieve(
        "sklearn", REGION, version=SKLEARN_VERSION, py_version="py3", instance_type=INSTANCE
    )
    model = Model(
        image_uri=image,
        model_data=artifact,
        role=ROLE,
        env={
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"{CODE}/source.tar.gz",
        },
        sagemaker_session=session,
    )
    register = ModelStep(
        name="register",
        step_args=model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="breast-cancer",
            approval_status=approval,
            model_metrics=ModelMetrics(
                model_statistics=MetricsSource(
                    content_type="application/json", s3_uri=f"{OUTPUT}/evaluate/evaluation.json"
                )
            ),
        ),
    )
    create = ModelStep(name="create", step_args=model.create())
    transformer = Transformer(
        model_name=create.properties.ModelName,
        instance_count=1,
        instance_type=instance_type,
        output_path=f"{OUTPUT}/score",
        accept="text/csv",
        sagemaker_session=session,
    )
    score = TransformStep(
        name="score",
        step_args=transformer.transform(data=f"{DATA}/batch", content_type="text/csv", split_type="Line"),
    )
    fail = FailStep(
        name="fail",
        error_message=Join(on=" ", values=["Accuracy is below", accuracy_threshold]),
    )
    check = ConditionStep(
        name="check",
        conditions=[
            ConditionGreaterThanOrEqualTo(
                left=JsonGet(
                    step_name="evaluate",
                    property_file=report,
                    json_path="classification_metrics.accuracy.value",
                ),
                right=accuracy_threshold,
            )
        ],
        if_steps=[register, create, score],
        else_steps=[fail],
    )
    return Pipeline(
        name="breast-cancer",
        parameters=[instance_type, max_depth, accuracy_threshold, approval],
        steps=[preprocess, train, evaluate, check],
        sagemaker_session=session,
    )
