"""Job: from config to request. The same step by SDK 3's class is in tests/by_hand (job_step)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.compiling import arguments_of, config, error_in, only_error, steps_of

JOB: dict[str, Any] = {
    "type": "Job",
    "job_category": "AgentRFT",
    "schema_version": "1.0.0",
    "job_config": {"A": 1},
}


def resolved(document: Any, values: dict[str, str]) -> str:
    """A document as the service fills it in."""
    if isinstance(document, str):
        return document
    if "Get" in document:
        return values[document["Get"]]
    join = document["Std:Join"]
    return str(join["On"]).join(resolved(value, values) for value in join["Values"])


def test_a_document_without_references_is_text() -> None:
    made = arguments_of({**JOB, "job_config": {"A": [1, 2.5, True, None], "B": {"C": 'say "hi"'}, "D": {}}})
    assert made["JobConfigDocument"] == '{"A": [1, 2.5, true, null], "B": {"C": "say \\"hi\\""}, "D": {}}'
    assert made["JobCategory"] == "AgentRFT"
    assert made["RoleArn"].startswith("arn:aws:iam::")


def test_references_are_filled_into_valid_json() -> None:
    document = {"Path": '${param.Root}/a "b"\\${param.Root}', "List": ["${param.Root}", "x"], "N": 3}
    made = arguments_of({**JOB, "job_config": document}, parameters={"Root": "s3://b/c"})
    text = resolved(made["JobConfigDocument"], {"Parameters.Root": "s3://b/c"})
    assert json.loads(text) == {
        "Path": 's3://b/c/a "b"\\s3://b/c',
        "List": ["s3://b/c", "x"],
        "N": 3,
    }


def test_executions_write_to_folders_of_their_own() -> None:
    document = {"OutputDataConfig": {"S3OutputPath": "s3://b/out/", "KmsKeyId": "k"}}
    made = arguments_of({**JOB, "job_config": document})
    text = resolved(made["JobConfigDocument"], {"Execution.PipelineExecutionId": "e1"})
    assert json.loads(text) == {"OutputDataConfig": {"S3OutputPath": "s3://b/out/e1/", "KmsKeyId": "k"}}


def test_a_path_may_go_into_the_document() -> None:
    """Source: ``JobStep`` of SDK 3.27: a property reference may descend into ``JobConfigDocument``."""
    told = {
        "type": "Lambda",
        "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "inputs": {"model": "${step.tune.JobConfigDocument.OutputModelPackageArn}"},
    }
    made = steps_of(config({"tune": JOB, "tell": told}))
    assert made["tell"]["Arguments"]["model"] == {"Get": "Steps.tune.JobConfigDocument.OutputModelPackageArn"}
    told["inputs"] = {"model": "${step.tune.JobConfigDocumnt.OutputModelPackageArn}"}
    error = only_error(config({"tune": JOB, "tell": told}))
    assert error.code == "reference.unknown-property"
    assert "JobConfigDocument" in str(error.hint)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"job_category": "AgentRTF"}, "request.unknown-value", "AgentRTF"),
        ({"schema_version": "1.0"}, "request.length", "'1.0'"),
        ({"schema_version": None}, "config.missing-field", "schema_version"),
    ],
)
def test_the_request_is_checked(fields: dict[str, Any], code: str, message: str) -> None:
    error = error_in({**JOB, **fields})
    assert message in error.message
    assert error.code == code
