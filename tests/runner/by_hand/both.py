"""Pipelines whose classes have the same names in both SDKs, and live in other modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.by_hand import session
from tests.by_hand.inputs import ACCOUNT, BUCKET, OUTPUT, REGION
from tests.runner.by_hand.texts import LINES, ODD

_CORE = "sagemaker.core.workflow" if session.sdk_major() == 3 else "sagemaker.workflow"
_MLOPS = "sagemaker.mlops.workflow" if session.sdk_major() == 3 else "sagemaker.workflow"
_SDK = "sagemaker.core" if session.sdk_major() == 3 else "sagemaker"

_PLACES: Mapping[str, tuple[str, ...]] = {
    f"{_CORE}.conditions": (
        "ConditionEquals",
        "ConditionGreaterThan",
        "ConditionIn",
        "ConditionLessThanOrEqualTo",
        "ConditionNot",
        "ConditionOr",
    ),
    f"{_CORE}.execution_variables": ("ExecutionVariables",),
    f"{_CORE}.functions": ("Join", "JsonGet"),
    f"{_CORE}.parameters": ("ParameterBoolean", "ParameterFloat", "ParameterInteger", "ParameterString"),
    f"{_CORE}.properties": ("PropertyFile",),
    f"{_MLOPS}.callback_step": ("CallbackOutput", "CallbackOutputTypeEnum", "CallbackStep"),
    f"{_MLOPS}.condition_step": ("ConditionStep",),
    f"{_MLOPS}.fail_step": ("FailStep",),
    f"{_MLOPS}.lambda_step": ("LambdaOutput", "LambdaOutputTypeEnum", "LambdaStep"),
    f"{_MLOPS}.parallelism_config": ("ParallelismConfiguration",),
    f"{_MLOPS}.pipeline": ("Pipeline",),
    f"{_MLOPS}.step_collections": ("StepCollection",),
    f"{_MLOPS}.steps": ("TransformStep",),
    f"{_SDK}.lambda_helper": ("Lambda",),
    f"{_SDK}.transformer": ("Transformer",),
}
sdk = SimpleNamespace(
    **{name: getattr(import_module(module), name) for module, names in _PLACES.items() for name in names}
)

ScriptStep = Callable[..., Any]
"""``script_step(aws, name, code, arguments, inputs, outputs, **of_the_step)``: a ScriptProcessor's step."""

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:count"
QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/questions"


def wiring(aws: Any, code: Path, script_step: ScriptStep) -> Any:
    """Parameters, variables, joins, property files, conditions, functions and questions, all wired together."""
    text = sdk.ParameterString(name="Text", default_value=ODD)
    lines = sdk.ParameterString(name="Lines", default_value=LINES)
    count = sdk.ParameterInteger(name="Count", default_value=-3)
    rate = sdk.ParameterFloat(name="Rate", default_value=0.1)
    flag = sdk.ParameterBoolean(name="Flag", default_value=True)
    kind = sdk.ParameterString(name="Kind", default_value="b", enum_values=["a", "b", "c"])
    variables = sdk.ExecutionVariables
    first = script_step(
        aws,
        "First_step-1",
        code / "echo.py",
        arguments=[
            text,
            lines,
            count.to_string(),
            rate.to_string(),
            flag.to_string(),
            sdk.Join(on="|", values=[text, count, rate, flag, variables.PIPELINE_NAME, "", "x"]),
            sdk.Join(values=[]),
            "",
        ],
        outputs={"out": sdk.Join(on="/", values=["s3:/", BUCKET, variables.PIPELINE_EXECUTION_ID, kind])},
        property_files=[sdk.PropertyFile(name="Seen", output_name="out", path="sub/seen.json")],
    )
    place = first.properties.ProcessingOutputConfig.Outputs["out"].S3Output.S3Uri

    def seen(path: str) -> Any:
        return sdk.JsonGet(step_name=first.name, property_file="Seen", json_path=path)

    call = sdk.LambdaStep(
        name="call",
        lambda_func=sdk.Lambda(function_arn=FUNCTION, session=aws),
        inputs={"model": place, "count": seen("numbers[1].value"), "all": [text, {"deep": count}]},
        outputs=[
            sdk.LambdaOutput(output_name="said", output_type=sdk.LambdaOutputTypeEnum.String),
            sdk.LambdaOutput(output_name="number", output_type=sdk.LambdaOutputTypeEnum.Integer),
        ],
    )
    ask = sdk.CallbackStep(
        name="ask",
        sqs_queue_url=QUEUE,
        inputs={"place": place, "said": call.properties.Outputs["said"]},
        outputs=[
            sdk.CallbackOutput(output_name="ok", output_type=sdk.CallbackOutputTypeEnum.Boolean),
            sdk.CallbackOutput(output_name="why", output_type=sdk.CallbackOutputTypeEnum.String),
        ],
    )
    last = script_step(
        aws,
        "last",
        code / "echo.py",
        arguments=[
            ask.properties.Outputs["why"],
            sdk.Join(on=",", values=[seen("['odd key']"), seen("numbers[0].value"), place]),
            first.properties.ProcessingOutputConfig.Outputs["out"].OutputName,
            first.properties.ProcessingInputs[0].InputName,
        ],
        # The same bucket, and the same place, is read and written.
        inputs={"before": sdk.Join(on="/", values=[place, "sub"])},
        outputs={"out": sdk.Join(on="/", values=[place, "sub"])},
    )
    check = sdk.ConditionStep(
        name="check",
        conditions=[
            sdk.ConditionEquals(left=ask.properties.Outputs["ok"], right=True),
            sdk.ConditionOr(
                conditions=[
                    sdk.ConditionIn(value=kind, in_values=["a", seen("letter")]),
                    sdk.ConditionGreaterThan(left=count, right=0),
                ]
            ),
            sdk.ConditionNot(sdk.ConditionEquals(left=flag, right=False)),
            sdk.ConditionLessThanOrEqualTo(left=call.properties.Outputs["number"], right=8),
        ],
        if_steps=[last],
        else_steps=[
            sdk.FailStep(
                name="no", error_message=sdk.Join(on=": ", values=["no", ask.properties.Outputs["why"]])
            )
        ],
        depends_on=[call.name],
    )
    return sdk.Pipeline(
        name="wiring",
        parameters=[text, lines, count, rate, flag, kind],
        steps=[first, call, ask, check],
        sagemaker_session=aws,
    )


def dependencies(aws: Any, code: Path, script_step: ScriptStep) -> Any:
    """Steps that wait for steps, for their names, and for collections of steps."""
    script = code / "order.py"

    def one(name: str, *after: Any) -> Any:
        return script_step(
            aws, name, script, outputs={"out": f"{OUTPUT}/order/{name}"}, depends_on=list(after)
        )

    a, b = one("a"), one("b")
    # SDK 3 takes no collections.
    both = [sdk.StepCollection(name="both", steps=[a, b])] if session.sdk_major() == 2 else [a, b]
    c = one("c", *both)
    return sdk.Pipeline(
        name="dependencies",
        steps=[one("e", "d", *both), one("d", c), c, *both],
        sagemaker_session=aws,
    )
