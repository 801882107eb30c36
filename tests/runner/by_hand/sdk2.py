"""Pipelines as users of SageMaker SDK 2 write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.pipeline import PipelineModel
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.pytorch import PyTorch, PyTorchModel
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.model import SKLearnModel
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep
from sagemaker.xgboost.estimator import XGBoost

from tests.by_hand.inputs import BUCKET, IMAGE, INSTANCE, OUTPUT, ROLE, SKLEARN_VERSION
from tests.runner.by_hand import both


def script_step(
    aws: Any,
    name: str,
    code: Path,
    arguments: list[Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    **more: Any,
) -> ProcessingStep:
    """A ScriptProcessor's step; inputs and outputs are below ``/opt/ml/processing`` by their names."""
    processor = ScriptProcessor(
        image_uri=IMAGE,
        command=["python3"],
        role=ROLE,
        instance_type=INSTANCE,
        instance_count=1,
        sagemaker_session=aws,
    )
    step_args = processor.run(
        code=str(code),
        arguments=arguments,
        inputs=[
            ProcessingInput(input_name=key, source=uri, destination=f"/opt/ml/processing/{key}")
            for key, uri in (inputs or {}).items()
        ],
        outputs=[
            ProcessingOutput(output_name=key, source=f"/opt/ml/processing/{key}", destination=uri)
            for key, uri in (outputs or {}).items()
        ],
    )
    return ProcessingStep(name=name, step_args=step_args, **more)


def regression(aws: Any, code: Path) -> Pipeline:
    """What most pipelines are: prepare, train, evaluate, and if it is good enough, register and predict."""
    data = ParameterString(name="InputData", default_value=f"s3://{BUCKET}/raw")
    least = ParameterFloat(name="LeastR2", default_value=0.5)
    approval = ParameterString(name="Approval", default_value="PendingManualApproval")
    cache = CacheConfig(enable_caching=True, expire_after="P30D")
    prepare = ProcessingStep(
        name="Prepare",
        step_args=SKLearnProcessor(
            framework_version=SKLEARN_VERSION,
            role=ROLE,
            instance_type=INSTANCE,
            instance_count=1,
            env={"STAGE": "prod"},
            base_job_name="prepare",
            sagemaker_session=aws,
        ).run(
            code=str(code / "preprocess.py"),
            inputs=[ProcessingInput(source=data, destination="/opt/ml/processing/input")],
            outputs=[
                ProcessingOutput(output_name="train", source="/opt/ml/processing/train"),
                ProcessingOutput(output_name="test", source="/opt/ml/processing/test"),
            ],
            arguments=["--test-size", "0.25", "--columns", "x", "y", "--title", 'a "quoted"\ntext é'],
        ),
        cache_config=cache,
        retry_policies=[
            SageMakerJobStepRetryPolicy(
                exception_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR], max_attempts=2
            )
        ],
    )
    outputs = prepare.properties.ProcessingOutputConfig.Outputs
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=str(code / "train"),
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        instance_type=INSTANCE,
        hyperparameters={
            "depth": 3,
            "rate": 0.5,
            "fit-intercept": True,
            "kind": 'it\'s a "kind"',
            "layers": [1, 2],
            "options": {"a": 1},
            "nothing": None,
            "source": data,
        },
        metric_definitions=[
            {"Name": "loss", "Regex": "loss=([0-9.]+);"},
            {"Name": "r2", "Regex": "r2=([0-9.]+);"},
        ],
        checkpoint_s3_uri=f"s3://{BUCKET}/checkpoints",
        output_path=f"{OUTPUT}/train",
        sagemaker_session=aws,
    )
    train = TrainingStep(
        name="Train",
        step_args=estimator.fit(
            {
                "train": TrainingInput(s3_data=outputs["train"].S3Output.S3Uri, content_type="text/csv"),
                "test": TrainingInput(s3_data=outputs["test"].S3Output.S3Uri, content_type="text/csv"),
            }
        ),
        cache_config=cache,
    )
    report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
    evaluate = ProcessingStep(
        name="Evaluate",
        step_args=ScriptProcessor(
            image_uri=IMAGE,
            command=["python3"],
            role=ROLE,
            instance_type=INSTANCE,
            instance_count=1,
            sagemaker_session=aws,
        ).run(
            code=str(code / "evaluate.py"),
            inputs=[
                ProcessingInput(
                    source=train.properties.ModelArtifacts.S3ModelArtifacts,
                    destination="/opt/ml/processing/model",
                ),
                ProcessingInput(source=outputs["test"].S3Output.S3Uri, destination="/opt/ml/processing/test"),
            ],
            outputs=[
                ProcessingOutput(
                    output_name="evaluation",
                    source="/opt/ml/processing/evaluation",
                    destination=Join(on="/", values=[OUTPUT, ExecutionVariables.PIPELINE_EXECUTION_ID, "e"]),
                )
            ],
        ),
        property_files=[report],
    )
    model = SKLearnModel(
        model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
        entry_point="inference.py",
        source_dir=str(code / "train"),
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        sagemaker_session=aws,
    )
    register = ModelStep(
        name="Register",
        step_args=model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="regression",
            approval_status=approval,
        ),
    )
    create = ModelStep(name="Create", step_args=model.create(instance_type=INSTANCE))
    predict = TransformStep(
        name="Predict",
        step_args=Transformer(
            model_name=create.properties.ModelName,
            instance_type=INSTANCE,
            instance_count=1,
            accept="text/csv",
            assemble_with="Line",
            output_path=f"{OUTPUT}/predictions",
            sagemaker_session=aws,
        ).transform(
            data=Join(on="/", values=[outputs["test"].S3Output.S3Uri, "batch.csv"]),
            content_type="text/csv",
            split_type="Line",
        ),
    )
    good = ConditionStep(
        name="GoodEnough",
        conditions=[
            ConditionGreaterThanOrEqualTo(
                left=JsonGet(
                    step_name=evaluate.name, property_file=report, json_path="regression_metrics.r2.value"
                ),
                right=least,
            ),
            ConditionOr(
                [
                    ConditionIn(value=approval, in_values=["Approved", "PendingManualApproval"]),
                    ConditionNot(ConditionEquals(left=approval, right="Rejected")),
                ]
            ),
            ConditionLessThan(
                left=JsonGet(
                    step_name=evaluate.name,
                    property_file=report,
                    json_path="regression_metrics.list[0]['deep key'][0]",
                ),
                right=2,
            ),
        ],
        if_steps=[register, create, predict],
        else_steps=[FailStep(name="TooBad", error_message=Join(on=" ", values=["r2 is below", least]))],
    )
    return Pipeline(
        name="Regression",
        parameters=[data, least, approval],
        steps=[prepare, train, evaluate, good],
        sagemaker_session=aws,
    )


def frameworks(aws: Any, code: Path) -> Pipeline:
    """Estimators of the frameworks' own classes, with their own settings, and a FrameworkProcessor."""
    common = {"role": ROLE, "instance_type": INSTANCE, "instance_count": 1, "sagemaker_session": aws}
    shared = {
        "entry_point": "show.py",
        "source_dir": str(code / "show"),
        "hyperparameters": {"epochs": 2, "lr": 1e-05, "big": 10**20, "flag": False, "text": "a b"},
        "environment": {"MODE": "x=y"},
    }
    xgb = XGBoost(framework_version="1.7-1", max_run=600, **shared, **common)
    torch = PyTorch(
        framework_version="2.1", py_version="py310", keep_alive_period_in_seconds=60, **shared, **common
    )
    prepare = ProcessingStep(
        name="prepare",
        step_args=FrameworkProcessor(
            estimator_cls=PyTorch, framework_version="2.1", py_version="py310", **common
        ).run(
            code="main.py",
            source_dir=str(code / "framework"),
            inputs=[ProcessingInput(source=f"s3://{BUCKET}/raw", destination="/opt/ml/processing/input/raw")],
            outputs=[ProcessingOutput(output_name="seen", source="/opt/ml/processing/output")],
            arguments=["--a", "b c", "/opt/ml/processing/output"],
        ),
    )
    data = TrainingInput(s3_data=prepare.properties.ProcessingOutputConfig.Outputs["seen"].S3Output.S3Uri)
    return Pipeline(
        name="frameworks",
        steps=[
            prepare,
            TrainingStep(name="xgboost", step_args=xgb.fit({"train": data, "validation": data})),
            TrainingStep(name="pytorch", step_args=torch.fit(data), depends_on=["xgboost"]),
        ],
        sagemaker_session=aws,
    )


def torchrun(aws: Any, code: Path) -> Pipeline:
    """A script that torchrun starts in SageMaker's image."""
    estimator = PyTorch(
        entry_point="show.py",
        source_dir=str(code / "show"),
        framework_version="2.1.0",
        py_version="py310",
        distribution={"torch_distributed": {"enabled": True}},
        role=ROLE,
        instance_type="ml.g5.12xlarge",
        instance_count=2,
        sagemaker_session=aws,
    )
    train = TrainingStep(name="torchrun", step_args=estimator.fit())
    return Pipeline(name="torchrun", steps=[train], sagemaker_session=aws)


def repacked(aws: Any, code: Path) -> Pipeline:
    """A model whose code is put into its archive by a training job that the SDK adds."""
    data = ParameterString(name="ModelData", default_value=f"s3://{BUCKET}/models/model.tar.gz")
    model = PyTorchModel(
        model_data=data,
        entry_point="inference.py",
        source_dir=str(code / "train"),
        framework_version="2.1",
        py_version="py310",
        role=ROLE,
        sagemaker_session=aws,
    )
    plain = Model(
        image_uri=IMAGE,
        model_data=data,
        entry_point=str(code / "train" / "inference.py"),
        dependencies=[str(code / "framework" / "pkg")],
        role=ROLE,
        sagemaker_session=aws,
    )
    both = PipelineModel([model, plain], role=ROLE, sagemaker_session=aws)
    register = {
        "content_types": ["text/csv"],
        "response_types": ["text/csv"],
        "inference_instances": [INSTANCE],
        "transform_instances": [INSTANCE],
    }
    return Pipeline(
        name="repacked",
        parameters=[data],
        steps=[
            ModelStep(name="one", step_args=model.create(instance_type=INSTANCE)),
            ModelStep(name="two", step_args=plain.register(model_package_group_name="two", **register)),
            ModelStep(name="both", step_args=both.create(instance_type=INSTANCE)),
            ModelStep(
                name="both-versions", step_args=both.register(model_package_group_name="both", **register)
            ),
        ],
        sagemaker_session=aws,
    )


def decorated(aws: Any, code: Path) -> Pipeline:
    """Functions that are steps."""
    count = ParameterInteger(name="Count", default_value=3)

    @step(name="double", instance_type=INSTANCE, role=ROLE, image_uri=IMAGE)
    def double(number: int) -> tuple[int, str]:
        print("doubling", number)
        return number * 2, "done"

    @step(name="add", instance_type=INSTANCE, role=ROLE, image_uri=IMAGE, keep_alive_period_in_seconds=60)
    def add(first: int, second: str) -> str:
        return f"{first} {second}"

    doubled = double(count)
    return Pipeline(
        name="decorated", parameters=[count], steps=[add(doubled[0], doubled[1])], sagemaker_session=aws
    )


PIPELINES: Mapping[str, Callable[[Any, Path], Any]] = {
    "regression": regression,
    "frameworks": frameworks,
    "torchrun": torchrun,
    "repacked": repacked,
    "decorated": decorated,
    "wiring": partial(both.wiring, script_step=script_step),
    "dependencies": partial(both.dependencies, script_step=script_step),
}
