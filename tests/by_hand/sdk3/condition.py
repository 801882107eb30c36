"""Every condition class, alone and nested, and a condition step inside a branch of another."""

from __future__ import annotations

from typing import Any

from sagemaker.core.processing import Processor
from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
from sagemaker.core.workflow.conditions import (
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
)
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import (
    ParameterBoolean,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
)
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep

from ..inputs import IMAGE, INSTANCE, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """``check`` holds all; ``check-again`` is in its if-branch, ``deep`` in that one's else-branch."""
    threshold = ParameterFloat(name="Threshold", default_value=0.9)
    mode = ParameterString(name="Mode", default_value="full")
    rounds = ParameterInteger(name="Rounds", default_value=3)
    forced = ParameterBoolean(name="Forced", default_value=False)
    report = PropertyFile(name="Report", output_name="report", path="report.json")
    evaluate = ProcessingStep(
        name="evaluate",
        step_args=Processor(
            role=ROLE, image_uri=IMAGE, instance_count=1, instance_type=INSTANCE, sagemaker_session=session
        ).run(
            outputs=[
                ProcessingOutput(
                    output_name="report",
                    s3_output=ProcessingS3Output(
                        s3_uri=f"{OUTPUT}/evaluate",
                        local_path="/opt/ml/processing/output/report",
                        s3_upload_mode="EndOfJob",
                    ),
                )
            ]
        ),
        property_files=[report],
    )
    accuracy = JsonGet(step_name="evaluate", property_file=report, json_path="metrics.accuracy.value")
    recall = JsonGet(step_name="evaluate", property_file="Report", json_path="metrics.recall[0].value")
    deep = ConditionStep(
        name="deep",
        conditions=[ConditionEquals(left=evaluate.properties.ProcessingJobStatus, right="Completed")],
        if_steps=[FailStep(name="fail-deep", error_message="too deep")],
    )
    check_again = ConditionStep(
        name="check-again",
        conditions=[
            ConditionNot(
                ConditionOr(
                    conditions=[
                        ConditionNot(ConditionEquals(left=mode, right="quick")),
                        ConditionOr(conditions=[ConditionLessThan(left=recall, right=0.5)]),
                    ]
                )
            )
        ],
        if_steps=[FailStep(name="fail-again", error_message="again")],
        else_steps=[deep],
    )
    check = ConditionStep(
        name="check",
        display_name="Good enough?",
        description="Looks at the report.",
        depends_on=[evaluate],
        conditions=[
            ConditionEquals(left=mode, right="full"),
            ConditionGreaterThan(left=accuracy, right=0.5),
            ConditionGreaterThanOrEqualTo(left=accuracy, right=threshold),
            ConditionLessThan(left=rounds, right=10),
            ConditionLessThanOrEqualTo(left=recall, right=1),
            ConditionIn(value=mode, in_values=["full", "quick", ExecutionVariables.PIPELINE_NAME]),
            ConditionNot(ConditionEquals(left=forced, right=True)),
            ConditionOr(
                conditions=[
                    ConditionEquals(left=Join(on="-", values=[mode, "run"]), right="full-run"),
                    ConditionIn(value=rounds, in_values=[1, 2, 3]),
                ]
            ),
        ],
        if_steps=[check_again],
        else_steps=[FailStep(name="fail", error_message="accuracy is too low")],
    )
    return Pipeline(
        name="condition",
        parameters=[threshold, mode, rounds, forced],
        steps=[evaluate, check],
        sagemaker_session=session,
    )
