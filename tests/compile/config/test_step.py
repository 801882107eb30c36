"""What the configs of all steps have: caching, retries, dependencies, and overrides of the request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import (
    ALWAYS,
    JOB,
    ROLE,
    arguments_of,
    check,
    config,
    error_in,
    errors_of,
    only_error,
    step_of,
    steps_of,
)

TRAINING: dict[str, Any] = {"type": "Training", **JOB}


class TestCache:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (True, {"Enabled": True}),
            (False, {"Enabled": False}),
            ("P30D", {"Enabled": True, "ExpireAfter": "P30D"}),
            ("PT12H", {"Enabled": True, "ExpireAfter": "PT12H"}),
            ("P1Y2M3W4DT5H6M7S", {"Enabled": True, "ExpireAfter": "P1Y2M3W4DT5H6M7S"}),
            ("30d", {"Enabled": True, "ExpireAfter": "30d"}),
            ({"enabled": False, "expire_after": "P1D"}, {"Enabled": False, "ExpireAfter": "P1D"}),
            ({}, {"Enabled": True}),
        ],
    )
    def test_spellings(self, given: Any, expected: dict[str, Any]) -> None:
        assert step_of({**TRAINING, "cache": given})["CacheConfig"] == expected

    def test_none(self) -> None:
        assert "CacheConfig" not in step_of({**TRAINING, "cache": None})

    @pytest.mark.parametrize("given", ["", "P", "PT", "T1H ", "30", "P30X", "30 days", "P-1D", "P1D\n"])
    def test_what_is_not_a_duration(self, given: str) -> None:
        error = error_in({**TRAINING, "cache": given})
        assert error.message == (
            f"step 'step' (Training): cache.expire_after: {given!r} is not an ISO 8601 duration such as P30D or PT12H"
        )

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (30, "cache: expected a mapping, got 30"),
            ({"enable": True}, "unknown field 'cache.enable'"),
            ({"enabled": "yes"}, "cache.enabled: expected true or false, got 'yes'"),
        ],
    )
    def test_mistakes(self, given: Any, message: str) -> None:
        assert error_in({**TRAINING, "cache": given}).message == f"step 'step' (Training): {message}"


class TestRetries:
    def test_in_full(self) -> None:
        policies = [
            {"exception_types": ["Step.SERVICE_FAULT", "SageMaker.JOB_INTERNAL_ERROR"], "max_attempts": 20},
            {
                "exception_types": ["SageMaker.RESOURCE_LIMIT"],
                "expire_after_mins": 14400,
                "interval_seconds": 30,
                "backoff_rate": 3,
            },
        ]
        assert step_of({**TRAINING, "retry_policies": policies})["RetryPolicies"] == [
            {
                "BackoffRate": 2.0,
                "IntervalSeconds": 1,
                "MaxAttempts": 20,
                "ExceptionType": ["Step.SERVICE_FAULT", "SageMaker.JOB_INTERNAL_ERROR"],
            },
            {
                "BackoffRate": 3.0,
                "IntervalSeconds": 30,
                "ExpireAfterMin": 14400,
                "ExceptionType": ["SageMaker.RESOURCE_LIMIT"],
            },
        ]

    @pytest.mark.parametrize(
        ("policy", "message"),
        [
            ({}, "'retry_policies[0].exception_types' is missing"),
            (
                {"exception_types": [], "max_attempts": 1},
                "retry_policies[0].exception_types: expected at least 1 item, got 0",
            ),
            (
                {"exception_types": ["Step.THROTTLING"]},
                "retry_policies[0]: a retry policy takes one of max_attempts and expire_after_mins",
            ),
            (
                {"exception_types": ["Step.THROTTLING"], "max_attempts": 1, "expire_after_mins": 1},
                "retry_policies[0]: a retry policy takes one of max_attempts and expire_after_mins",
            ),
            (
                {"exception_types": ["Step.THROTTLING"], "max_attempts": 21},
                "retry_policies[0].max_attempts: expected less than or equal to 20, got 21",
            ),
            (
                {"exception_types": ["Step.THROTTLING"], "expire_after_mins": 14401},
                "retry_policies[0].expire_after_mins: expected less than or equal to 14400, got 14401",
            ),
            (
                {"exception_types": "Step.THROTTLING", "max_attempts": 1},
                "retry_policies[0].exception_types: expected a list, got 'Step.THROTTLING'",
            ),
        ],
    )
    def test_mistakes(self, policy: dict[str, Any], message: str) -> None:
        error = error_in({**TRAINING, "retry_policies": [policy]})
        assert error.message == f"step 'step' (Training): {message}"

    def test_a_misspelt_exception_names_the_nearest(self) -> None:
        error = error_in(
            {**TRAINING, "retry_policies": [{"exception_types": ["Step.THROTLING"], "max_attempts": 1}]}
        )
        assert error.hint == "did you mean 'Step.THROTTLING'?"
        assert str(error.location) == "<config>.steps.step.retry_policies[0].exception_types[0]"


class TestRequest:
    def test_it_is_merged_deeply(self) -> None:
        arguments = arguments_of(
            {
                **TRAINING,
                "request": {
                    "ResourceConfig": {"VolumeSizeInGB": 99},
                    "RetryStrategy": {"MaximumRetryAttempts": 2},
                    "StoppingCondition": {"MaxPendingTimeInSeconds": 7200},
                },
            }
        )
        assert arguments["ResourceConfig"] == {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 99,
        }
        assert arguments["RetryStrategy"] == {"MaximumRetryAttempts": 2}
        assert arguments["StoppingCondition"] == {
            "MaxRuntimeInSeconds": 86400,
            "MaxPendingTimeInSeconds": 7200,
        }

    def test_null_removes(self) -> None:
        arguments = arguments_of(
            {
                **TRAINING,
                "environment": {"A": "1", "B": "2"},
                "request": {
                    "OutputDataConfig": {"S3OutputPath": "s3://b/x"},
                    "ResourceConfig": {"VolumeSizeInGB": None},
                    "Environment": {"A": None},
                    "NotThere": None,
                },
            }
        )
        assert "VolumeSizeInGB" not in arguments["ResourceConfig"]
        assert arguments["Environment"] == {"B": "2"}
        assert "NotThere" not in arguments

    def test_lists_are_replaced(self) -> None:
        arguments = arguments_of(
            {**TRAINING, "tags": {"a": "1", "b": "2"}, "request": {"Tags": [{"Key": "c", "Value": "3"}]}}
        )
        assert arguments["Tags"] == [{"Key": "c", "Value": "3"}]

    def test_references_stand_in_it(self) -> None:
        steps = {
            "a": TRAINING,
            "b": {**TRAINING, "request": {"Environment": {"BEFORE": "${step.a.TrainingJobName}"}}},
        }
        assert steps_of(config(steps))["b"]["Arguments"]["Environment"] == {
            "BEFORE": {"Get": "Steps.a.TrainingJobName"}
        }

    def test_what_the_step_lacks_may_stand_in_it(self) -> None:
        fields = {
            "type": "Training",
            **JOB,
            "request": {"RoleArn": ROLE, "OutputDataConfig": {"S3OutputPath": "s3://b/x"}},
        }
        messages = errors_of(config({"step": fields}, pipeline={"name": "demo"}))
        assert messages == [
            "<config>.pipeline: steps need an execution role (set pipeline.role to the ARN of a role)",
            "<config>.pipeline: results of steps need a bucket (set pipeline.bucket, or give each destination)",
        ]

    @pytest.mark.parametrize(
        ("request_", "code", "message", "place"),
        [
            (
                {"ResourceConfig": {"InstnceCount": 3}},
                "request.unknown-field",
                "ResourceConfig.InstnceCount is not a field of ResourceConfig",
                ".ResourceConfig.InstnceCount",
            ),
            (
                {"ResourceConfig": {"VolumeSizeInGB": "big"}},
                "request.wrong-type",
                "ResourceConfig.VolumeSizeInGB must be an integer, not the string 'big'",
                ".ResourceConfig.VolumeSizeInGB",
            ),
            (
                {"Environment": {"A": "${param.Nope}"}},
                "reference.unknown-parameter",
                "${param.Nope} is not a declared parameter",
                ".Environment.A",
            ),
            ({"RoleArn": None}, "request.missing-field", "RoleArn is missing", None),
            (
                {"StoppingCondition": []},
                "request.wrong-type",
                "StoppingCondition must be a mapping, not a list",
                ".StoppingCondition",
            ),
            (
                {"InputDataConfig": "${param.Place}"},
                "reference.wrong-type",
                "InputDataConfig must be a list, but ${param.Place} is a reference, which is always a single "
                "value",
                ".InputDataConfig",
            ),
        ],
    )
    def test_it_is_checked_and_located(
        self, request_: dict[str, Any], code: str, message: str, place: str | None
    ) -> None:
        error = error_in({**TRAINING, "request": request_}, parameters={"Place": "x"})
        assert (error.code, error.message) == (code, f"step 'step': {message}")
        if place is not None:
            assert str(error.location) == f"<config>.steps.step.request{place}"

    @pytest.mark.parametrize("given", [["a"], "x", 5])
    def test_it_is_a_mapping(self, given: Any) -> None:
        assert "request: expected a mapping" in error_in({**TRAINING, "request": given}).message


class TestDependencies:
    def test_depends_on(self) -> None:
        steps = {
            "a": {"type": "Fail", "depends_on": ["b", "c", "b"]},
            "b": {"type": "Fail"},
            "c": {"type": "Fail"},
        }
        found = steps_of(config(steps, edges=["c => a"]))
        assert list(found) == ["b", "c", "a"]
        assert found["a"]["DependsOn"] == ["c", "b"]

    def test_a_cycle_through_references_and_dependencies(self) -> None:
        steps = {
            "a": {**TRAINING, "hyperparameters": {"x": "${step.b.TrainingJobName}"}},
            "b": {**TRAINING, "depends_on": ["c"]},
            "c": {"type": "Condition", "conditions": ALWAYS},
        }
        error = only_error(config(steps, edges=["a => c"]))
        assert error.code == "dag.cycle"
        around = error.message.removeprefix("the DAG has a cycle: ").split(" -> ")
        assert set(around) == {"a", "b", "c"}
        assert around[0] == around[-1]
        # The only edge of it is where one would look.
        assert str(error.location) == "<config>.edges[0]"

    @pytest.mark.parametrize(
        "fields",
        [
            {"depends_on": ["step"]},
            {"hyperparameters": {"x": "${step.step.TrainingJobName}"}},
        ],
    )
    def test_on_itself(self, fields: dict[str, Any]) -> None:
        codes = [error.code for error in check(config({"step": {**TRAINING, **fields}})).errors]
        assert codes[0] == "dag.cycle"


class TestReferences:
    @pytest.mark.parametrize(
        ("reference", "code", "message", "hint"),
        [
            (
                "${param.Coun}",
                "reference.unknown-parameter",
                "${param.Coun} is not a declared parameter",
                "did you mean 'Count'?",
            ),
            (
                "${step.trian.TrainingJobName}",
                "reference.unknown-step",
                "${step.trian.TrainingJobName} refers to 'trian', which is not a step of this pipeline",
                "did you mean 'train'?",
            ),
            (
                "${step.train.ModelArtifacts.S3ModelArtifact}",
                "reference.unknown-property",
                "${step.train.ModelArtifacts.S3ModelArtifact}: ModelArtifacts has no property S3ModelArtifact",
                "did you mean 'S3ModelArtifacts'?",
            ),
            (
                "${step.train.ModelArtifacts}",
                "reference.not-a-value",
                "${step.train.ModelArtifacts}: ModelArtifacts is a structure, and a reference needs a single value",
                "write one of: ModelArtifacts.S3ModelArtifacts",
            ),
            (
                "${step.work.ProcessingOutputConfig.Outputs['dta'].S3Output.S3Uri}",
                "reference.unknown-property",
                "${step.work.ProcessingOutputConfig.Outputs['dta'].S3Output.S3Uri}: step 'work' has no output 'dta'",
                "did you mean 'data'?",
            ),
            (
                "${json.work.Reprot.x}",
                "reference.unknown-property-file",
                "${json.work.Reprot.x}: step 'work' has no property file 'Reprot'",
                "did you mean 'Report'?",
            ),
            (
                "${json.train.Report.x}",
                "reference.unknown-property-file",
                "${json.train.Report.x}: only Processing steps have property files, not a Training step",
                None,
            ),
        ],
    )
    @pytest.mark.parametrize("text", ["{}", "a {} b", "{} {}"])
    def test_each_must_lead_somewhere(
        self, reference: str, code: str, message: str, hint: str | None, text: str
    ) -> None:
        steps = {
            "train": TRAINING,
            "work": {
                "type": "Processing",
                **JOB,
                "outputs": {"data": None},
                "property_files": {"Report": {"output": "data", "path": "x.json"}},
            },
            "stop": {"type": "Fail", "error_message": text.format(reference, reference)},
        }
        error = only_error(config(steps, parameters={"Count": 3}))
        assert (error.code, error.message, error.hint) == (code, f"step 'stop': {message}", hint)
        assert str(error.location) == "<config>.steps.stop.error_message"

    @pytest.mark.parametrize(
        "trial", ["${step.train.TrainingJobName}", "${json.train.R.x}", "t-${step.none.X}"]
    )
    def test_the_experiment_is_set_before_any_step(self, trial: str) -> None:
        pipeline = {"name": "demo", "role": ROLE, "bucket": "my-bucket", "experiment": {"trial": trial}}
        error = only_error({"pipeline": pipeline, "steps": {"train": TRAINING}})
        assert "is not known yet when the experiment is set" in error.message
        assert str(error.location) == "<config>.pipeline.experiment"
