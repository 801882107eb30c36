"""Transform: from config to CreateTransformJob."""

from __future__ import annotations

import pytest

from tests.support.compiling import IMAGE, arguments_of, config, errors_of, step_of, steps_of


def test_minimal() -> None:
    fields = {
        "type": "Transform",
        "instance_type": "ml.m5.xlarge",
        "inputs": {"model_name": "my-model", "data": "s3://b/data"},
    }
    assert step_of(fields) == {
        "Name": "step",
        "Type": "Transform",
        "Arguments": {
            "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/data"}}
            },
            "ModelName": "my-model",
            "TransformOutput": {
                "S3OutputPath": {
                    "Std:Join": {
                        "On": "/",
                        "Values": [
                            "s3:/",
                            "my-bucket",
                            "demo",
                            {"Get": "Execution.PipelineExecutionId"},
                            "step",
                        ],
                    }
                }
            },
        },
    }


def test_full() -> None:
    fields = {
        "type": "Transform",
        "instance_type": "ml.m5.xlarge",
        "instance_count": 3,
        "volume_kms_key": "key-v",
        "strategy": "MultiRecord",
        "max_payload_in_mb": 6,
        "max_concurrent_transforms": 2,
        "environment": {"A": 1.5},
        "data_type": "ManifestFile",
        "content_type": "text/csv",
        "compression_type": "Gzip",
        "split_type": "Line",
        "output_path": "s3://b/out",
        "output_kms_key": "key-o",
        "accept": "text/csv",
        "assemble_with": "Line",
        "input_filter": "$[1:]",
        "output_filter": "$[0]",
        "join_source": "Input",
        "tags": {"team": "risk"},
        "inputs": {"model_name": "${param.Model}", "data": "s3://b/data"},
        "cache": True,
    }
    step = step_of(fields, parameters={"Model": "m"})
    assert step["Arguments"] == {
        "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 3, "VolumeKmsKeyId": "key-v"},
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 6,
        "MaxConcurrentTransforms": 2,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://b/data"}},
            "ContentType": "text/csv",
            "CompressionType": "Gzip",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "KmsKeyId": "key-o",
            "Accept": "text/csv",
            "AssembleWith": "Line",
            "S3OutputPath": "s3://b/out",
        },
        "DataProcessing": {"InputFilter": "$[1:]", "OutputFilter": "$[0]", "JoinSource": "Input"},
        "Tags": [{"Key": "team", "Value": "risk"}],
        "Environment": {"A": "1.5"},
        "ModelName": {"Get": "Parameters.Model"},
    }
    assert step["CacheConfig"] == {"Enabled": True}


def test_ports() -> None:
    steps = {
        "data": {
            "type": "Processing",
            "image_uri": IMAGE,
            "instance_type": "ml.m5.xlarge",
            "outputs": {"rows": None},
        },
        "model": {"type": "CreateModel", "image_uri": IMAGE},
        "predict": {"type": "Transform", "instance_type": "ml.m5.xlarge"},
        "after": {
            "type": "Processing",
            "image_uri": IMAGE,
            "instance_type": "ml.m5.xlarge",
            "inputs": {"p": None},
        },
    }
    found = steps_of(config(steps, edges=["data -> predict", "model -> predict", "predict -> after"]))
    arguments = found["predict"]["Arguments"]
    assert arguments["ModelName"] == {"Get": "Steps.model.ModelName"}
    assert arguments["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == {
        "Get": "Steps.data.ProcessingOutputConfig.Outputs['rows'].S3Output.S3Uri"
    }
    assert found["after"]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] == {
        "Get": "Steps.predict.TransformOutput.S3OutputPath"
    }


def test_both_inputs_are_needed() -> None:
    assert errors_of(config({"step": {"type": "Transform", "instance_type": "ml.m5.xlarge"}})) == [
        "<config>.steps.step: step 'step': nothing feeds its input 'model_name' (give inputs.model_name in its config)",
        "<config>.steps.step: step 'step': nothing feeds its input 'data' (give inputs.data in its config)",
    ]


@pytest.mark.parametrize("given", [None, "${param.T}"])
def test_the_instance_type(given: str | None) -> None:
    step = {"type": "Transform", "instance_type": given, "inputs": {"model_name": "m", "data": "s3://b/x"}}
    if given is None:
        assert errors_of(config({"step": step})) == [
            "<config>.steps.step: step 'step': 'instance_type' is missing "
            "(it becomes TransformResources.InstanceType)"
        ]
    else:
        resources = arguments_of(step, parameters={"T": "ml.m5.xlarge"})["TransformResources"]
        assert resources["InstanceType"] == {"Get": "Parameters.T"}
