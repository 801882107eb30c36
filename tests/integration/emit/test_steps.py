"""Emitted steps as the SDK sees them: variables in arguments, dependencies, properties."""

from __future__ import annotations

from typing import Any

import pytest

from dagcast.compile.emit.pipeline import emit_pipeline
from dagcast.compile.emit.sdk import SDK
from dagcast.compile.spec.pipeline import PipelineSpec, PropertyShape
from dagcast.definition.references import JsonGet
from dagcast.definition.values import freeze
from tests.integration.emit.specs import PARAMETERS, everything, fail, processing, step


def emitted(*steps: Any) -> Any:
    return emit_pipeline(PipelineSpec(name="p", parameters=PARAMETERS, steps=steps))


def test_arguments_hold_the_sdks_variables_and_the_pipelines_parameters(sdk: SDK) -> None:
    pipeline: Any = emit_pipeline(everything())
    prepare, evaluate, notify, gate = pipeline.steps
    cluster = prepare.arguments["ProcessingResources"]["ClusterConfig"]
    assert cluster["InstanceType"] is pipeline.parameters[0]
    uri = prepare.arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    assert isinstance(uri, sdk.Join)
    assert uri.values[1] == sdk.ExecutionVariable("PipelineExecutionId")
    assert isinstance(evaluate.arguments["ProcessingInputs"][0]["S3Input"]["S3Uri"], sdk.Properties)
    left = gate.step_only_arguments["Conditions"][0]["LeftValue"]
    assert isinstance(left, sdk.JsonGet)
    assert left.property_file == "EvaluationReport"
    assert isinstance(notify, sdk.Step)
    assert not isinstance(notify, sdk.ConfigurableRetryStep)
    assert isinstance(prepare, sdk.ConfigurableRetryStep)
    assert isinstance(gate, sdk.ConditionStep)
    assert isinstance(gate.if_steps[0].if_steps[0], sdk.Step)


def test_arguments_are_a_copy_each_time() -> None:
    prepare = emitted(processing("prepare")).steps[0]
    prepare.arguments["ProcessingResources"].clear()
    prepare.to_request()["Arguments"]["ProcessingResources"].clear()
    assert prepare.arguments["ProcessingResources"]


def test_parameters_are_the_sdks_own(sdk: SDK) -> None:
    pipeline: Any = emit_pipeline(everything())
    found = {p.name: (p.parameter_type.value, p.default_value) for p in pipeline.parameters}
    assert found == {p.name: (p.type, p.default) for p in PARAMETERS}
    assert isinstance(pipeline.parameters[0], sdk.ParameterString)
    assert pipeline.parameters[0].enum_values == ["ml.m5.large", "ml.m5.xlarge"]


def test_properties_have_the_shapes_of_the_service(sdk: SDK) -> None:
    prepare = emitted(processing("prepare")).steps[0]
    found = prepare.properties.ProcessingOutputConfig.Outputs["report"].S3Output.S3Uri
    assert isinstance(found, sdk.Properties)
    assert found.expr == {"Get": "Steps.prepare.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"}
    assert found._referenced_steps == [prepare]
    assert prepare.properties is prepare.properties
    with pytest.raises(AttributeError):
        _ = prepare.properties.NoSuchMember


def test_properties_of_several_shapes_and_of_another_service() -> None:
    tuning, emr = emitted(
        step(
            "tune",
            "Tuning",
            "Tuning",
            {},
            properties=PropertyShape(
                "sagemaker",
                (
                    "DescribeHyperParameterTuningJobResponse",
                    "ListTrainingJobsForHyperParameterTuningJobResponse",
                ),
            ),
        ),
        step("spark", "EMR", "EMR", {}, properties=PropertyShape("emr", ("Step",))),
    ).steps
    assert tuning.properties.BestTrainingJob.TrainingJobName.expr == {
        "Get": "Steps.tune.BestTrainingJob.TrainingJobName"
    }
    assert tuning.properties.TrainingJobSummaries[0].TrainingJobName.expr == {
        "Get": "Steps.tune.TrainingJobSummaries[0].TrainingJobName"
    }
    assert emr.properties.ExecutionRoleArn.expr == {"Get": "Steps.spark.ExecutionRoleArn"}


def test_further_names_are_reached_as_on_the_sdks_own_steps() -> None:
    checks = ("CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints")
    names = (
        "BestCandidateProperties.ModelInsightsJsonReportPath",
        "BestCandidateProperties.ExplainabilityJsonReportPath",
    )
    notify, check, automl, notebook, gate = emitted(
        step("notify", "Lambda", "Lambda", {}, properties=PropertyShape(names=("OutputParameters['a']",))),
        step("check", "QualityCheck", "QualityCheck", {}, properties=PropertyShape(names=checks)),
        step(
            "automl",
            "AutoML",
            "AutoML",
            {},
            properties=PropertyShape("sagemaker", ("DescribeAutoMLJobResponse",), names),
        ),
        step("book", "NotebookJob", "Training", {}, properties=PropertyShape()),
        step("gate", "Condition", "Condition", {"Conditions": ()}),
    ).steps
    assert notify.properties.Outputs["a"].expr == {"Get": "Steps.notify.OutputParameters['a']"}
    assert notify.properties.OutputParameters["a"] is notify.properties.Outputs["a"]
    for name in checks:
        assert getattr(check.properties, name).expr == {"Get": f"Steps.check.{name}"}
    best = automl.properties.BestCandidateProperties
    assert best.ModelInsightsJsonReportPath.expr == {"Get": f"Steps.automl.{names[0]}"}
    assert best.ExplainabilityJsonReportPath.expr == {"Get": f"Steps.automl.{names[1]}"}
    assert automl.properties.BestCandidate.CandidateName.expr == {
        "Get": "Steps.automl.BestCandidate.CandidateName"
    }
    assert notebook.properties.InputNotebookName.expr == {
        "Get": "Steps.book.Environment['SM_INPUT_NOTEBOOK_NAME']"
    }
    assert gate.properties.Outcome.expr == {"Get": "Steps.gate.Outcome"}


def graph(sdk: SDK, pipeline: Any) -> dict[str, set[str]]:
    """By step: the steps that the SDK finds to come after it."""
    import importlib

    module = importlib.import_module(sdk.Pipeline.__module__)
    return {
        name: set(after)
        for name, after in module.PipelineGraph.from_pipeline(pipeline).adjacency_list.items()
    }


def test_the_sdk_finds_the_dependencies(sdk: SDK, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert graph(sdk, emit_pipeline(everything())) == {
        "prepare": {"evaluate", "notify"},
        "evaluate": {"notify", "gate", "again"},
        "notify": {"gate"},
        "gate": {"inner", "reject"},
        "inner": {"again"},
        "again": set(),
        "reject": set(),
    }


def test_the_sdk_finds_an_undefined_property_file(sdk: SDK, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    condition = {"Type": "Equals", "LeftValue": JsonGet("a", "Missing", "x"), "RightValue": 1}
    pipeline = emitted(
        processing("a"), step("gate", "Condition", "Condition", {"Conditions": [condition]}), fail("f")
    )
    with pytest.raises(ValueError, match="Missing"):
        graph(sdk, pipeline)


def test_policies_of_any_form_survive(sdk: SDK) -> None:
    policies = [
        {
            "ExceptionType": ["SageMaker.CAPACITY_ERROR", "Step.SERVICE_FAULT"],
            "ExpireAfterMin": 60,
            "BackoffRate": 1.5,
        },
        {"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1, "IntervalSeconds": 9},
    ]
    prepare = emitted(processing("a", fields=freeze({"RetryPolicies": policies}))).steps[0]
    assert [policy.to_request() for policy in prepare.retry_policies] == policies
    assert prepare.to_request()["RetryPolicies"] == policies
