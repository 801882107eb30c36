"""One pipeline of all common steps: from a raw file to a registered model and scores.

preprocess -> train -> evaluate -> is the accuracy high enough? -> register, create model, score; else fail.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, REGION, ROLE, SKLEARN_VERSION


def _input(name: str, source: Any) -> ProcessingInput:
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=source, local_path=f"/opt/ml/processing/input/{name}", s3_data_type="S3Prefix"
        ),
    )


def _output(name: str, destination: Any) -> ProcessingOutput:
    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(
            s3_uri=destination, local_path=f"/opt/ml/processing/output/{name}", s3_upload_mode="EndOfJob"
        ),
    )


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
            inputs=[
                _input("raw", f"{DATA}/breast_cancer.csv"),
            ],
            outputs=[
                _output(
                    name,
                    Join(
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

    trainer = ModelTrainer(
        training_image=image,
        role=ROLE,
        compute=Compute(instance_type=instance_type, instance_count=1),
        hyperparameters={
            "max_depth": max_depth,
            "criterion": "gini",
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"{CODE}/source.tar.gz",
            "sagemaker_container_log_level": 20,
            "sagemaker_region": REGION,
        },
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train"),
        sagemaker_session=session,
    )
    train = TrainingStep(
        name="train",
        step_args=trainer.train(
            input_data_config=[
                InputData(
                    channel_name="train",
                    data_source=split["train"].S3Output.S3Uri,
                    content_type="text/csv",
                )
            ]
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
                _input("model", artifact),
                _input("test", split["test"].S3Output.S3Uri),
            ],
            outputs=[_output("evaluation", f"{OUTPUT}/evaluate")],
        ),
        property_files=[report],
    )

    builder = ModelBuilder(
        image_uri=image,
        s3_model_data_url=artifact,
        role_arn=ROLE,
        env_vars={
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"{CODE}/source.tar.gz",
        },
        dependencies=None,
        sagemaker_session=session,
    )
    register = ModelStep(
        name="register",
        step_args=builder.register(
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
    create = ModelStep(name="create", step_args=builder.build())
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
