"""Training steps: real scripts in script mode, with what SageMaker's training contract gives and takes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagcast.runner.executors import training
from dagcast.runner.launch.command import Command, Exit
from dagcast.runner.options import RunOptions
from tests.runner.container.support import (
    BUCKET,
    IMAGE,
    Bench,
    processing_arguments,
    training_arguments,
)
from tests.support.steps import make_step

MODEL = f"{BUCKET}/models/the-job/output/model.tar.gz"
TRAIN = """
import argparse, json, os, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=int)
parser.add_argument("--name")
parser.add_argument("-x")
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
args = parser.parse_args()
seen = sorted(path.name for path in pathlib.Path(args.train).iterdir())
found = {**vars(args), "seen": seen, "cwd": os.getcwd(), "argv": sys.argv, "train": None, "model_dir": None}
json.dump(found, open(os.path.join(args.model_dir, "model.json"), "w"))
"""


def members(bench: Bench, uri: str) -> dict[str, bytes]:
    """The files of an archive in the store."""
    with tarfile.open(bench.store.path(uri)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def test_a_script_trains_on_its_channels_and_leaves_a_model(bench: Bench) -> None:
    bench.put(f"{BUCKET}/data/train/a.csv", "1")
    bench.put(f"{BUCKET}/data/train/b.csv", "2")
    result = bench.train(
        TRAIN,
        hyperparameters={"depth": "5", "name": json.dumps('h\u00e9 "quoted"\nline --x'), "x": "7"},
        channels={"train": f"{BUCKET}/data/train"},
    )
    model = json.loads(members(bench, MODEL)["model.json"])
    assert model["depth"] == 5
    assert model["name"] == 'h\u00e9 "quoted"\nline --x'
    assert model["x"] == "7"
    assert model["seen"] == ["a.csv", "b.csv"]
    assert Path(model["cwd"]).name == "code"
    assert model["argv"][0] == "train.py"
    assert result.outputs == {"model": MODEL}
    assert bench.warnings == []


def test_properties_are_those_of_describe_training_job(plain_bench: Bench) -> None:
    script = "import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w'); print('auc=0.25'); print('auc=0.75')"
    result = plain_bench.train(script, metrics={"auc": "auc=([0-9.]+)", "never": "never=(.*)"})
    properties = result.properties
    assert properties["TrainingJobName"] == "the-job"
    assert properties["TrainingJobArn"] == "arn:aws:sagemaker:us-east-1:123456789012:training-job/the-job"
    assert properties["TrainingJobStatus"] == properties["SecondaryStatus"] == "Completed"
    assert properties["ModelArtifacts"] == {"S3ModelArtifacts": MODEL}
    assert [(item["MetricName"], item["Value"]) for item in properties["FinalMetricDataList"]] == [
        ("auc", 0.75)
    ]
    assert properties["ResourceConfig"]["InstanceType"] == "ml.m5.xlarge"
    assert result.metrics == {"auc": 0.75}


def test_the_contract_is_there_to_read(bench: Bench) -> None:
    bench.put(f"{BUCKET}/data/train.csv", "1")
    bench.train(
        """
        import json, os, pathlib
        config = pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"])
        found = {path.name: json.loads(path.read_text()) for path in config.iterdir()}
        found["env"] = dict(os.environ)
        pathlib.Path(os.environ["SM_MODEL_DIR"], "seen.json").write_text(json.dumps(found))
        """,
        hyperparameters={"depth": "5", "criterion": '"gini"'},
        channels={"train": f"{BUCKET}/data/train.csv"},
        Environment={"LOG": "info"},
    )
    seen = json.loads(members(bench, MODEL)["seen.json"])
    assert seen["hyperparameters.json"]["criterion"] == '"gini"'
    assert seen["inputdataconfig.json"] == {
        "train": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }
    assert seen["resourceconfig.json"]["current_instance_type"] == "ml.m5.xlarge"
    env = seen["env"]
    assert env["TRAINING_JOB_NAME"] == "the-job"
    assert env["TRAINING_JOB_ARN"].endswith(":training-job/the-job")
    assert env["LOG"] == "info"
    assert env["SM_HP_CRITERION"] == "gini"
    assert env["SM_CHANNELS"] == '["train"]'
    assert json.loads(env["SM_TRAINING_ENV"])["hyperparameters"] == {"depth": 5, "criterion": "gini"}


def test_the_same_model_gives_the_same_bytes(plain_bench: Bench) -> None:
    script = """
        import os, pathlib
        model = pathlib.Path(os.environ["SM_MODEL_DIR"])
        for name in ("b", "a", "sub/c"):
            (model / name).parent.mkdir(exist_ok=True)
            (model / name).write_text(name)
    """
    plain_bench.train(script)
    first = plain_bench.store.path(MODEL).read_bytes()
    plain_bench.train(script)
    assert plain_bench.store.path(MODEL).read_bytes() == first


def test_other_output_is_packed_too(plain_bench: Bench) -> None:
    script = "import os; open(os.environ['SM_OUTPUT_DATA_DIR'] + '/report.txt', 'w').write('fine')"
    result = plain_bench.train(script)
    uri = f"{BUCKET}/models/the-job/output/output.tar.gz"
    assert result.outputs == {"output": uri}
    assert members(plain_bench, uri) == {"report.txt": b"fine"}
    (warning,) = plain_bench.warnings
    assert warning.startswith(f"the job left nothing in /opt/ml/model, so there is no model at {MODEL}")
    assert result.properties["ModelArtifacts"] == {"S3ModelArtifacts": MODEL}


def test_a_model_may_stay_unpacked(plain_bench: Bench) -> None:
    script = "import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('1')"
    output = {"S3OutputPath": f"{BUCKET}/models/", "CompressionType": "NONE"}
    result = plain_bench.train(script, OutputDataConfig=output)
    assert result.properties["ModelArtifacts"] == {
        "S3ModelArtifacts": f"{BUCKET}/models/the-job/output/model/"
    }
    assert plain_bench.read(f"{BUCKET}/models/the-job/output/model/m") == "1"


def test_a_failure_file_is_the_reason(plain_bench: Bench) -> None:
    script = """
        import os, sys
        open(os.environ["SM_OUTPUT_DIR"] + "/failure", "w").write("the loss is not a number")
        sys.exit(2)
    """
    assert (
        plain_bench.failure("train", script).reason
        == "AlgorithmError: the loss is not a number, exit code: 2"
    )
    assert not plain_bench.store.exists(f"{BUCKET}/models")


def test_a_script_that_raises_leaves_no_model(plain_bench: Bench) -> None:
    script = "import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w'); raise SystemError('half done')"
    error = plain_bench.failure("train", script)
    assert error.reason.endswith("SystemError: half done, exit code: 1")
    assert not plain_bench.store.exists(f"{BUCKET}/models")


def test_a_shell_script_needs_no_first_line(bench: Bench) -> None:
    files = {"run.sh": '\necho "$1" > "$SM_MODEL_DIR/said"\n'}
    bench.train(files, hyperparameters={"sagemaker_program": '"run.sh"', "x": '"y"'})
    assert members(bench, MODEL)["said"] == b"-x\n"


def test_a_function_that_is_a_step_is_reported(plain_bench: Bench) -> None:
    # Its driver ends with 0 if it cannot read the function.
    driver = "/opt/ml/input/data/sagemaker_remote_function_bootstrap/job_driver.sh"
    given = {"ContainerEntrypoint": ["/bin/bash", driver]}
    reason = plain_bench.failure("train", "", algorithm=given).reason
    assert "it is a function decorated with @step" in reason
    assert "a local job cannot use" in reason


@pytest.mark.parametrize("first", ["#!/bin/sh", "# no interpreter is named"])
def test_a_shell_script_gets_its_arguments_unharmed(bench: Bench, first: str) -> None:
    body = 'for a in "$@"; do printf "[%s]" "$a"; done > "$SM_MODEL_DIR/args"'
    bench.train(
        {"run.sh": f"{first}\n{body}\n"},
        hyperparameters={"sagemaker_program": "run.sh", "say": "a '$HOME' \"b\"; c"},
    )
    assert members(bench, MODEL)["args"] == b"[--say][a '$HOME' \"b\"; c]"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_reaches_the_script_as_it_is(plain_bench: Bench, text: str) -> None:
    script = """
        import json, os, sys
        assert sys.argv == ["train.py", "--word", os.environ["SM_HP_WORD"]]
        assert json.loads(os.environ["SM_HPS"]) == {"word": sys.argv[2]}
        open(os.environ["SM_MODEL_DIR"] + "/word", "w", encoding="utf-8", newline="").write(sys.argv[2])
    """
    plain_bench.train(script, hyperparameters={"word": json.dumps(text)})
    assert members(plain_bench, MODEL)["word"].decode() == text


def test_what_no_process_can_receive_fails_the_step(plain_bench: Bench) -> None:
    error = plain_bench.failure("train", "", hyperparameters={"word": json.dumps("a\0b")})
    assert error.reason.startswith("ClientError: the job could not be started")


def test_what_would_watch_the_job_is_a_warning(plain_bench: Bench) -> None:
    plain_bench.train(
        "", DebugRuleConfigurations=[{"RuleConfigurationName": "x"}], ProfilerRuleConfigurations=[]
    )
    assert plain_bench.warnings[0] == "DebugRuleConfigurations is ignored in a local run"


def test_a_folder_with_a_setup_script_runs_as_a_module(bench: Bench) -> None:
    files = {
        "setup.py": "",
        "pack/__init__.py": "word = 'module'",
        "train.py": "import os, pack; open(os.environ['SM_MODEL_DIR'] + '/' + pack.word, 'w')",
    }
    bench.train(files)
    assert list(members(bench, MODEL)) == ["module"]
    assert bench.warnings == ["the code has a setup.py: it runs from its folder and is not installed"]


def test_distribution_is_a_warning_before_the_run(plain_bench: Bench) -> None:
    flags = {"sagemaker_mpi_enabled": "true", "sagemaker_x_enabled": "false", "sagemaker_program": "train.py"}
    script = {**flags, "sagemaker_submit_directory": "s3://bucket/code.tar.gz"}
    step = make_step("train", "Training", {**training_arguments(), "HyperParameters": script})
    (warning,) = training.check(step, RunOptions())
    assert (warning.severity, warning.code) == ("warning", "run.one-process")
    assert "'train': sagemaker_mpi_enabled: a local run starts the script once" in warning.message
    plain_bench.train("", hyperparameters=flags)
    assert not any("sagemaker_mpi_enabled" in text for text in plain_bench.warnings)


def test_a_container_command_runs_as_it_is(bench: Bench) -> None:
    bench.put(f"{BUCKET}/data/train.py", "import sys; open(sys.argv[1] + '/m', 'w').write(sys.argv[2])")
    bench.run(
        "Training",
        training_arguments(
            channels={"src": f"{BUCKET}/data/train.py"},
            algorithm={
                "ContainerEntrypoint": ["python3", "/opt/ml/input/data/src/train.py"],
                "ContainerArguments": ["/opt/ml/model", "a b"],
            },
        ),
    )
    assert members(bench, MODEL) == {"m": b"a b"}


def test_checkpoints_come_back_at_the_next_attempt_even_after_a_failure(plain_bench: Bench) -> None:
    script = """
        import os, pathlib, sys
        place = pathlib.Path(os.environ["CHECKPOINTS"])
        done = len(list(place.iterdir()))
        (place / f"epoch-{done}").touch()
        sys.exit(0 if done == 2 else "not yet")
    """
    given = {
        "CheckpointConfig": {"S3Uri": f"{BUCKET}/checkpoints"},
        "Environment": {"CHECKPOINTS": "/opt/ml/checkpoints"},
    }
    for _ in range(2):
        assert "not yet" in plain_bench.failure("train", script, **given).reason
    plain_bench.train(script, **given)
    names = [uri.rpartition("/")[2] for uri in plain_bench.store.uris(f"{BUCKET}/checkpoints")]
    assert names == ["epoch-0", "epoch-1", "epoch-2"]


def test_a_compressed_channel_comes_as_it_is(plain_bench: Bench) -> None:
    plain_bench.put(f"{BUCKET}/data/a.csv.gz", gzip.compress(b"1"))
    request = training_arguments(channels={"train": f"{BUCKET}/data"})
    request["InputDataConfig"][0]["CompressionType"] = "Gzip"
    script = "import gzip, os; assert gzip.open(os.environ['SM_CHANNEL_TRAIN'] + '/a.csv.gz').read() == b'1'"
    plain_bench.train(script, InputDataConfig=request["InputDataConfig"])
    assert "nothing is decompressed" in plain_bench.warnings[0]


def test_code_may_come_through_a_channel(plain_bench: Bench) -> None:
    result = plain_bench.train(
        "import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w')",
        channels={"code": f"{BUCKET}/code/sourcedir.tar.gz"},
        hyperparameters={"sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"'},
    )
    assert result.outputs == {"model": MODEL}


@pytest.mark.parametrize("name", ["../evil.py", "/tmp/evil.py", "a/../../evil.py"])
def test_code_that_would_land_elsewhere_is_refused(plain_bench: Bench, name: str) -> None:
    error = plain_bench.failure("train", {"train.py": "", name: "print('evil')"})
    assert "would be written outside its folder" in error.reason


def test_code_with_a_link_out_is_refused(plain_bench: Bench) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    plain_bench.put(f"{BUCKET}/evil.tar.gz", stream.getvalue())
    hyperparameters = {"sagemaker_submit_directory": f"{BUCKET}/evil.tar.gz"}
    error = plain_bench.failure("train", "", hyperparameters=hyperparameters)
    assert "links out of the archive" in error.reason


def test_missing_code_is_reported(plain_bench: Bench) -> None:
    hyperparameters = {"sagemaker_submit_directory": f'"{BUCKET}/code/nothing.tar.gz"'}
    error = plain_bench.failure("train", "", hyperparameters=hyperparameters)
    assert error.reason.startswith(f"ClientError: sagemaker_submit_directory: {BUCKET}/code/nothing")


def test_a_missing_script_is_reported_with_what_there_is(plain_bench: Bench) -> None:
    error = plain_bench.failure("train", {"trian.py": ""})
    assert error.reason == "ClientError: 'train.py' is missing from the code, which has trian.py"


def test_a_model_that_links_out_is_refused(plain_bench: Bench) -> None:
    script = "import os; os.symlink('/etc/passwd', os.environ['SM_MODEL_DIR'] + '/model')"
    error = plain_bench.failure("train", script)
    assert "is a link out of its folder" in error.reason
    assert not plain_bench.store.exists(f"{BUCKET}/models")


_LINKS = {
    "file": "os.symlink('/opt/ml/model/deep/w', 'best')",
    "folder": "os.symlink('/opt/ml/model/deep', 'latest')",
    "chain": "os.symlink('/opt/ml/model/deep/w', 'a'); os.symlink('/opt/ml/model/a', 'best')",
    "below a folder": "os.symlink('/opt/ml/model/deep/w', 'deep/best')",
    "with dots": "os.symlink('/opt/ml/model/deep/../deep/w', 'best')",
}


@pytest.mark.parametrize("kind", _LINKS)
def test_absolute_links_inside_the_model_are_followed_with_a_warning(bench: Bench, kind: str) -> None:
    # Without a mount namespace, a script that links by an absolute path gets it from a variable.
    links = _LINKS[kind].replace("'/opt/ml/model", "os.environ['SM_MODEL_DIR'] + '")
    script = (
        "import os; os.chdir(os.environ['SM_MODEL_DIR']); os.mkdir('deep'); open('deep/w', 'w').write('W')\n"
        + links
    )
    uri = bench.train(script).outputs["model"]
    with tarfile.open(bench.store.path(uri)) as tar:
        contents = {member.name: tar.extractfile(member) for member in tar}
        assert len(contents) > 1
        assert all(content is not None and content.read() == b"W" for content in contents.values())
    (warning,) = bench.warnings
    assert "/opt/ml/model/" in warning
    assert "use relative links" in warning


def test_relative_links_inside_the_model_cause_no_warning(bench: Bench) -> None:
    script = (
        "import os; os.chdir(os.environ['SM_MODEL_DIR']); os.mkdir('deep'); open('deep/w', 'w').write('W')\n"
        "os.symlink('deep', 'latest'); os.symlink('deep/w', 'best')"
    )
    assert bench.train(script).outputs
    assert bench.warnings == []


@pytest.mark.parametrize("target", ["gone", "best", "/opt/ml/model/gone", "../model/gone"])
def test_a_dangling_link_is_reported_by_name(bench: Bench, target: str) -> None:
    error = bench.failure("train", f"import os; os.symlink({target!r}, os.environ['SM_MODEL_DIR'] + '/best')")
    if target.startswith("/") and bench.launcher.isolation == "paths":
        assert "best is a link to gone, which does not exist" in error.reason
    else:
        assert (
            f"best is a link to {target.removeprefix('/opt/ml/model/')}, which does not exist" in error.reason
        )


def test_a_model_folder_that_became_a_link_is_refused(plain_bench: Bench) -> None:
    script = "import os; os.rmdir(os.environ['SM_MODEL_DIR']); os.symlink('/etc', os.environ['SM_MODEL_DIR'])"
    assert "is a link or below one" in plain_bench.failure("train", script).reason


@dataclass
class Engine:
    """Stands for a container engine, which the machines of tests have none of: it keeps the commands."""

    isolation: Literal["namespace", "paths", "docker"] = "docker"
    commands: list[Command] = field(default_factory=list)

    def run(self, command: Command, stop: threading.Event) -> Exit:
        self.commands.append(command)
        return Exit(code=0)

    def close(self) -> None:
        """Nothing is open."""


def test_in_its_image_a_script_is_left_to_the_images_own_toolkit(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "runs", Engine())
    bench.train({"train.py": "", "requirements.txt": "x"})
    (command,) = bench.launcher.commands  # type: ignore[attr-defined]
    assert (command.argv, command.has_program, command.image) == (("train",), False, IMAGE)
    assert not {"PATH", "HOME", "SM_HPS"} & set(command.environment)
    config = command.ml_folder / "input" / "config" / "hyperparameters.json"
    assert json.loads(config.read_text("utf-8"))["sagemaker_submit_directory"] == '"/opt/ml/code"'
    assert (command.ml_folder / "code" / "train.py").is_file()


@pytest.mark.parametrize("wanted", [True, False])
def test_in_its_image_requirements_are_installed_only_if_wanted(tmp_path: Path, wanted: bool) -> None:
    bench = Bench(tmp_path / "runs", Engine())
    bench.train({"train.py": "", "requirements.txt": "x"}, requirements=wanted)
    (command,) = bench.launcher.commands  # type: ignore[attr-defined]
    assert (command.ml_folder / "code" / "requirements.txt").exists() == wanted


def test_in_its_image_a_job_without_a_command_runs_what_the_image_does(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "runs", Engine())
    bench.run("Training", training_arguments() | {"HyperParameters": {}})
    request = processing_arguments("--fast")
    del request["AppSpecification"]["ContainerEntrypoint"]
    bench.put(f"{BUCKET}/code/script.py", "")
    bench.run("Processing", request)
    commands = [(command.argv, command.has_program) for command in bench.launcher.commands]  # type: ignore[attr-defined]
    assert commands == [(("train",), False), (("--fast",), False)]
