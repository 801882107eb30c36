"""A pipeline by the installed SDK's own classes, and what they upload.

``python -m tests.runner.container.sdk_pipeline FOLDER`` writes both.

A FrameworkProcessor and the SDK's own script mode (an SKLearn estimator, or a ModelTrainer) are what puts the most
between a container's command and the user's script.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.by_hand import session
from tests.by_hand.inputs import BUCKET, IMAGE, INSTANCE, OUTPUT, ROLE, SKLEARN_VERSION

PREPARE = """
import argparse, os, helper
parser = argparse.ArgumentParser()
parser.add_argument("--say")
parser.add_argument("--out")
args = parser.parse_args()
with open(args.out + "/a.csv", "w") as file:
    file.write(helper.shout(args.say))
"""

HELPER = "def shout(text): return text.upper()\n"

TRAIN = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--max_depth", type=int)
parser.add_argument("--criterion")
args = parser.parse_args()
if args.criterion != "gini":
    raise ValueError("unknown criterion " + args.criterion)
data = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "a.csv")).read()
print("loss=0.5")
print("loss=0.25")
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"), "w") as file:
    json.dump({"data": data, **vars(args), "hps": json.loads(os.environ["SM_HPS"])}, file)
"""

ARGUMENTS = ["--say", "hello you", "--out", "/opt/ml/processing/train"]
HYPERPARAMETERS = {"max_depth": 5, "criterion": "gini"}
METRIC = {"Name": "loss", "Regex": "loss=([0-9.]+)"}


def write_code(folder: Path) -> tuple[str, str]:
    """Write the code of both steps; their folders."""
    for name, files in {
        "prepare": {"prepare.py": PREPARE, "helper.py": HELPER, "requirements.txt": "pytest\n"},
        "train": {"train.py": TRAIN, "requirements.txt": "pytest\n"},
    }.items():
        (folder / name).mkdir(parents=True)
        for file, text in files.items():
            (folder / name / file).write_text(text, encoding="utf-8")
    return str(folder / "prepare"), str(folder / "train")


def build_sdk2(aws: Any, prepare: str, train: str) -> Any:
    """The pipeline as a user of SDK 2 would write it."""
    from sagemaker.inputs import TrainingInput
    from sagemaker.processing import FrameworkProcessor, ProcessingOutput
    from sagemaker.sklearn.estimator import SKLearn
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.steps import ProcessingStep, TrainingStep

    common = {
        "framework_version": SKLEARN_VERSION,
        "role": ROLE,
        "instance_type": INSTANCE,
        "instance_count": 1,
        "sagemaker_session": aws,
    }
    first = ProcessingStep(
        name="prepare",
        step_args=FrameworkProcessor(estimator_cls=SKLearn, **common).run(
            code="prepare.py",
            source_dir=prepare,
            outputs=[ProcessingOutput(output_name="train", source="/opt/ml/processing/train")],
            arguments=ARGUMENTS,
        ),
    )
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=train,
        hyperparameters=HYPERPARAMETERS,
        metric_definitions=[METRIC],
        output_path=f"{OUTPUT}/train",
        **common,
    )
    data = first.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
    second = TrainingStep(name="train", step_args=estimator.fit({"train": TrainingInput(s3_data=data)}))
    return Pipeline(name="both", steps=[first, second], sagemaker_session=aws)


def build_sdk3(aws: Any, prepare: str, train: str) -> Any:
    """The pipeline as a user of SDK 3 would write it."""
    from sagemaker.core.processing import FrameworkProcessor
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
    from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig, SourceCode
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import MetricDefinition

    output = ProcessingS3Output(
        s3_uri=f"{OUTPUT}/prepared", local_path="/opt/ml/processing/train", s3_upload_mode="EndOfJob"
    )
    processor = FrameworkProcessor(
        image_uri=IMAGE, role=ROLE, instance_type=INSTANCE, instance_count=1, sagemaker_session=aws
    )
    first = ProcessingStep(
        name="prepare",
        step_args=processor.run(
            code="prepare.py",
            source_dir=prepare,
            inputs=[],
            outputs=[ProcessingOutput(output_name="train", s3_output=output)],
            arguments=ARGUMENTS,
        ),
    )
    trainer = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=train, entry_script="train.py", requirements="requirements.txt"),
        role=ROLE,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        base_job_name="train",
        hyperparameters=HYPERPARAMETERS,
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train"),
        sagemaker_session=aws,
    ).with_metric_definitions([MetricDefinition(name=METRIC["Name"], regex=METRIC["Regex"])])
    data = first.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
    second = TrainingStep(
        name="train",
        step_args=trainer.train(input_data_config=[InputData(channel_name="train", data_source=data)]),
    )
    return Pipeline(name="both", steps=[first, second], sagemaker_session=aws)


def main(folder: Path) -> None:
    """Write ``definition.json``, and below ``s3`` all objects that the SDK uploaded."""
    prepare, train = write_code(folder / "code")
    build = build_sdk2 if session.sdk_major() == 2 else build_sdk3
    with session.local_aws() as endpoint, session.offline_session(endpoint) as aws:
        (folder / "definition.json").write_text(build(aws, prepare, train).definition(), encoding="utf-8")
        import boto3

        client = boto3.client("s3")
        for item in client.list_objects_v2(Bucket=BUCKET)["Contents"]:
            path = folder / "s3" / BUCKET / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(BUCKET, item["Key"], str(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
