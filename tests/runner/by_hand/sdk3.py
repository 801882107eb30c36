"""Pipelines as users of SageMaker SDK 3 write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    OutputDataConfig,
    SourceCode,
    StoppingCondition,
)
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionNot,
    ConditionOr,
)
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.function_step import step
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import MetricDefinition
from sagemaker.train.distributed import Torchrun

from tests.by_hand.inputs import BUCKET, IMAGE, INSTANCE, OUTPUT, REGION, ROLE, SKLEARN_VERSION
from tests.runner.by_hand import both


def _input(name: str, source: Any, path: str | None = None) -> ProcessingInput:
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=source,
            local_path=path or f"/opt/ml/processing/{name}",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
        ),
    )


def _output(name: str, destination: Any = None, path: str | None = None) -> ProcessingOutput:
    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(
            s3_uri=destination or f"{OUTPUT}/prepared/{name}",
            local_path=path or f"/opt/ml/processing/{name}",
            s3_upload_mode="EndOfJob",
        ),
    )


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
        inputs=[_input(key, uri) for key, uri in (inputs or {}).items()],
        outputs=[_output(key, uri) for key, uri in (outputs or {}).items()],
    )
    return ProcessingStep(name=name, step_args=step_args, **more)


def regression(aws: Any, code: Path) -> Pipeline:
    """What most pipelines are: prepare, train, evaluate, and if it is good enough, register and predict."""
    data = ParameterString(name="InputData", default_value=f"s3://{BUCKET}/raw")
    least = ParameterFloat(name="LeastR2", default_value=0.5)
    approval = ParameterString(name="Approval", default_value="PendingManualApproval")
    cache = CacheConfig(enable_caching=True, expire_after="P30D")
    image = image_uris.retrieve(
        "sklearn", REGION, version=SKLEARN_VERSION, py_version="py3", instance_type=INSTANCE
    )
    common = {"role": ROLE, "instance_type": INSTANCE, "instance_count": 1, "sagemaker_session": aws}
    prepare = ProcessingStep(
        name="Prepare",
        step_args=ScriptProcessor(
            image_uri=image, command=["python3"], env={"STAGE": "prod"}, base_job_name="prepare", **common
        ).run(
            code=str(code / "preprocess.py"),
            inputs=[_input("input", data)],
            outputs=[_output("train"), _output("test")],
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
    trainer = ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir=str(code / "train"), entry_script="train.py"),
        role=ROLE,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        base_job_name="train",
        hyperparameters={
            "depth": 3,
            "rate": 0.5,
            "fit-intercept": "True",
            "kind": 'a "kind" $HOME `id`',
            "layers": [1, 2],
            "options": {"a": 1},
            "source": data,
        },
        checkpoint_config=CheckpointConfig(s3_uri=f"s3://{BUCKET}/checkpoints"),
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train"),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
        sagemaker_session=aws,
    ).with_metric_definitions(
        [
            MetricDefinition(name="loss", regex="loss=([0-9.]+);"),
            MetricDefinition(name="r2", regex="r2=([0-9.]+);"),
        ]
    )
    train = TrainingStep(
        name="Train",
        step_args=trainer.train(
            input_data_config=[
                InputData(
                    channel_name=name, data_source=outputs[name].S3Output.S3Uri, content_type="text/csv"
                )
                for name in ("train", "test")
            ]
        ),
        cache_config=cache,
    )
    report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
    artifact = train.properties.ModelArtifacts.S3ModelArtifacts
    evaluate = ProcessingStep(
        name="Evaluate",
        step_args=ScriptProcessor(image_uri=IMAGE, command=["python3"], **common).run(
            code=str(code / "evaluate.py"),
            inputs=[_input("model", artifact), _input("test", outputs["test"].S3Output.S3Uri)],
            outputs=[
                _output(
                    "evaluation",
                    Join(on="/", values=[OUTPUT, ExecutionVariables.PIPELINE_EXECUTION_ID, "e"]),
                )
            ],
        ),
        property_files=[report],
    )
    model = ModelBuilder(
        image_uri=image,
        s3_model_data_url=artifact,
        role_arn=ROLE,
        source_code=SourceCode(source_dir=str(code / "train"), entry_script="inference.py"),
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
    create = ModelStep(name="Create", step_args=model.build())
    predict = TransformStep(
        name="Predict",
        step_args=Transformer(
            model_name=create.properties.ModelName,
            instance_type=INSTANCE,
            instance_count=1,
            accept="text/csv",
            assemble_with="Line",
            output_path=f"{OUTPUT}/predictions",
            base_transform_job_name="predict",
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
                conditions=[
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
    """Scripts, commands and launchers of a ModelTrainer, and a FrameworkProcessor."""
    prepare = ProcessingStep(
        name="prepare",
        step_args=FrameworkProcessor(
            image_uri=IMAGE, role=ROLE, instance_type=INSTANCE, instance_count=1, sagemaker_session=aws
        ).run(
            code="main.py",
            source_dir=str(code / "framework"),
            inputs=[_input("raw", f"s3://{BUCKET}/raw", "/opt/ml/processing/input/raw")],
            outputs=[_output("seen", f"{OUTPUT}/seen", "/opt/ml/processing/output")],
            arguments=["--a", "b c", "/opt/ml/processing/output"],
        ),
    )
    data = prepare.properties.ProcessingOutputConfig.Outputs["seen"].S3Output.S3Uri

    def train(name: str, source: SourceCode, channels: tuple[str, ...], **more: Any) -> TrainingStep:
        trainer = ModelTrainer(
            training_image=IMAGE,
            source_code=source,
            role=ROLE,
            compute=Compute(instance_type=INSTANCE, instance_count=1, keep_alive_period_in_seconds=60),
            base_job_name=name,
            hyperparameters={"epochs": 2, "lr": 1e-05, "big": 10**20, "flag": False, "text": "a b"},
            environment={"MODE": "x=y"},
            sagemaker_session=aws,
            **more,
        )
        inputs = [InputData(channel_name=channel, data_source=data) for channel in channels]
        return TrainingStep(name=name, step_args=trainer.train(input_data_config=inputs))

    folder = str(code / "show")
    return Pipeline(
        name="frameworks",
        steps=[
            prepare,
            train("script", SourceCode(source_dir=folder, entry_script="show.py"), ("train", "validation")),
            train("command", SourceCode(source_dir=folder, command="python show.py --x 'a b'"), ("train",)),
            train(
                "requirements",
                SourceCode(source_dir=folder, entry_script="show.py", requirements="requirements.txt"),
                ("train",),
            ),
            train("shell", SourceCode(source_dir=folder, entry_script="show.sh"), ("train",)),
        ],
        sagemaker_session=aws,
    )


def torchrun(aws: Any, code: Path) -> Pipeline:
    """A script that torchrun starts."""
    trainer = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(code / "show"), entry_script="show.py"),
        role=ROLE,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        distributed=Torchrun(process_count_per_node=2),
        base_job_name="torchrun",
        sagemaker_session=aws,
    )
    return Pipeline(
        name="torchrun",
        steps=[TrainingStep(name="torchrun", step_args=trainer.train())],
        sagemaker_session=aws,
    )


def repacked(aws: Any, code: Path) -> Pipeline:
    """A model whose code is put into its archive by a training job that the SDK adds."""
    data = ParameterString(name="ModelData", default_value=f"s3://{BUCKET}/models/model.tar.gz")
    model = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=data,
        role_arn=ROLE,
        source_code=SourceCode(source_dir=str(code / "train"), entry_script="inference.py"),
        sagemaker_session=aws,
    )
    return Pipeline(
        name="repacked",
        parameters=[data],
        steps=[
            ModelStep(name="one", step_args=model.build()),
            ModelStep(
                name="two",
                step_args=model.register(
                    model_package_group_name="two",
                    content_types=["text/csv"],
                    response_types=["text/csv"],
                    inference_instances=[INSTANCE],
                    transform_instances=[INSTANCE],
                ),
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

    @step(name="add", instance_type=INSTANCE, role=ROLE, image_uri=IMAGE)
    def add(first: int, second: str) -> str:
        return f"{first} {second}"

    doubled = double(count)
    return Pipeline(
        name="decorated",
        parameters=[count],
        steps=[add(doubled[0], doubled[1])],
        sagemaker_session=aws,
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
