"""Rules of AutoML jobs."""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import PipelineFacts, Rule

_JOB = ("CreateAutoMLJobRequest",)
_GUIDE = "SageMaker Developer Guide, build-and-manage-steps"
MOST_OUTPUT_PATH = 512
"""Characters of the output path. Source: botocore, AutoMLOutputDataConfig.S3OutputPath."""


def _mode(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    mode = job.get("AutoMLJobConfig", "Mode")
    if mode != "ENSEMBLING" and mode is not UNKNOWN:
        found = "missing" if mode is None else repr(mode)
        message = f"an AutoML step needs Mode 'ENSEMBLING'; it is {found}"
        yield job.finding(message, "AutoMLJobConfig", "Mode")


def _problem_and_objective(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    given = [job.given("ProblemType"), job.given("AutoMLJobObjective")]
    if given[0] != given[1]:
        missing = "AutoMLJobObjective" if given[0] else "ProblemType"
        yield job.finding(f"ProblemType and AutoMLJobObjective go together: {missing} is missing", missing)


def _validation_fraction(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    path = ("AutoMLJobConfig", "DataSplitConfig", "ValidationFraction")
    value = job.number(*path)
    if value is not None and not 0 < value < 1:
        yield job.finding(f"ValidationFraction is {value}, expected more than 0 and less than 1", *path)


def _output_path(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    text = job.text("OutputDataConfig", "S3OutputPath")
    if text is not None and len(text) > MOST_OUTPUT_PATH:
        message = f"S3OutputPath has {len(text)} characters, at most {MOST_OUTPUT_PATH} are allowed"
        yield job.finding(message, "OutputDataConfig", "S3OutputPath")


RULES = (
    Rule(
        id="automl.mode",
        summary="An AutoML step runs in Mode ENSEMBLING",
        source=f"{_GUIDE}; SageMaker Python SDK, AutoMLStep",
        shapes=_JOB,
        check=_mode,
        obeys={},
        breaks={"AutoMLJobConfig": {"Mode": "AUTO"}},
    ),
    Rule(
        id="automl.problem-and-objective",
        summary="ProblemType and AutoMLJobObjective are both given, or neither",
        source="SageMaker Python SDK 2.257, automl.py",
        shapes=_JOB,
        check=_problem_and_objective,
        obeys={"ProblemType": "Regression", "AutoMLJobObjective": {"MetricName": "MSE"}},
        breaks={"ProblemType": "Regression"},
    ),
    Rule(
        id="automl.validation-fraction",
        summary="ValidationFraction is more than 0 and less than 1",
        source="botocore, AutoMLDataSplitConfig.ValidationFraction",
        shapes=_JOB,
        check=_validation_fraction,
        obeys={"AutoMLJobConfig": {"DataSplitConfig": {"ValidationFraction": 0.2}}},
        breaks={"AutoMLJobConfig": {"DataSplitConfig": {"ValidationFraction": 1}}},
    ),
    Rule(
        id="automl.output-path",
        summary=f"S3OutputPath has at most {MOST_OUTPUT_PATH} characters",
        source="botocore, AutoMLOutputDataConfig.S3OutputPath",
        shapes=_JOB,
        check=_output_path,
        obeys={"OutputDataConfig": {"S3OutputPath": "s3://my-bucket/" + "a" * (MOST_OUTPUT_PATH - 15)}},
        breaks={"OutputDataConfig": {"S3OutputPath": "s3://my-bucket/" + "a" * (MOST_OUTPUT_PATH - 14)}},
    ),
)
