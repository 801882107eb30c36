"""Failures that only a local job has say what to do instead."""

from __future__ import annotations

import pytest

from tests.runner.container.support import BUCKET, Bench

CALL = "import boto3\nboto3.client('s3').download_file('{bucket}', 'raw/a.csv', '/tmp/a.csv')"


def test_a_script_without_credentials_is_told_to_declare_an_input(bench: Bench) -> None:
    reason = bench.failure(
        "process", CALL.format(bucket="data"), Environment={"SOURCE": "s3://data/raw/"}
    ).reason
    assert "NoCredentialsError" in reason
    assert "inputs: {data: s3://data/raw}" in reason
    assert "--input s3://data/raw=PATH" in reason


@pytest.mark.parametrize(
    "script",
    [
        "import boto3; print(boto3.client('sts').get_caller_identity())",
        "import boto3; boto3.resource('s3').Object('b', 'k').get()",
        "import sys; sys.exit('fatal error: Unable to locate credentials')",
        "raise RuntimeError('cannot read s3://own/data.csv: NoCredentialsError')",
    ],
)
def test_other_calls_of_aws_are_explained_too(bench: Bench, script: str) -> None:
    reason = bench.failure("train", script).reason
    assert "A local job has no credentials of AWS: declare" in reason
    assert ("s3://own/data.csv=PATH" in reason) == ("s3://own" in script)
    assert BUCKET not in reason  # the code's own URI


@pytest.mark.parametrize(
    "module",
    [
        "sagemaker_containers.beta.framework",
        "sagemaker_training",
        "sagemaker_inference",
        "smdistributed.dataparallel.torch",
        "sagemaker_xgboost_container.data_utils",
        "sagemaker_sklearn_container",
    ],
)
def test_modules_of_images_are_named_as_such(bench: Bench, module: str) -> None:
    reason = bench.failure("train", f"import {module}").reason
    assert f"Only SageMaker's images contain the module {module.partition('.')[0]}" in reason
    assert "--runner docker" in reason


@pytest.mark.parametrize("script", ["import no_such_module", "raise ValueError('credentials')"])
def test_other_failures_have_no_such_hint(bench: Bench, script: str) -> None:
    reason = bench.failure("train", script).reason
    assert "SageMaker's images" not in reason
    assert "declare" not in reason
