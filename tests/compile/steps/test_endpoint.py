"""EndpointConfig and Endpoint: from config to CreateEndpointConfig and CreateEndpoint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import IMAGE, arguments_of, config, error_in, errors_of, step_of, steps_of

SETTINGS: dict[str, Any] = {
    "type": "EndpointConfig",
    "endpoint_config_name": "settings",
    "inputs": {"model_name": "model"},
}


def test_minimal() -> None:
    assert step_of({**SETTINGS, "instance_type": "ml.m5.large"}) == {
        "Name": "step",
        "Type": "EndpointConfig",
        "Arguments": {
            "EndpointConfigName": "settings",
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "model",
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                }
            ],
        },
    }
    fields = {"type": "Endpoint", "endpoint_name": "live", "inputs": {"endpoint_config_name": "settings"}}
    assert step_of(fields) == {
        "Name": "step",
        "Type": "Endpoint",
        "Arguments": {"EndpointName": "live", "EndpointConfigName": "settings"},
    }


def test_full() -> None:
    arguments = arguments_of(
        {
            **SETTINGS,
            "instance_type": "${param.T}",
            "initial_instance_count": 2,
            "variant_name": "blue",
            "initial_variant_weight": 0.5,
            "kms_key": "key",
            "tags": {"team": "risk"},
            "request": {
                "DataCaptureConfig": None,
                "ExecutionRoleArn": "arn:aws:iam::123456789012:role/Other",
            },
        },
        parameters={"T": "ml.m5.large"},
    )
    assert arguments == {
        "EndpointConfigName": "settings",
        "KmsKeyId": "key",
        "Tags": [{"Key": "team", "Value": "risk"}],
        "ProductionVariants": [
            {
                "VariantName": "blue",
                "ModelName": "model",
                "InstanceType": {"Get": "Parameters.T"},
                "InitialInstanceCount": 2,
                "InitialVariantWeight": 0.5,
            }
        ],
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/Other",
    }
    step = step_of(
        {
            "type": "Endpoint",
            "endpoint_name": "live",
            "inputs": {"endpoint_config_name": "settings"},
            "tags": {"team": "risk"},
            "cache": "P1D",
        }
    )
    assert step["Arguments"]["Tags"] == [{"Key": "team", "Value": "risk"}]
    assert step["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P1D"}


def test_variants_of_the_request_need_no_model() -> None:
    variants = [
        {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    ]
    fields = {
        "type": "EndpointConfig",
        "endpoint_config_name": "s",
        "request": {"ProductionVariants": variants},
    }
    assert arguments_of(fields)["ProductionVariants"] == variants


def test_ports() -> None:
    steps = {
        "model": {"type": "CreateModel", "image_uri": IMAGE},
        "settings": {"type": "EndpointConfig", "endpoint_config_name": "s", "instance_type": "ml.m5.large"},
        "live": {"type": "Endpoint", "endpoint_name": "live"},
        "after": {"type": "Fail", "error_message": "${step.live.EndpointName}"},
    }
    found = steps_of(config(steps, edges=["model -> settings", "settings -> live", "live -> after"]))
    assert found["settings"]["Arguments"]["ProductionVariants"][0]["ModelName"] == {
        "Get": "Steps.model.ModelName"
    }
    assert found["live"]["Arguments"]["EndpointConfigName"] == {"Get": "Steps.settings.EndpointConfigName"}


def test_mistakes() -> None:
    assert errors_of(config({"step": {**SETTINGS, "endpoint_config_name": "a_b"}})) == [
        "<config>.steps.step.endpoint_config_name: step 'step': endpoint_config_name must match "
        "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}, and does not: 'a_b' (it cannot have '_')"
    ]
    error = error_in({**SETTINGS, "endpoint_config_name": None})
    assert (error.message, error.hint) == (
        "step 'step': 'endpoint_config_name' is missing",
        "it becomes EndpointConfigName",
    )
    assert error_in({"type": "Endpoint", "endpoint_name": "live"}).message == (
        "step 'step': nothing feeds its input 'endpoint_config_name'"
    )


@pytest.mark.parametrize("weight", [True, "1", [1]])
def test_a_weight_is_a_number(weight: Any) -> None:
    error = error_in({**SETTINGS, "initial_variant_weight": weight})
    assert "initial_variant_weight: expected" in error.message
