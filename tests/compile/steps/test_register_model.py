"""RegisterModel: from config to CreateModelPackage."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import IMAGE, JOB, arguments_of, config, error_in, step_of, steps_of


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


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"inputs": {"metrics": "s3://b/x"}}, "step 'step': there is no input 'metrics'"),
        (
            {"request": {"CertifyForMarketplace": True}},
            "step 'step': CertifyForMarketplace cannot be set: the service sets it when the pipeline runs",
        ),
        (
            {"approval_status": "Aproved"},
            "step 'step': ModelApprovalStatus must be one of Approved, Rejected, PendingManualApproval, not 'Aproved'",
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
