"""ClarifyCheck: from config to the processing job of Clarify, and its baseline."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.support.compiling import IMAGE, JOB, ROLE, config, error_in, step_of, steps_of

CHECK: dict[str, Any] = {
    "type": "ClarifyCheck",
    "image_uri": IMAGE,
    "check_type": "DATA_BIAS",
    "analysis_config": {"dataset_type": "text/csv", "label": "y"},
    "inputs": {"dataset": "s3://b/data"},
}
ANALYSIS = b'{\n  "dataset_type": "text/csv",\n  "label": "y"\n}'
RUN = {"Get": "Execution.PipelineExecutionId"}


def test_minimal() -> None:
    step = step_of(CHECK)
    arguments = step.pop("Arguments")
    assert step == {
        "Name": "step",
        "Type": "ClarifyCheck",
        "CheckType": "DATA_BIAS",
        "ModelPackageGroupName": None,
        "SkipCheck": False,
        "FailOnViolation": True,
        "RegisterNewBaseline": False,
        "SuppliedBaselineConstraints": None,
    }
    digest = hashlib.sha256(ANALYSIS).hexdigest()
    inputs = [
        (i["InputName"], i["S3Input"]["S3Uri"], i["S3Input"]["LocalPath"])
        for i in arguments["ProcessingInputs"]
    ]
    assert inputs == [
        (
            "analysis_config",
            f"s3://my-bucket/demo/code/{digest}/analysis_config.json",
            "/opt/ml/processing/input/config",
        ),
        ("dataset", "s3://b/data", "/opt/ml/processing/input/data"),
    ]
    assert arguments["ProcessingOutputConfig"]["Outputs"] == [
        {
            "OutputName": "analysis_result",
            "AppManaged": False,
            "S3Output": {
                "S3Uri": {
                    "Std:Join": {"On": "/", "Values": ["s3:/", "my-bucket", "demo", RUN, "step", "output"]}
                },
                "LocalPath": "/opt/ml/processing/output",
                "S3UploadMode": "EndOfJob",
            },
        }
    ]
    assert arguments["RoleArn"] == ROLE
    assert arguments["AppSpecification"] == {"ImageUri": IMAGE}
    assert "Environment" not in arguments


@pytest.mark.parametrize("check_type", ["MODEL_BIAS", "MODEL_EXPLAINABILITY"])
def test_full(check_type: str) -> None:
    step = step_of(
        {
            **CHECK,
            "check_type": check_type,
            "model_name": "${param.Model}",
            "instance_count": 2,
            "environment": {"A": True},
            "output_path": "s3://b/out",
            "output_kms_key": "key-o",
            "skip_check": "${param.Skip}",
            "fail_on_violation": False,
            "register_new_baseline": True,
            "model_package_group_name": "models",
            "supplied_baseline_constraints": "s3://b/c.json",
            "tags": {"team": "risk"},
        },
        parameters={"Model": "m", "Skip": False},
    )
    assert step["Arguments"]["Environment"] == {"A": "true"}
    assert step["Arguments"]["Tags"] == [{"Key": "team", "Value": "risk"}]
    assert step["Arguments"]["ProcessingOutputConfig"]["KmsKeyId"] == "key-o"
    beside = {key: value for key, value in step.items() if key not in ("Arguments", "Name", "Type")}
    assert beside == {
        "CheckType": check_type,
        "ModelPackageGroupName": "models",
        "SkipCheck": {"Get": "Parameters.Skip"},
        "FailOnViolation": False,
        "RegisterNewBaseline": True,
        "SuppliedBaselineConstraints": "s3://b/c.json",
        "ModelName": {"Get": "Parameters.Model"},
    }


def test_ports() -> None:
    steps = {
        "load": {"type": "Processing", **JOB, "outputs": {"rows": None}},
        "model": {"type": "CreateModel", "image_uri": IMAGE},
        "check": {**CHECK, "check_type": "MODEL_BIAS", "inputs": None},
        "after": {"type": "Fail", "error_message": "${step.check.CalculatedBaselineConstraints}"},
    }
    found = steps_of(config(steps, edges=["load -> check", "model -> check", "check -> after"]))
    assert found["check"]["ModelName"] == {"Get": "Steps.model.ModelName"}
    dataset = found["check"]["Arguments"]["ProcessingInputs"][1]["S3Input"]["S3Uri"]
    assert dataset == {"Get": "Steps.load.ProcessingOutputConfig.Outputs['rows'].S3Output.S3Uri"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"check_type": "MODEL_BIAS"}, "step 'step': nothing feeds its input 'model_name'"),
        (
            {
                "check_type": "MODEL_BIAS",
                "model_name": "a",
                "inputs": {"dataset": "s3://b/x", "model_name": "b"},
            },
            "step 'step' (ClarifyCheck): model_name and inputs.model_name are the same: keep one of them",
        ),
        (
            {"model_name": "m"},
            "step 'step' (ClarifyCheck): a check of DATA_BIAS uses no model: leave out model_name",
        ),
        (
            {"inputs": {"dataset": "s3://b/x", "model_name": "m"}},
            "step 'step': unknown input 'model_name'",
        ),
        (
            {"analysis_config": {"label": "${param.L}"}},
            "step 'step' (ClarifyCheck): analysis_config: it is written out when the pipeline is compiled, so "
            "${param.L} would not be filled in",
        ),
        (
            {"check_type": "BIAS"},
            "step 'step' (ClarifyCheck): check_type: expected 'DATA_BIAS', 'MODEL_BIAS' or "
            "'MODEL_EXPLAINABILITY', got 'BIAS'",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in({**CHECK, **fields}).message == message
