"""Processing: from config to CreateProcessingJob."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from tests.support.compiling import (
    IMAGE,
    JOB,
    ROLE,
    arguments_of,
    config,
    error_in,
    errors_of,
    step_of,
    steps_of,
)

RUN = {"Get": "Execution.PipelineExecutionId"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a script and a folder of code."""
    (tmp_path / "run.py").write_text("print('run')\n")
    (tmp_path / "run.sh").write_text("echo run\n")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text("print('main')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_minimal() -> None:
    assert step_of({"type": "Processing", **JOB}) == {
        "Name": "step",
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
            "AppSpecification": {"ImageUri": IMAGE},
            "RoleArn": ROLE,
        },
    }


def test_full() -> None:
    fields: dict[str, Any] = {
        "type": "Processing",
        "role": "arn:aws:iam::123456789012:role/Other",
        "image_uri": "${param.Image}",
        "instance_type": "ml.c5.2xlarge",
        "instance_count": "${param.Count}",
        "volume_size_in_gb": 50,
        "volume_kms_key": "key-v",
        "output_kms_key": "key-o",
        "max_runtime_in_seconds": 600,
        "container_entrypoint": ["python3", "/opt/run.py"],
        "arguments": ["--n", 3, "--flag", True, "${param.Count}", 0.5],
        "environment": {"A": "x", "B": 2, "C": False, "D": "${param.Count}", "E": "${exec.PipelineName}"},
        "enable_network_isolation": True,
        "encrypt_inter_container_traffic": False,
        "subnets": ["subnet-1", "${param.Subnet}"],
        "security_group_ids": ["sg-1"],
        "tags": {"team": "risk", "run": "${exec.PipelineExecutionId}"},
        "inputs": {
            "plain": "s3://b/plain",
            "long": {
                "source": "s3://b/long",
                "path": "/opt/ml/processing/elsewhere",
                "data_type": "ManifestFile",
                "input_mode": "Pipe",
                "distribution": "ShardedByS3Key",
                "compression": "Gzip",
            },
        },
        "outputs": {
            "default": None,
            "short": "/opt/ml/processing/short",
            "long": {
                "path": "/opt/ml/${param.Image}",
                "destination": "s3://b/there",
                "upload_mode": "Continuous",
            },
        },
        "property_files": {"Report": {"output": "short", "path": "report.json"}},
        "cache": "P30D",
        "retry_policies": [{"exception_types": ["SageMaker.CAPACITY_ERROR"], "max_attempts": 3}],
        "display_name": "Step",
        "description": "All of it",
    }
    step = step_of(fields, parameters={"Image": IMAGE, "Count": 2, "Subnet": "subnet-2"})
    assert step["Arguments"] == {
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.c5.2xlarge",
                "InstanceCount": {"Get": "Parameters.Count"},
                "VolumeSizeInGB": 50,
                "VolumeKmsKeyId": "key-v",
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "NetworkConfig": {
            "EnableNetworkIsolation": True,
            "EnableInterContainerTrafficEncryption": False,
            "VpcConfig": {
                "Subnets": ["subnet-1", {"Get": "Parameters.Subnet"}],
                "SecurityGroupIds": ["sg-1"],
            },
        },
        "Tags": [{"Key": "team", "Value": "risk"}, {"Key": "run", "Value": RUN}],
        "AppSpecification": {
            "ImageUri": {"Get": "Parameters.Image"},
            "ContainerEntrypoint": ["python3", "/opt/run.py"],
            "ContainerArguments": [
                "--n",
                "3",
                "--flag",
                "true",
                {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Count"}]}},
                "0.5",
            ],
        },
        "RoleArn": "arn:aws:iam::123456789012:role/Other",
        "Environment": {
            "A": "x",
            "B": "2",
            "C": "false",
            "D": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Count"}]}},
            "E": {"Get": "Execution.PipelineName"},
        },
        "ProcessingInputs": [
            {
                "InputName": "plain",
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": "s3://b/plain",
                    "LocalPath": "/opt/ml/processing/input/plain",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3CompressionType": "None",
                },
            },
            {
                "InputName": "long",
                "AppManaged": False,
                "S3Input": {
                    "S3Uri": "s3://b/long",
                    "LocalPath": "/opt/ml/processing/elsewhere",
                    "S3DataType": "ManifestFile",
                    "S3InputMode": "Pipe",
                    "S3DataDistributionType": "ShardedByS3Key",
                    "S3CompressionType": "Gzip",
                },
            },
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "default",
                    "AppManaged": False,
                    "S3Output": {
                        "S3Uri": {
                            "Std:Join": {
                                "On": "/",
                                "Values": ["s3:/", "my-bucket", "demo", RUN, "step", "output", "default"],
                            }
                        },
                        "LocalPath": "/opt/ml/processing/output/default",
                        "S3UploadMode": "EndOfJob",
                    },
                },
                {
                    "OutputName": "short",
                    "AppManaged": False,
                    "S3Output": {
                        "S3Uri": {
                            "Std:Join": {
                                "On": "/",
                                "Values": ["s3:/", "my-bucket", "demo", RUN, "step", "output", "short"],
                            }
                        },
                        "LocalPath": "/opt/ml/processing/short",
                        "S3UploadMode": "EndOfJob",
                    },
                },
                {
                    "OutputName": "long",
                    "AppManaged": False,
                    "S3Output": {
                        "S3Uri": "s3://b/there",
                        "LocalPath": {
                            "Std:Join": {"On": "", "Values": ["/opt/ml/", {"Get": "Parameters.Image"}]}
                        },
                        "S3UploadMode": "Continuous",
                    },
                },
            ],
            "KmsKeyId": "key-o",
        },
    }
    assert step["PropertyFiles"] == [
        {"PropertyFileName": "Report", "OutputName": "short", "FilePath": "report.json"}
    ]
    assert step["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P30D"}
    assert step["RetryPolicies"] == [
        {
            "BackoffRate": 2.0,
            "IntervalSeconds": 1,
            "MaxAttempts": 3,
            "ExceptionType": ["SageMaker.CAPACITY_ERROR"],
        }
    ]
    assert (step["DisplayName"], step["Description"]) == ("Step", "All of it")


@pytest.mark.parametrize(("script", "runner"), [("run.py", "python3"), ("run.sh", "/bin/bash")])
def test_a_script_is_staged(script: str, runner: str, project: Path) -> None:
    arguments = arguments_of({"type": "Processing", **JOB, "entry_point": script, "arguments": ["-x"]})
    digest = hashlib.sha256((project / script).read_bytes()).hexdigest()
    (code,) = arguments["ProcessingInputs"]
    assert code["InputName"] == "code"
    assert code["S3Input"]["S3Uri"] == f"s3://my-bucket/demo/code/{digest}/{script}"
    assert code["S3Input"]["LocalPath"] == "/opt/ml/processing/input/code"
    assert arguments["AppSpecification"] == {
        "ImageUri": IMAGE,
        "ContainerEntrypoint": [runner, f"/opt/ml/processing/input/code/{script}"],
        "ContainerArguments": ["-x"],
    }


@pytest.mark.usefixtures("project")
def test_a_folder_is_staged_with_a_launcher() -> None:
    fields = {"type": "Processing", **JOB, "entry_point": "main.py", "source_dir": "code", "arguments": [1]}
    arguments = arguments_of({**fields, "inputs": {"data": "s3://b/x"}})
    names = [item["InputName"] for item in arguments["ProcessingInputs"]]
    assert names == ["data", "code", "entrypoint"]
    archive, launcher = (item["S3Input"]["S3Uri"] for item in arguments["ProcessingInputs"][1:])
    assert archive.endswith("/sourcedir.tar.gz")
    assert re.fullmatch(r"s3://my-bucket/demo/code/[0-9a-f]{64}/run\.sh", launcher)
    assert arguments["AppSpecification"]["ContainerEntrypoint"] == [
        "/bin/bash",
        "/opt/ml/processing/input/entrypoint/run.sh",
    ]
    assert arguments["AppSpecification"]["ContainerArguments"] == ["main.py", "1"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("script", ["run.py", "run.sh", "s3://b/code/run.R"])
def test_a_command_runs_the_script(script: str) -> None:
    arguments = arguments_of(
        {"type": "Processing", **JOB, "entry_point": script, "command": ["Rscript", "--vanilla"]}
    )
    name = script.rpartition("/")[2]
    assert arguments["AppSpecification"]["ContainerEntrypoint"] == [
        "Rscript",
        "--vanilla",
        f"/opt/ml/processing/input/code/{name}",
    ]


@pytest.mark.parametrize(
    ("name", "script", "command", "printed"),
    [
        ("main.py", "import sys; print(sys.flags.optimize, sys.argv[1:])", None, "0 ['a b', '']\n"),
        (
            "main.py",
            "import sys; print(sys.flags.optimize, sys.argv[1:])",
            ["python3", "-O"],
            "1 ['a b', '']\n",
        ),
        ("main.sh", 'echo "${BASH_VERSION:+bash} $# $1"', None, "bash 2 a b\n"),
    ],
)
def test_the_launcher_runs_a_script_of_a_folder(
    name: str, script: str, command: list[str] | None, printed: str, project: Path, tmp_path: Path
) -> None:
    """The launcher that is staged runs in a real shell: the script gets the step's arguments after the command's."""
    (project / "code" / name).write_text(script + "\n")
    fields = {
        "type": "Processing",
        **JOB,
        "entry_point": name,
        "source_dir": "code",
        **({"command": command} if command else {}),
        "arguments": ["a b", ""],
    }
    compiled = PipelineDAGCompiler(config({"step": fields}), plugins=[]).compile_definition()
    (launcher,) = (item for item in compiled.spec.staged if item.uri.endswith("/run.sh"))
    text = launcher.content.decode()
    assert hashlib.sha256(launcher.content).hexdigest() in launcher.uri
    folder = tmp_path / "input"
    folder.mkdir()
    with tarfile.open(folder / "sourcedir.tar.gz", "w:gz") as archive:
        archive.add(project / "code" / name, name)
    (tmp_path / "run.sh").write_text(text.replace("/opt/ml/processing/input/code", str(folder)))
    done = subprocess.run(
        ["/bin/bash", str(tmp_path / "run.sh"), name, "a b", ""],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == printed


def test_code_that_lies_in_s3_is_taken_as_it_is() -> None:
    arguments = arguments_of({"type": "Processing", **JOB, "entry_point": "s3://b/code/run.py"})
    assert arguments["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://b/code/run.py"


def test_ports() -> None:
    """A property file is a report, which lies in its output; the outputs are data sets."""
    evaluate = {
        "type": "Processing",
        **JOB,
        "inputs": {"x": "s3://b/x"},
        "outputs": {"results": None, "chart": {"kind": "report"}},
        "property_files": {"Metrics": {"output": "results", "path": "m/metrics.json"}},
    }
    reader = {"type": "Processing", **JOB}
    steps = steps_of(config({"e": evaluate, "r": reader}, edges=["e.Metrics -> r.a", "e.chart -> r.b"]))
    uris = {i["InputName"]: i["S3Input"]["S3Uri"] for i in steps["r"]["Arguments"]["ProcessingInputs"]}
    results = {"Get": "Steps.e.ProcessingOutputConfig.Outputs['results'].S3Output.S3Uri"}
    assert uris == {
        "a": {"Std:Join": {"On": "/", "Values": [results, "m/metrics.json"]}},
        "b": {"Get": "Steps.e.ProcessingOutputConfig.Outputs['chart'].S3Output.S3Uri"},
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_uri": None}, "step 'step': no image is given"),
        ({"framework": "sklearn"}, "step 'step': it names both image_uri and framework"),
        ({"entry_point": "gone.py"}, "step 'step': gone.py does not exist"),
        ({"source_dir": "."}, "step 'step': source_dir needs entry_point"),
        ({"entry_point": ""}, "step 'step' (Processing): entry_point: expected at least 1 character, got 0"),
        ({"command": ["python3"]}, "step 'step': command runs entry_point"),
        (
            {"entry_point": "s3://b/x.py", "command": [""]},
            "step 'step' (Processing): command[0]: expected at least 1 character, got 0",
        ),
        (
            {"entry_point": "s3://b/x.py", "command": "python3"},
            "step 'step' (Processing): command: expected a list, got 'python3'",
        ),
        (
            {"entry_point": "s3://b/x.py", "command": ["${param.P}"]},
            "step 'step' (Processing): command[0]: ${param.P} has no value when the pipeline is compiled, "
            "and this field needs one",
        ),
        (
            {"entry_point": "s3://b/x.py", "container_entrypoint": ["x"]},
            "step 'step': container_entrypoint and entry_point exclude each other",
        ),
        (
            {"entry_point": "${param.P}.py"},
            "step 'step' (Processing): entry_point: ${param.P}.py has no value when the pipeline is compiled, "
            "and this field needs one",
        ),
        (
            {"outputs": {"a b": None}},
            "step 'step' (Processing): outputs['a b']: invalid name 'a b': "
            "expected no spaces, quotes or brackets",
        ),
        (
            {"outputs": {"o": None}, "property_files": {"R": {"output": "oo", "path": "x"}}},
            "step 'step': property file 'R' is in output 'oo', which the step does not have",
        ),
        (
            {"instance_count": 0.5},
            "step 'step' (Processing): instance_count: expected an integer, got 0.5",
        ),
        (
            {"environment": {"a-b": "x"}},
            "step 'step': the key of environment.a-b must match [a-zA-Z_][a-zA-Z0-9_]*, and does not: 'a-b'",
        ),
        (
            {"request": {"ExperimentConfig": {"TrialName": "x"}}},
            "step 'step': ExperimentConfig cannot be set: the pipeline sets the experiment: use "
            "pipeline.experiment",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in({"type": "Processing", **JOB, **fields}).message == message


def test_quotas() -> None:
    many = {f"n{i}": "s3://b/x" for i in range(11)}
    fields = {"type": "Processing", **JOB, "inputs": many, "outputs": dict.fromkeys(many)}
    assert errors_of(config({"step": fields})) == [
        "<config>.steps.step: step 'step': ProcessingInputs must have at most 10 items, and has 11",
        "<config>.steps.step: step 'step': ProcessingOutputConfig.Outputs must have at most 10 items, and has 11",
    ]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"code": "s3://b/x"},
            "input 'code' has the name 'code', which dagcast uses to bring entry_point",
        ),
        (
            {"data": {"source": "s3://b/x", "path": "/opt/ml/processing/input/code/"}},
            "input 'data' has the path '/opt/ml/processing/input/code', which dagcast uses to bring entry_point",
        ),
        (
            {f"n{number}": "s3://b/x" for number in range(10)},
            "entry_point adds 1 to the 10 inputs, and the service takes 10 in all",
        ),
    ],
)
def test_the_script_needs_an_input_of_its_own(project: Path, inputs: dict[str, Any], message: str) -> None:
    assert error_in({"type": "Processing", **JOB, "entry_point": "run.py", "inputs": inputs}).message == (
        f"step 'step': {message}"
    )


def test_a_folder_of_code_needs_two_inputs(project: Path) -> None:
    fields = {"type": "Processing", **JOB, "entry_point": "main.py", "source_dir": "code"}
    error = error_in({**fields, "inputs": {"entrypoint": "s3://b/x"}})
    assert error.code == "code.reserved-input"
    assert error.message == (
        "step 'step': input 'entrypoint' has the name 'entrypoint', which dagcast uses to bring entry_point"
    )
    error = error_in({**fields, "inputs": {f"n{number}": "s3://b/x" for number in range(9)}})
    assert error.message == "step 'step': entry_point adds 2 to the 9 inputs, and the service takes 10 in all"
    assert error.hint == "use at most 8 inputs in addition to entry_point"


def test_without_a_script_every_name_is_free() -> None:
    fields = {"type": "Processing", **JOB, "inputs": {"code": "s3://b/x", "entrypoint": "s3://b/y"}}
    assert len(arguments_of(fields)["ProcessingInputs"]) == 2
