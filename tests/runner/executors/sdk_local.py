"""What the installed SDK's own local mode makes of pipelines that need no Docker.

``python -m tests.runner.executors.sdk_local FILE`` writes, for each pipeline, its definition and how it ended there.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.by_hand import session
from tests.by_hand.inputs import BUCKET, IMAGE, MODEL_DATA, REGION, ROLE

REPORT = f"s3://{BUCKET}/report.json"
DATA: dict[str, Any] = {
    "a": {"b": [{"c": 7, "with space": "s", "with.dot": 1.5}], "flag": True, "none": None, "zero": 0},
    "list": [1, [2, 3]],
    "0": "a key that is a number",
    "metrics": [{"Name": "auc", "Value": 0.9}],
}
ALIKE = ((1, 2), (True, False), (1.0, 0.5, 2.0), ("a", "b", "1", ""))
"""Values that may be compared with each other."""
UNLIKE = ((1, "1"), (1, 1.0), ("a", True), (0.5, "a"))
PYTHONS: tuple[list[Any], ...] = (
    ["Equals", True, 1],
    ["GreaterThan", True, 0.5],
    ["In", True, [1, 2]],
    ["In", "1", [1, 2]],
)
"""Conditions on values of different types which Python compares."""
ORDERS = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
PATHS = (
    "a.b[0].c",
    "a.b[0]['c']",
    "a.b[0]['with space']",
    "a['b'][0].c",
    "a.flag",
    "a.zero",
    "list[1][0]",
    "0",
)
STRANGE_PATHS = (
    'a.b[0]["with.dot"]',
    "a.none",
    "list[2]",
    "list[-1]",
    "list.0",
    "metrics['auc'].Value",
    "none",
    "a..b",
    "a.b[x]",
    "",
)


def conditions() -> list[list[Any]]:
    """Conditions that hold or do not: the class, and its arguments, where a list is a condition again."""
    pairs = [pair for alike in ALIKE for pair in itertools.product(alike, alike)]
    mixed = [(1, 0.5), (0.5, 1), (1, 1.0)]
    among = [
        (1, [1, 2]),
        (3, [1, 2]),
        (1.0, [1, 2]),
        (True, [False]),
        ("a", ["a", "b"]),
        ("1", ["a"]),
        (1, []),
    ]
    one, two = ["Equals", 1, 1], ["Equals", 1, 2]
    couples = list(itertools.product((one, two), (one, two)))
    return [
        *(["Equals", *pair] for pair in pairs),
        *([order, *pair] for order in ORDERS for pair in (*pairs, *mixed)),
        *(["In", value, given] for value, given in among),
        *(["Or", list(couple)] for couple in couples),
        *(["Not", inner] for inner in (one, two, *(["Or", list(couple)] for couple in couples))),
    ]


@contextmanager
def _sdk() -> Iterator[SimpleNamespace]:
    """The classes of the installed SDK, a local session, and an S3 with :data:`DATA` in it."""
    with (
        session.local_aws() as endpoint,
        session.offline({"AWS_ENDPOINT_URL": endpoint}),
        session.schemas_checked_once(),
    ):
        import boto3

        boto3.client("s3").put_object(Bucket=BUCKET, Key="report.json", Body=json.dumps(DATA).encode())
        major = session.sdk_major()
        sdk = _sdk2() if major == 2 else _sdk3()
        sdk.aws = sdk.LocalPipelineSession(boto3.Session(region_name=REGION), default_bucket=BUCKET)
        sdk.aws.sagemaker_config = session._SDK_CONFIG
        # Pipeline.start() of SDK 3 calls what its local client does not have.
        sdk.client = sdk.aws.sagemaker_client if major == 2 else sdk.aws
        yield sdk


def _sdk2() -> SimpleNamespace:
    from sagemaker.model import Model
    from sagemaker.workflow import conditions, functions, parameters
    from sagemaker.workflow.condition_step import ConditionStep
    from sagemaker.workflow.fail_step import FailStep
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.pipeline import Pipeline
    from sagemaker.workflow.pipeline_context import LocalPipelineSession

    def make_model(aws: Any) -> Any:
        model = Model(image_uri=IMAGE, model_data=MODEL_DATA, role=ROLE, sagemaker_session=aws)
        return ModelStep(name="make", step_args=model.create())

    own = {
        "ConditionStep": ConditionStep,
        "FailStep": FailStep,
        "Pipeline": Pipeline,
        "make_model": make_model,
    }
    own |= {"LocalPipelineSession": LocalPipelineSession}
    return SimpleNamespace(**{**vars(conditions), **vars(functions), **vars(parameters), **own})


def _sdk3() -> SimpleNamespace:
    from sagemaker.core.workflow import conditions, functions, parameters
    from sagemaker.mlops.local import LocalPipelineSession
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep
    from sagemaker.mlops.workflow.pipeline import Pipeline

    own = {"ConditionStep": ConditionStep, "FailStep": FailStep, "Pipeline": Pipeline, "make_model": None}
    own |= {"LocalPipelineSession": LocalPipelineSession}
    return SimpleNamespace(**{**vars(conditions), **vars(functions), **vars(parameters), **own})


def _condition(sdk: Any, kind: str, *about: Any) -> Any:
    if kind == "In":
        return sdk.ConditionIn(value=about[0], in_values=about[1])
    if kind == "Or":
        return sdk.ConditionOr(conditions=[_condition(sdk, *inner) for inner in about[0]])
    if kind == "Not":
        return sdk.ConditionNot(_condition(sdk, *about[0]))
    return getattr(sdk, f"Condition{kind}")(left=about[0], right=about[1])


def _pipelines(sdk: Any) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """By name: the steps and the parameters."""

    def check(name: str, *found: Any) -> Any:
        return sdk.ConditionStep(name=name, conditions=list(found), if_steps=[], else_steps=[])

    def read(path: str) -> Any:
        uri = sdk.Join(on="/", values=["s3:/", BUCKET, "report.json"])
        return sdk.JsonGet(s3_uri=uri, json_path=path)

    def fail(message: Any) -> Any:
        return sdk.FailStep(name="tell", error_message=message)

    one, two = (sdk.ConditionEquals(left=value, right=1) for value in (1, 2))
    together = [check(f"check-{n}", _condition(sdk, *about)) for n, about in enumerate(conditions())]
    together += [
        check(f"both-{n}", *pair) for n, pair in enumerate(itertools.product((one, two), (one, two)))
    ]
    yield "conditions", together, []
    for left, right in UNLIKE:
        yield f"equal {left!r} {right!r}", [check("check", sdk.ConditionEquals(left=left, right=right))], []
    for about in PYTHONS:
        yield f"python {about}", [check("check", _condition(sdk, *about))], []
    yield "order", [check("check", sdk.ConditionGreaterThan(left="a", right=1))], []
    found = sdk.Join(on="|", values=[read(path) for path in PATHS])
    yield "paths", [fail(found)], []
    for path in STRANGE_PATHS:
        yield f"path {path}", [fail(sdk.Join(on="", values=["found ", read(path)]))], []
    branch = sdk.ConditionStep(name="check", conditions=[two], if_steps=[fail("taken")], else_steps=[])
    yield "a branch that is not taken", [branch], []
    given = [
        sdk.ParameterString(name="Text", default_value="text"),
        sdk.ParameterFloat(name="Rate", default_value=0.5),
    ]
    yield (
        "message",
        [fail(sdk.Join(on="-", values=["a", 1, True, *given, sdk.Join(on="", values=["b", "c"])]))],
        given,
    )
    if sdk.make_model is not None:
        made = sdk.make_model(sdk.aws)
        container = made.properties.PrimaryContainer
        yield "model", [made, fail(sdk.Join(on=" ", values=[container.ModelDataUrl, container.Image]))], []


def _run(sdk: Any, steps: Sequence[Any], parameters: Sequence[Any]) -> dict[str, Any]:
    pipeline = sdk.Pipeline(
        name="local", parameters=list(parameters), steps=list(steps), sagemaker_session=sdk.aws
    )
    definition = pipeline.definition()
    sdk.client.create_pipeline(pipeline, "one of many")
    execution = sdk.client.start_pipeline_execution(PipelineName="local")
    outcomes = {name: step.properties.get("Outcome") for name, step in execution.step_execution.items()}
    reason = execution.failure_reason
    return {"definition": definition, "status": execution.status, "reason": reason, "outcomes": outcomes}


def main(file: Path) -> None:
    """Run all pipelines."""
    with _sdk() as sdk:
        results = {name: _run(sdk, steps, parameters) for name, steps, parameters in _pipelines(sdk)}
    file.write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
