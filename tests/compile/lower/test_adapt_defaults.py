"""Defaults of dagcast agree with the rest of a request, whoever set that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli
from tests.support.compiling import JOB, arguments_of, check, config, error_in

BRINGS_CODE = "/opt/ml/input/data/code/sourcedir.tar.gz"
TUNE = {
    "type": "Tuning",
    **JOB,
    "objective": {"name": "loss", "type": "Minimize"},
    "metric_definitions": {"loss": "loss=(.*)"},
    "max_jobs": 2,
    "ranges": {"depth": {"type": "Integer", "min": 1, "max": 5}},
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a script."""
    (tmp_path / "train.py").write_text("print('train')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job_of(fields: dict[str, Any], **sections: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The training job that a Training or Tuning step sends, and its hyperparameters."""
    arguments = arguments_of(fields, **sections)
    if fields["type"] == "Training":
        return arguments, arguments["HyperParameters"]
    job = arguments["TrainingJobDefinition"]
    return job, job["StaticHyperParameters"]


# Network isolation


@pytest.mark.parametrize("fields", [{"type": "Training", **JOB}, TUNE], ids=["Training", "Tuning"])
@pytest.mark.parametrize("isolation", [True, "${param.Closed}"])
def test_an_isolated_job_gets_its_script_by_a_channel(fields: dict[str, Any], isolation: Any) -> None:
    fields = {**fields, "entry_point": "train.py", "inputs": {"train": "s3://data/train"}}
    open_job, open_parameters = job_of(fields)
    job, parameters = job_of({**fields, "enable_network_isolation": isolation}, parameters={"Closed": False})
    assert json.loads(parameters["sagemaker_submit_directory"]) == BRINGS_CODE
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train", "code"]
    assert job["InputDataConfig"][1]["DataSource"]["S3DataSource"] == {
        "S3DataType": "S3Prefix",
        "S3Uri": json.loads(open_parameters["sagemaker_submit_directory"]),
        "S3DataDistributionType": "FullyReplicated",
    }
    assert len(open_job["InputDataConfig"]) == 1


def test_isolation_that_is_off_needs_no_channel() -> None:
    job, parameters = job_of(
        {"type": "Training", **JOB, "entry_point": "train.py", "enable_network_isolation": False}
    )
    assert "InputDataConfig" not in job
    assert json.loads(parameters["sagemaker_submit_directory"]).startswith("s3://my-bucket/demo/code/")


def test_an_archive_in_s3_keeps_its_name_in_the_channel() -> None:
    job, parameters = job_of(
        {
            "type": "Training",
            **JOB,
            "entry_point": "train.py",
            "source_dir": "s3://code/mine.tar.gz",
            "enable_network_isolation": True,
            "input_mode": "Pipe",
        }
    )
    assert json.loads(parameters["sagemaker_submit_directory"]) == "/opt/ml/input/data/code/mine.tar.gz"
    (channel,) = job["InputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://code/mine.tar.gz"
    assert channel["InputMode"] == "File"


@pytest.mark.parametrize("type_", ["Training", "Tuning"])
def test_a_plugin_that_isolates_a_job_brings_the_channel(type_: str) -> None:
    fields = {**(TUNE if type_ == "Tuning" else {"type": "Training", **JOB}), "entry_point": "train.py"}
    source = config({"step": fields}, plugins={"options": {"guardrails": {"enable_network_isolation": True}}})
    compiled = PipelineDAGCompiler(source, plugins=["guardrails"]).compile_definition()
    arguments = json.loads(compiled.definition)["Steps"][0]["Arguments"]
    job = arguments.get("TrainingJobDefinition", arguments)
    parameters = job.get("HyperParameters") or job["StaticHyperParameters"]
    assert job["EnableNetworkIsolation"] is True
    assert json.loads(parameters["sagemaker_submit_directory"]) == BRINGS_CODE
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["code"]


def test_an_input_cannot_have_the_name_of_the_channel() -> None:
    fields = {"type": "Training", **JOB, "entry_point": "train.py", "inputs": {"code": "s3://data/x"}}
    assert check(config({"step": fields})).errors == ()
    errors = check(config({"step": {**fields, "enable_network_isolation": True}})).errors
    (error,) = [item for item in errors if item.code == "code.reserved-input"]
    assert "'code'" in error.message
    assert error.hint == "rename the input"


def test_a_script_in_an_isolated_job_runs_on_this_machine(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, pathlib\npathlib.Path(os.environ['SM_MODEL_DIR'], 'done').write_text('yes')\n"
    )
    fields = {"type": "Training", **JOB, "entry_point": "train.py", "enable_network_isolation": True}
    Path("p.json").write_text(json.dumps(config({"train": fields})))
    result = CliRunner().invoke(cli, ["run", "p.json"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "isolated", [{"enable_network_isolation": True}, {"request": {"EnableNetworkIsolation": True}}]
)
def test_an_isolated_model_cannot_fetch_its_script(isolated: dict[str, Any]) -> None:
    fields = {
        "type": "CreateModel",
        "image_uri": JOB["image_uri"],
        "inputs": {"model": "s3://b/model.tar.gz"},
        "entry_point": "train.py",
    }
    assert check(config({"step": fields})).errors == ()
    error = error_in({**fields, **isolated})
    assert error.code == "model.isolated-code"
    assert error.hint is not None
    assert "SAGEMAKER_SUBMIT_DIRECTORY: /opt/ml/model/code" in error.hint


# Time limits


@pytest.mark.parametrize(
    "fields",
    [{"type": "Training", **JOB, "hyperparameters": {"a": 1}}, {**TUNE, "hyperparameters": {"a": 1}}],
    ids=["Training", "Tuning"],
)
@pytest.mark.parametrize(
    ("wait", "limit"),
    [(7200, 7200), (86400, 86400), (90000, 86400), ("${param.Wait}", {"Get": "Parameters.Wait"})],
)
def test_the_default_run_time_is_within_the_wait_for_spot(
    fields: dict[str, Any], wait: Any, limit: Any
) -> None:
    fields = {**fields, "use_spot_instances": True, "max_wait_time_in_seconds": wait}
    job, _ = job_of(fields, parameters={"Wait": 3600})
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == limit


def test_a_run_time_that_the_user_gave_stays() -> None:
    spot = {"type": "Training", **JOB, "use_spot_instances": True}
    fields = {**spot, "max_runtime_in_seconds": 86400, "max_wait_time_in_seconds": 7200}
    assert error_in(fields).code == "training.wait-below-runtime"


def test_a_wait_in_the_request_counts_too() -> None:
    request = {"StoppingCondition": {"MaxWaitTimeInSeconds": 60}}
    fields = {"type": "Training", **JOB, "use_spot_instances": True, "request": request}
    assert arguments_of(fields)["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 60,
        "MaxWaitTimeInSeconds": 60,
    }


# Machines

IMAGE_ONLY = {"image_uri": JOB["image_uri"]}
GROUPS = [{"InstanceGroupName": "a", "InstanceType": "ml.m5.xlarge", "InstanceCount": 1}]
COUNTED = [{"InstanceType": "ml.m5.xlarge", "InstanceCount": 2}]


def test_instance_groups_exclude_the_default_count() -> None:
    fields = {"type": "Training", **IMAGE_ONLY, "request": {"ResourceConfig": {"InstanceGroups": GROUPS}}}
    assert arguments_of(fields)["ResourceConfig"] == {"VolumeSizeInGB": 30, "InstanceGroups": GROUPS}


def test_counted_preferences_exclude_the_default_count() -> None:
    resources = {"InstancePreferences": COUNTED}
    training = arguments_of({"type": "Training", **IMAGE_ONLY, "request": {"ResourceConfig": resources}})
    assert training["ResourceConfig"] == {"VolumeSizeInGB": 30, "InstancePreferences": COUNTED}
    request = {"ProcessingResources": {"ClusterConfig": resources}}
    processing = arguments_of({"type": "Processing", **IMAGE_ONLY, "request": request})
    assert processing["ProcessingResources"]["ClusterConfig"] == {
        "VolumeSizeInGB": 30,
        "InstancePreferences": COUNTED,
    }


def test_preferences_without_counts_keep_the_default_count() -> None:
    resources = {"InstancePreferences": [{"InstanceType": "ml.m5.xlarge"}]}
    arguments = arguments_of({"type": "Training", **IMAGE_ONLY, "request": {"ResourceConfig": resources}})
    assert arguments["ResourceConfig"]["InstanceCount"] == 1


def test_a_count_that_the_user_gave_stays() -> None:
    resources = {"InstancePreferences": COUNTED}
    fields = {"type": "Training", **IMAGE_ONLY, "instance_count": 1, "request": {"ResourceConfig": resources}}
    assert error_in(fields).code == "training.preference-count"


def test_a_tuning_resource_config_excludes_the_default_machines() -> None:
    own = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10}
    fields = {**TUNE, "request": {"TrainingJobDefinition": {"HyperParameterTuningResourceConfig": own}}}
    del fields["instance_type"]
    job = arguments_of(fields)["TrainingJobDefinition"]
    assert "ResourceConfig" not in job
    assert job["HyperParameterTuningResourceConfig"] == own


def test_a_serverless_job_has_no_machines() -> None:
    serverless = {
        "BaseModelArn": "arn:aws:sagemaker:us-east-1:aws:hub-content/h/Model/m/1.0.0",
        "JobType": "FineTuning",
    }
    arguments = arguments_of({"type": "Training", "request": {"ServerlessJobConfig": serverless}})
    assert "ResourceConfig" not in arguments
    assert "AlgorithmSpecification" not in arguments
    assert arguments["ServerlessJobConfig"] == serverless


# Models and hyperparameters


def test_an_unversioned_package_has_no_approval_status() -> None:
    fields = {
        "type": "RegisterModel",
        "image_uri": JOB["image_uri"],
        "inputs": {"model": "s3://b/model.tar.gz"},
        "content_types": ["text/csv"],
        "response_types": ["text/csv"],
    }
    unversioned = arguments_of({**fields, "request": {"ModelPackageName": "one"}})
    assert "ModelApprovalStatus" not in unversioned
    given = arguments_of({**fields, "approval_status": "Approved", "request": {"ModelPackageName": "one"}})
    assert given["ModelApprovalStatus"] == "Approved"
    versioned = arguments_of({**fields, "model_package_group_name": "group"})
    assert versioned["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_tuned_hyperparameter_is_not_fixed_as_well() -> None:
    source = config({"step": {**TUNE, "hyperparameters": {"depth": 3, "rate": 1}}})
    job = arguments_of(source["steps"]["step"])["TrainingJobDefinition"]
    assert job["StaticHyperParameters"] == {"rate": "1"}
    (warning,) = check(source).warnings
    assert warning.code == "tuning.fixed-and-tuned"
    assert "'depth'" in warning.message
