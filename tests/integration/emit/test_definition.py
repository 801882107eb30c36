"""The definition of an emitted pipeline: the spec's text, the SDK's data, and what users change."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagcast.compile.emit.pipeline import CompiledPipeline, emit_pipeline
from dagcast.compile.emit.sdk import SDK
from dagcast.compile.emit.sdk_support import check_types
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.definition.values import freeze
from dagcast.definition.write import definition_data, write_definition
from dagcast.errors import SDKError
from dagcast.sagemaker.sdk import SDKVersion
from tests.integration.emit.specs import PARAMETERS, decision, everything, fail, processing, report_of


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own way to a definition makes a session, which needs a region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def sdk_definition(pipeline: Any, sdk: SDK) -> Any:
    """What the SDK's own class makes of the pipeline; SDK 3 adds a field of which the spec knows nothing."""
    written = json.loads(sdk.Pipeline.definition(pipeline))
    assert written.pop("MlflowConfig", None) is None
    return written


def steps(pipeline: Any) -> dict[str, Any]:
    return {step["Name"]: step for step in json.loads(pipeline.definition())["Steps"]}


@pytest.mark.parametrize(
    "spec", [everything(), decision(), PipelineSpec(name="empty")], ids=lambda spec: spec.name
)
def test_the_text_is_that_of_the_spec(sdk: SDK, offline: list[object], spec: PipelineSpec) -> None:
    pipeline = emit_pipeline(spec)
    assert isinstance(pipeline, sdk.Pipeline)
    assert isinstance(pipeline, CompiledPipeline)
    assert pipeline.definition() == write_definition(spec)
    assert pipeline.definition() == write_definition(spec)
    assert offline == []


@pytest.mark.parametrize(
    "spec", [everything(), decision(), PipelineSpec(name="empty")], ids=lambda spec: spec.name
)
def test_the_sdk_itself_writes_the_same(
    sdk: SDK, region: None, spec: PipelineSpec, offline: list[object]
) -> None:
    assert sdk_definition(emit_pipeline(spec), sdk) == definition_data(spec)
    assert offline == []


NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=1, max_size=7, unique=True)


@st.composite
def pipelines(draw: Any) -> PipelineSpec:
    """Chains and fan-outs of processing steps, by data and by order."""
    made: list[Any] = []
    for name in draw(NAMES):
        earlier = [step.name for step in made]
        reads = draw(st.sampled_from(earlier)) if earlier and draw(st.booleans()) else None
        after = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        made.append(
            processing(
                name,
                report_of(reads) if reads else None,
                depends_on=tuple(after),
                description=draw(st.none() | st.text(max_size=5)),
                display_name=draw(st.none() | st.text(max_size=5)),
            )
        )
    return PipelineSpec(name="random", parameters=PARAMETERS, steps=tuple(made))


@given(spec=pipelines())
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_both_agree_on_any_pipeline(sdk: SDK, region: None, spec: PipelineSpec) -> None:
    pipeline = emit_pipeline(spec)
    assert pipeline.definition() == write_definition(spec)
    assert sdk_definition(pipeline, sdk) == definition_data(spec)


def test_changes_of_a_step_are_in_the_definition(sdk: SDK, region: None) -> None:
    pipeline: Any = emit_pipeline(everything())
    prepare, evaluate, notify, gate = pipeline.steps
    prepare.display_name, prepare.description = None, "Changed"
    evaluate.add_depends_on([prepare, "notify"])
    notify.depends_on = None
    gate.add_depends_on(["prepare", "notify"])
    gate.if_steps[0].if_steps[0].description = "Twice more"
    written = steps(pipeline)
    assert "DisplayName" not in written["prepare"]
    assert written["prepare"]["Description"] == "Changed"
    assert written["evaluate"]["DependsOn"] == ["prepare", "notify"]
    assert "DependsOn" not in written["notify"]
    assert written["gate"]["DependsOn"] == ["notify", "prepare"]
    inner = written["gate"]["Arguments"]["IfSteps"][0]["Arguments"]
    assert inner["IfSteps"][0]["Description"] == "Twice more"
    assert sdk_definition(pipeline, sdk) == json.loads(pipeline.definition())


def test_fields_of_a_step_can_be_read_as_objects_and_changed(sdk: SDK, region: None) -> None:
    spec = everything()
    pipeline: Any = emit_pipeline(spec)
    prepare, evaluate, _, gate = pipeline.steps
    assert (prepare.cache_config.enable_caching, prepare.cache_config.expire_after) == (True, "P30D")
    assert isinstance(prepare.retry_policies[0], sdk.RetryPolicy)
    assert prepare.retry_policies[0].max_attempts == 3
    assert evaluate.property_files == [sdk.PropertyFile("EvaluationReport", "report", "evaluation.json")]
    assert [type(condition) for condition in gate.conditions] == [
        sdk.ConditionLessThanOrEqualTo,
        sdk.ConditionOr,
    ]
    assert (evaluate.cache_config, evaluate.retry_policies) == (None, [])
    # Looking changes nothing, to the byte.
    assert pipeline.definition() == write_definition(spec)

    prepare.cache_config.expire_after = "P1D"
    prepare.retry_policies[0].max_attempts = 9
    evaluate.cache_config = sdk.CacheConfig(enable_caching=True)
    evaluate.add_retry_policy(prepare.retry_policies[0])
    evaluate.property_files.append(sdk.PropertyFile("More", "report", "more.json"))
    del gate.conditions[1]
    gate.conditions.append(sdk.ConditionEquals(left=pipeline.parameters[1], right=3))
    written = steps(pipeline)
    policy = {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 5, "MaxAttempts": 9}
    assert written["prepare"]["CacheConfig"] == {"Enabled": True, "ExpireAfter": "P1D"}
    assert written["prepare"]["RetryPolicies"] == written["evaluate"]["RetryPolicies"] == [policy]
    assert written["evaluate"]["CacheConfig"] == {"Enabled": True}
    assert [file["PropertyFileName"] for file in written["evaluate"]["PropertyFiles"]] == [
        "EvaluationReport",
        "More",
    ]
    assert written["gate"]["Arguments"]["Conditions"][1] == {
        "Type": "Equals",
        "LeftValue": {"Get": "Parameters.Count"},
        "RightValue": 3,
    }
    assert sdk_definition(pipeline, sdk) == json.loads(pipeline.definition())

    prepare.cache_config, prepare.retry_policies = None, []
    assert not {"CacheConfig", "RetryPolicies"} & steps(pipeline)["prepare"].keys()
    assert sdk_definition(pipeline, sdk) == json.loads(pipeline.definition())


def test_changes_of_the_pipeline_are_in_the_definition(sdk: SDK, region: None) -> None:
    pipeline: Any = emit_pipeline(everything())
    pipeline.parameters.append(sdk.ParameterString("Added", enum_values=["a", "b"], default_value="a"))
    pipeline.pipeline_experiment_config = sdk.PipelineExperimentConfig("fixed", pipeline.parameters[-1])
    written = json.loads(pipeline.definition())
    assert written["Parameters"][-1] == {
        "Name": "Added",
        "Type": "String",
        "DefaultValue": "a",
        "EnumValues": ["a", "b"],
    }
    assert written["PipelineExperimentConfig"] == {
        "ExperimentName": "fixed",
        "TrialName": {"Get": "Parameters.Added"},
    }
    assert sdk_definition(pipeline, sdk) == written
    pipeline.pipeline_experiment_config = None
    assert json.loads(pipeline.definition())["PipelineExperimentConfig"] is None


def sdk_fail_step(sdk: SDK, name: str, message: Any) -> Any:
    """A step of the SDK's own class, made by the user."""
    import importlib

    module = importlib.import_module(sdk.Step.__module__.replace("steps", "fail_step"))
    return module.FailStep(name=name, error_message=message)


def test_steps_of_the_sdk_can_be_added(sdk: SDK, region: None) -> None:
    spec = everything()
    pipeline: Any = emit_pipeline(spec)
    prepare = pipeline.steps[0]
    added = sdk_fail_step(sdk, "added", sdk.Join(on=" ", values=[prepare.properties.ProcessingJobName]))
    added.add_depends_on([prepare])
    pipeline.steps.append(added)
    pipeline.steps[3].else_steps.append(sdk_fail_step(sdk, "nested", "nested"))
    written = json.loads(pipeline.definition())
    assert "MlflowConfig" not in written
    assert written["Steps"][-1] == {
        "Name": "added",
        "Type": "Fail",
        "Arguments": {
            "ErrorMessage": {"Std:Join": {"On": " ", "Values": [{"Get": "Steps.prepare.ProcessingJobName"}]}}
        },
        "DependsOn": ["prepare"],
    }
    expected = definition_data(spec)["Steps"]
    expected[3]["Arguments"]["ElseSteps"].append(
        {"Name": "nested", "Type": "Fail", "Arguments": {"ErrorMessage": "nested"}}
    )
    assert written["Steps"][:-1] == expected


def test_a_step_that_waits_for_one_outside_brings_it_along(sdk: SDK, region: None) -> None:
    pipeline: Any = emit_pipeline(decision())
    pipeline.steps[0].add_depends_on([sdk_fail_step(sdk, "outside", "x")])
    written = steps(pipeline)
    assert written["gate"]["DependsOn"] == ["outside"]
    assert written["outside"]["Type"] == "Fail"


@pytest.mark.parametrize("name", ["prepare", "notify"])
def test_a_step_that_others_need_cannot_be_removed(sdk: SDK, region: None, name: str) -> None:
    pipeline: Any = emit_pipeline(everything())
    pipeline.steps = [step for step in pipeline.steps if step.name != name]
    with pytest.raises(ValueError, match=name):
        pipeline.definition()


def test_duplicate_and_unknown_names_are_still_refused_by_the_sdk(sdk: SDK, region: None) -> None:
    pipeline: Any = emit_pipeline(everything())
    pipeline.steps.append(pipeline.steps[0])
    with pytest.raises(ValueError, match="duplicate names"):
        pipeline.definition()
    pipeline = emit_pipeline(everything())
    pipeline.steps[0].add_depends_on(["nobody"])
    with pytest.raises(ValueError, match="nobody"):
        pipeline.definition()


def test_mlflow_stays_where_the_user_sets_it(sdk: SDK, region: None) -> None:
    if sdk.version.major < 3:
        pytest.skip("SDK 2 has no MLflow configuration")
    from sagemaker.core.shapes.shapes import MlflowConfig

    pipeline: Any = emit_pipeline(decision())
    pipeline.mlflow_config = MlflowConfig(mlflow_resource_arn="arn:x", mlflow_experiment_name="e")
    written = json.loads(pipeline.definition())
    assert written.pop("MlflowConfig") == {"MlflowResourceArn": "arn:x", "MlflowExperimentName": "e"}
    assert written == definition_data(decision())


def test_a_pipeline_holds_what_the_sdks_own_holds(sdk: SDK, region: None) -> None:
    """Our constructor skips the SDK's, so an attribute that a later SDK adds would be missing."""
    emitted: Any = emit_pipeline(decision())
    by_hand = sdk.Pipeline(name="decision", sagemaker_session=emitted.sagemaker_session)
    assert [name for name in vars(by_hand) if not hasattr(emitted, name)] == []
    assert emitted._version == by_hand._version
    assert vars(emitted.pipeline_definition_config) == vars(by_hand.pipeline_definition_config)


def test_step_types_that_the_sdk_lacks_are_named_with_the_sdk_that_has_them(sdk: SDK) -> None:
    spec = decision()
    unknown = tuple(replace(fail(name), definition_type="Teleport") for name in ("a", "b"))
    with pytest.raises(SDKError) as refused:
        emit_pipeline(replace(spec, steps=spec.steps + unknown))
    assert str(refused.value).splitlines() == [
        f"step {name!r}: SageMaker SDK {sdk.version} has no step type 'Teleport'" for name in ("a", "b")
    ]
    serverless = replace(
        spec, steps=(replace(fail("spark"), definition_type="EMRServerless", arguments=freeze({})),)
    )
    if "EMRServerless" in {member.value for member in sdk.StepTypeEnum}:
        assert emit_pipeline(serverless).definition() == write_definition(serverless)
    else:
        with pytest.raises(SDKError) as refused:
            emit_pipeline(serverless)
        assert str(refused.value) == (
            f"step 'spark': SageMaker SDK {sdk.version} has no step type 'EMRServerless', "
            'which it has from 3.4 on: pip install "sagemaker>=3.4,<4"'
        )


@pytest.mark.parametrize(
    ("major", "remedy"),
    [(2, 'pip install "sagemaker>=2.257.6,<3"'), (3, 'pip install "sagemaker>=3.23,<4"')],
)
def test_the_remedy_keeps_to_the_installed_major(sdk: SDK, major: int, remedy: str) -> None:
    """An SDK without endpoints, as early ones are: what is installed has them."""
    early = replace(
        sdk,
        version=SDKVersion(f"{major}.500"),
        StepTypeEnum=[member for member in sdk.StepTypeEnum if member.value != "Endpoint"],
    )
    with pytest.raises(SDKError) as refused:
        check_types([replace(fail("serve"), definition_type="Endpoint")], early)
    assert str(refused.value) == (
        f"step 'serve': SageMaker SDK {major}.500 has no step type 'Endpoint', "
        f"which it has from 2.257.6 and 3.23 on: {remedy}"
    )
