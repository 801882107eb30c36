"""RegisterModel: from config to CreateModelPackage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import (
    IMAGE,
    JOB,
    PIPELINE,
    arguments_of,
    config,
    error_in,
    errors_of,
    only_error,
    step_of,
    steps_of,
)


def test_minimal() -> None:
    fields = {"type": "RegisterModel", "image_uri": IMAGE, "model_package_group_name": "models"}
    assert step_of(fields) == {
        "Name": "step",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": "models",
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {"Containers": [{"Image": IMAGE}]},
        },
    }


def test_full() -> None:
    fields = {
        "type": "RegisterModel",
        "image_uri": IMAGE,
        "model_package_group_name": "models",
        "approval_status": "${param.Approval}",
        "content_types": ["text/csv"],
        "response_types": ["application/json"],
        "inference_instances": ["ml.m5.large"],
        "transform_instances": ["ml.m5.xlarge"],
        "package_description": "words",
        "domain": "MACHINE_LEARNING",
        "task": "CLASSIFICATION",
        "sample_payload_url": "s3://b/sample.tar.gz",
        "customer_metadata": {"team": "risk"},
        "skip_model_validation": "None",
        "metrics_content_type": "text/json",
        "environment": {"A": "x"},
        "inputs": {
            "model": "s3://b/model.tar.gz",
            "model_metrics": "s3://b/metrics.json",
            "model_constraints": "s3://b/mc.json",
            "data_statistics": "s3://b/ds.json",
            "data_constraints": "s3://b/dc.json",
            "bias_report": "s3://b/bias.json",
            "explainability_report": "s3://b/shap.json",
        },
        "retry_policies": [{"exception_types": ["Step.SERVICE_FAULT"], "max_attempts": 1}],
    }

    def metric(name: str) -> dict[str, str]:
        return {"ContentType": "text/json", "S3Uri": f"s3://b/{name}.json"}

    assert arguments_of(fields, parameters={"Approval": "Approved"}) == {
        "ModelPackageGroupName": "models",
        "ModelApprovalStatus": {"Get": "Parameters.Approval"},
        "InferenceSpecification": {
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
            "SupportedTransformInstanceTypes": ["ml.m5.xlarge"],
            "Containers": [
                {"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz", "Environment": {"A": "x"}}
            ],
        },
        "ModelPackageDescription": "words",
        "Domain": "MACHINE_LEARNING",
        "Task": "CLASSIFICATION",
        "SamplePayloadUrl": "s3://b/sample.tar.gz",
        "CustomerMetadataProperties": {"team": "risk"},
        "SkipModelValidation": "None",
        "ModelMetrics": {
            "ModelQuality": {"Statistics": metric("metrics"), "Constraints": metric("mc")},
            "ModelDataQuality": {"Statistics": metric("ds"), "Constraints": metric("dc")},
            "Bias": {"Report": metric("bias")},
            "Explainability": {"Report": metric("shap")},
        },
    }


def test_ports() -> None:
    """The model and the report find their ports by name and kind; the package flows on."""
    evaluate = {
        "type": "Processing",
        **JOB,
        "inputs": {"data": "s3://b/x"},
        "outputs": {"evaluation": {"kind": "other"}},
        "property_files": {"Metrics": {"output": "evaluation", "path": "metrics.json"}},
    }
    steps = {
        "train": {"type": "Training", **JOB},
        "evaluate": evaluate,
        "register": {"type": "RegisterModel", "image_uri": IMAGE, "model_package_group_name": "m"},
    }
    arguments = steps_of(config(steps, edges=["train -> register", "evaluate -> register"]))["register"][
        "Arguments"
    ]
    container = arguments["InferenceSpecification"]["Containers"][0]
    assert container["ModelDataUrl"] == {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}
    evaluation = {"Get": "Steps.evaluate.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri"}
    assert arguments["ModelMetrics"] == {
        "ModelQuality": {
            "Statistics": {
                "ContentType": "application/json",
                "S3Uri": {"Std:Join": {"On": "/", "Values": [evaluation, "metrics.json"]}},
            }
        }
    }


BASELINES = {
    "drift_model_statistics": ("ModelQuality", "Statistics"),
    "drift_model_constraints": ("ModelQuality", "Constraints"),
    "drift_data_statistics": ("ModelDataQuality", "Statistics"),
    "drift_data_constraints": ("ModelDataQuality", "Constraints"),
    "drift_bias_config": ("Bias", "ConfigFile"),
    "drift_bias_pre_training_constraints": ("Bias", "PreTrainingConstraints"),
    "drift_bias_post_training_constraints": ("Bias", "PostTrainingConstraints"),
    "drift_explainability_constraints": ("Explainability", "Constraints"),
    "drift_explainability_config": ("Explainability", "ConfigFile"),
}


@pytest.mark.parametrize("port", BASELINES)
def test_a_drift_baseline_has_a_port(port: str) -> None:
    group, member = BASELINES[port]
    fields = {"type": "RegisterModel", "image_uri": IMAGE, "model_package_group_name": "m"}
    arguments = arguments_of({**fields, "inputs": {port: "s3://b/x.json"}})
    file = {"ContentType": "application/json", "S3Uri": "s3://b/x.json"}
    assert arguments["DriftCheckBaselines"] == {group: {member: file}}
    assert "ModelMetrics" not in arguments


CHECK = {
    "type": "ClarifyCheck",
    "image_uri": IMAGE,
    "check_type": "DATA_BIAS",
    "analysis_config": {"label": "y"},
    "inputs": {"dataset": "s3://b/data"},
}


def test_the_results_of_a_check_feed_metrics_and_baselines() -> None:
    """The address of the staged analysis is a literal, so the reader waits for the check by DependsOn."""
    steps = {
        "bias": CHECK,
        "register": {"type": "RegisterModel", "image_uri": IMAGE, "model_package_group_name": "m"},
    }
    edges = [
        "bias.calculated_constraints -> register.bias_pre_training_report",
        "bias.drift_check_constraints -> register.drift_bias_pre_training_constraints",
        "bias.analysis_config -> register.drift_bias_config",
    ]
    made = steps_of(config(steps, edges=edges))
    (analysis, _) = made["bias"]["Arguments"]["ProcessingInputs"]
    register = made["register"]

    def file(uri: object) -> dict[str, object]:
        return {"ContentType": "application/json", "S3Uri": uri}

    assert register["Arguments"]["ModelMetrics"] == {
        "Bias": {"PreTrainingReport": file({"Get": "Steps.bias.CalculatedBaselineConstraints"})}
    }
    assert register["Arguments"]["DriftCheckBaselines"] == {
        "Bias": {
            "PreTrainingConstraints": file({"Get": "Steps.bias.BaselineUsedForDriftCheckConstraints"}),
            "ConfigFile": file(analysis["S3Input"]["S3Uri"]),
        }
    }
    assert analysis["S3Input"]["S3Uri"].startswith("s3://my-bucket/demo/code/")
    assert register["DependsOn"] == ["bias"]


def test_a_bare_edge_of_a_check_is_not_guessed() -> None:
    """Which baseline a check is for is the user's choice."""
    steps = {
        "bias": CHECK,
        "register": {"type": "RegisterModel", "image_uri": IMAGE, "model_package_group_name": "m"},
    }
    assert only_error(config(steps, edges=["bias -> register"])).code == "wiring.ambiguous"


def test_the_staged_analysis_needs_a_bucket_once() -> None:
    steps = {
        "bias": {**CHECK, "output_path": "s3://b/out"},
        "register": {
            "type": "RegisterModel",
            "image_uri": IMAGE,
            "model_package_group_name": "m",
            "inputs": {"drift_bias_config": "bias.analysis_config"},
        },
    }
    pipeline = {key: value for key, value in PIPELINE.items() if key != "bucket"}
    error = only_error({**config(steps), "pipeline": pipeline})
    assert error.message == "staged code needs a bucket"


def test_a_staged_analysis_as_text_is_refused() -> None:
    steps = {
        "bias": CHECK,
        "use": {"type": "Processing", **JOB, "arguments": ["bias.analysis_config"], "depends_on": ["bias"]},
    }
    error = only_error(config(steps))
    assert error.code == "wiring.output-as-text"
    assert "inputs: {analysis_config: bias.analysis_config}" in str(error.hint)
    steps["use"] = {"type": "Processing", **JOB, "inputs": {"analysis_config": "bias.analysis_config"}}
    assert errors_of(config(steps)) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"inputs": {"metrics": "s3://b/x"}}, "step 'step': unknown input 'metrics'"),
        (
            {"request": {"CertifyForMarketplace": True}},
            "step 'step': CertifyForMarketplace cannot be set: the service sets it when the pipeline runs",
        ),
        (
            {"approval_status": "Aproved"},
            "step 'step': approval_status must be one of Approved, Rejected, PendingManualApproval, not 'Aproved'",
        ),
        (
            {"skip_model_validation": True},
            "step 'step' (RegisterModel): skip_model_validation: expected 'All' or 'None', got true",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    step = {"type": "RegisterModel", "image_uri": IMAGE, "model_package_group_name": "m", **fields}
    assert error_in(step).message == message
