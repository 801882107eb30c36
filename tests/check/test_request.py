from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dagcast.check.request import RequestProblem, check_request
from dagcast.definition.references import ExecutionVariable, Join, JsonGet, ParameterRef, StepProperty
from dagcast.definition.values import freeze, thaw
from dagcast.sagemaker.service_model import ServiceModelError
from tests.check.bodies import GOOD, PARAMETER_TYPES, reference_type

PROCESSING = "CreateProcessingJobRequest"
TRAINING = "CreateTrainingJobRequest"
CLUSTER = ("ProcessingResources", "ClusterConfig")
DATA = ("InputDataConfig", 0, "DataSource", "S3DataSource")

MISSING = object()


def check(body: object, shape: str, service: str = "sagemaker", **options: Any) -> list[RequestProblem]:
    return check_request(
        body,
        shape,
        service=service,
        parameter_types=PARAMETER_TYPES,
        reference_type=reference_type,
        **options,
    )


def changed(
    shape: str, path: tuple[str | int, ...], value: object, service: str = "sagemaker"
) -> list[RequestProblem]:
    """Return the problems of the valid body of ``shape`` with one value replaced or (``MISSING``) removed."""
    good, named_by_pipeline = GOOD[shape, service]
    body = thaw(good)
    owner = body
    for part in path[:-1]:
        owner = owner[part]
    if value is MISSING:
        del owner[path[-1]]
    else:
        owner[path[-1]] = value
    return check(body, shape, service, ignore_required=named_by_pipeline)


@pytest.mark.parametrize(
    ("length", "quoted"), [(60, "x" * 60), (61, "x" * 57 + "..."), (5000, "x" * 57 + "...")]
)
def test_a_long_value_is_shortened_in_a_message(length: int, quoted: str) -> None:
    (problem,) = changed(TRAINING, (*DATA, "S3DataType"), "x" * length)
    assert problem.message.endswith(f", not '{quoted}'")


@pytest.mark.parametrize(("shape", "service"), GOOD)
@pytest.mark.parametrize("form", [thaw, freeze])
def test_valid_bodies_have_no_problems(shape: str, service: str, form: Callable[[object], object]) -> None:
    body, named_by_pipeline = GOOD[shape, service]
    assert check(form(body), shape, service, ignore_required=named_by_pipeline) == []
    found = check(form(body), shape, service)
    assert {(problem.path, problem.code) for problem in found} == {
        ((name,), "request.missing-field") for name in named_by_pipeline
    }


@pytest.mark.parametrize(
    ("shape", "path", "value", "code", "message", "hint"),
    [
        # Members.
        (
            PROCESSING,
            (*CLUSTER, "VolumeSizeGB"),
            30,
            "request.unknown-field",
            "ProcessingResources.ClusterConfig.VolumeSizeGB is not a field of ProcessingClusterConfig",
            "did you mean 'VolumeSizeInGB'?",
        ),
        (
            PROCESSING,
            ("environment",),
            {},
            "request.unknown-field",
            "environment is not",
            "did you mean 'Environment'?",
        ),
        (
            PROCESSING,
            (*CLUSTER, "VolumeSizeInGB"),
            MISSING,
            "request.missing-field",
            "ProcessingResources.ClusterConfig.VolumeSizeInGB is missing",
            None,
        ),
        (PROCESSING, ("RoleArn",), MISSING, "request.missing-field", "RoleArn is missing", None),
        (
            PROCESSING,
            ("Tags",),
            None,
            "request.null",
            "Tags has no value",
            "leave it out, or give it a value",
        ),
        (
            PROCESSING,
            ("Environment", "A"),
            None,
            "request.null",
            "Environment.A has no value",
            "leave it out, or give it a value",
        ),
        # Types.
        (
            PROCESSING,
            (*CLUSTER, "VolumeSizeInGB"),
            "big",
            "request.wrong-type",
            "VolumeSizeInGB must be an integer, not the string 'big'",
            None,
        ),
        (PROCESSING, (*CLUSTER, "VolumeSizeInGB"), "30", "request.wrong-type", "", "write 30 without quotes"),
        (
            PROCESSING,
            (*CLUSTER, "VolumeSizeInGB"),
            30.0,
            "request.wrong-type",
            "not the number 30.0",
            "write 30",
        ),
        (
            PROCESSING,
            (*CLUSTER, "VolumeSizeInGB"),
            True,
            "request.wrong-type",
            "must be an integer, not true",
            None,
        ),
        (
            PROCESSING,
            ("Environment", "A"),
            8,
            "request.wrong-type",
            "must be a string",
            'write "8" in quotes',
        ),
        (
            PROCESSING,
            ("Environment", "A"),
            False,
            "request.wrong-type",
            "not false",
            'write "false" in quotes',
        ),
        (
            PROCESSING,
            ("Environment",),
            ["A=1"],
            "request.wrong-type",
            "Environment must be a mapping, not a list",
            None,
        ),
        (
            PROCESSING,
            ("AppSpecification",),
            "x",
            "request.wrong-type",
            "must be a mapping, not the string 'x'",
            None,
        ),
        (PROCESSING, ("ProcessingInputs",), {}, "request.wrong-type", "must be a list, not a mapping", None),
        (
            PROCESSING,
            ("AppSpecification", "ContainerArguments"),
            "--a",
            "request.wrong-type",
            "must be a list",
            "write it as an item of a list",
        ),
        (
            TRAINING,
            ("EnableNetworkIsolation",),
            "true",
            "request.wrong-type",
            "must be true or false",
            "write true without quotes",
        ),
        (TRAINING, ("EnableNetworkIsolation",), 1, "request.wrong-type", "not the number 1", None),
        (
            "CreateEndpointConfigInput",
            ("ProductionVariants", 0, "InitialVariantWeight"),
            "1.5",
            "request.wrong-type",
            "must be a number",
            "write 1.5 without quotes",
        ),
        (
            "CreateEndpointConfigInput",
            ("ProductionVariants", 0, "InitialVariantWeight"),
            True,
            "request.wrong-type",
            "must be a number",
            None,
        ),
        # Limits.
        (
            PROCESSING,
            (*CLUSTER, "InstanceCount"),
            0,
            "request.out-of-range",
            "must be from 1 to 100, not 0",
            None,
        ),
        (
            PROCESSING,
            (*CLUSTER, "InstanceCount"),
            101,
            "request.out-of-range",
            "must be from 1 to 100, not 101",
            None,
        ),
        (
            "CreateTransformJobRequest",
            ("MaxPayloadInMB",),
            -1,
            "request.out-of-range",
            "must be at least 0, not -1",
            None,
        ),
        (
            "CreateTransformJobRequest",
            ("MaxPayloadInMB",),
            2**31,
            "request.out-of-range",
            "not 2147483648",
            None,
        ),
        (
            "CreateEndpointConfigInput",
            ("ProductionVariants", 0, "InitialVariantWeight"),
            -0.5,
            "request.out-of-range",
            "must be at least 0",
            None,
        ),
        (
            "CreateEndpointConfigInput",
            ("ProductionVariants", 0, "InitialVariantWeight"),
            float("nan"),
            "request.not-finite",
            "must be a finite number, not nan",
            None,
        ),
        (
            "CreateEndpointConfigInput",
            ("ProductionVariants", 0, "InitialVariantWeight"),
            float("-inf"),
            "request.not-finite",
            "not -inf",
            None,
        ),
        (
            PROCESSING,
            ("Environment", "A"),
            "x" * 257,
            "request.length",
            "must have at most 256 characters, and has 257",
            None,
        ),
        (
            PROCESSING,
            ("AppSpecification", "ContainerArguments"),
            [],
            "request.length",
            "must have 1 to 100 items, and has 0",
            None,
        ),
        (
            PROCESSING,
            ("RoleArn",),
            "arn",
            "request.length",
            "must have 20 to 2048 characters, and has 3: 'arn'",
            None,
        ),
        (
            PROCESSING,
            ("Environment",),
            {f"K{number}": "v" for number in range(101)},
            "request.length",
            "must have at most 100 keys, and has 101",
            None,
        ),
        # Enums and patterns.
        (
            PROCESSING,
            (*CLUSTER, "InstanceType"),
            "ml.m5.xlrage",
            "request.unknown-value",
            "InstanceType must be a value of ProcessingInstanceType, not 'ml.m5.xlrage'",
            "did you mean 'ml.m5.xlarge'?",
        ),
        (
            PROCESSING,
            ("ProcessingInputs", 0, "S3Input", "S3DataType"),
            "s3prefix",
            "request.unknown-value",
            "must be one of ManifestFile, S3Prefix, not 's3prefix'",
            "did you mean 'S3Prefix'?",
        ),
        (
            TRAINING,
            ("RoleArn",),
            "role/pipelines-with-a-long-name",
            "request.pattern",
            "RoleArn must match arn:aws",
            None,
        ),
        (
            "CreateModelPackageInput",
            ("ModelPackageGroupName",),
            "my_group",
            "request.pattern",
            ", and does not: 'my_group'",
            "it cannot have '_'",
        ),
        (
            TRAINING,
            ("HyperParameters", "eta"),
            "a\nb",
            "request.pattern",
            "must match .*",
            r"it cannot have '\n'",
        ),
        (TRAINING, ("Tags", 0, "Value"), "a \u2013 b", "request.pattern", "Tags[0].Value must match", None),
        # Keys of maps.
        (
            PROCESSING,
            ("Environment", "1.a"),
            "x",
            "request.pattern",
            "the key of Environment['1.a'] must match",
            "it cannot have '.'",
        ),
        (PROCESSING, ("Environment", "k" * 257), "x", "request.length", "the key of Environment.kkk", None),
    ],
)
def test_a_problem_has_the_path_of_its_field(
    shape: str, path: tuple[str | int, ...], value: object, code: str, message: str, hint: str | None
) -> None:
    (problem,) = changed(shape, path, value)
    assert problem.path == path
    assert problem.code == code
    assert message in problem.message
    assert problem.hint == hint


@pytest.mark.parametrize(
    ("value", "has"),
    [
        ({}, "has none"),
        (
            {"sparkSubmit": {"entryPoint": "s3://b/j.py"}, "hive": {"query": "s3://b/q"}},
            "has sparkSubmit and hive",
        ),
    ],
)
def test_a_union_has_exactly_one_member(value: object, has: str) -> None:
    (problem,) = changed("StartJobRunRequest", ("jobDriver",), value, "emr-serverless")
    assert (problem.path, problem.code) == (("jobDriver",), "request.union")
    assert problem.message == f"jobDriver must have exactly one of sparkSubmit, hive, and {has}"


def test_an_idempotency_token_may_be_missing() -> None:
    body, _ = GOOD["StartJobRunRequest", "emr-serverless"]
    assert "clientToken" not in body
    assert check(body, "StartJobRunRequest", "emr-serverless") == []


def test_all_problems_are_reported_in_the_order_of_the_body() -> None:
    body = {
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": "big"}},
        "AppSpecifications": {},
        "RoleArn": 3,
    }
    problems = check(body, PROCESSING, path=("Arguments",))
    assert [(problem.path, problem.code) for problem in problems] == [
        ((*CLUSTER, "InstanceCount"), "request.wrong-type"),
        ((*CLUSTER, "VolumeSizeInGB"), "request.missing-field"),
        (("AppSpecifications",), "request.unknown-field"),
        (("RoleArn",), "request.wrong-type"),
        (("ProcessingJobName",), "request.missing-field"),
        (("AppSpecification",), "request.missing-field"),
    ]
    assert problems[0].message.startswith("Arguments.ProcessingResources.ClusterConfig.InstanceCount must be")


@pytest.mark.parametrize("body", [None, "x", 3, [], ParameterRef("InstanceType")])
def test_a_body_has_to_be_a_mapping(body: object) -> None:
    (problem,) = check(body, PROCESSING)
    assert problem.path == ()
    assert problem.message.startswith("the request ")


def test_braces_in_values_appear_in_messages_unchanged() -> None:
    (problem,) = changed(PROCESSING, (*CLUSTER, "InstanceType"), "{}")
    assert problem.message == (
        "ProcessingResources.ClusterConfig.InstanceType must be a value of ProcessingInstanceType, not '{}'"
    )
    (problem,) = changed(PROCESSING, ("Environment", "{}"), "x")
    assert problem.message.startswith("the key of Environment['{}'] must match")


def test_keys_have_to_be_strings() -> None:
    assert [problem.code for problem in changed(PROCESSING, ("Environment", 1), "x")] == [
        "request.wrong-type"
    ]
    assert [problem.code for problem in changed(PROCESSING, (1,), "x")] == ["request.unknown-field"]


def test_long_values_are_cut_in_messages() -> None:
    (problem,) = changed(PROCESSING, (*CLUSTER, "InstanceType"), "x" * 5000)
    assert len(problem.message) < 300


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        (("RoleArn",), ParameterRef("InstanceType")),
        (("RoleArn",), ExecutionVariable("PipelineArn")),
        (("RoleArn",), Join("", ("not an ", ParameterRef("InstanceCount")))),
        (("RoleArn",), StepProperty("train", "ModelArtifacts.S3ModelArtifacts")),
        (("RoleArn",), JsonGet("evaluate", "Report", "role")),
        (("RoleArn",), ParameterRef("Undeclared")),
        (("ResourceConfig", "InstanceType"), Join("", ("ml.", ParameterRef("InstanceType")))),
        (("ResourceConfig", "InstanceCount"), ParameterRef("InstanceCount")),
        (("ResourceConfig", "InstanceCount"), StepProperty("train", "TrainingTimeInSeconds")),
        (("ResourceConfig", "InstanceCount"), JsonGet("evaluate", "Report", "count")),
        (("ResourceConfig", "InstanceCount"), StepProperty("train", "NotKnown")),
        (("ResourceConfig", "InstanceCount"), ParameterRef("Undeclared")),
        (("EnableNetworkIsolation",), StepProperty("train", "EnableNetworkIsolation")),
        (("Environment",), {"A": ParameterRef("InstanceType")}),
    ],
)
def test_references_of_an_accepted_type_are_valid(path: tuple[str | int, ...], reference: object) -> None:
    assert changed(TRAINING, path, reference) == []


@pytest.mark.parametrize(
    "reference",
    [
        ParameterRef("Volume"),
        ParameterRef("InstanceCount"),
        StepProperty("train", "FinalMetricDataList[0].Value"),
    ],
)
def test_a_number_may_be_an_integer_or_a_float(reference: object) -> None:
    path = ("ProductionVariants", 0, "InitialVariantWeight")
    assert changed("CreateEndpointConfigInput", path, reference) == []


@pytest.mark.parametrize(
    ("path", "reference", "code", "message", "hint"),
    [
        (
            ("ResourceConfig", "InstanceCount"),
            ParameterRef("InstanceType"),
            "reference.wrong-type",
            "ResourceConfig.InstanceCount must be an integer, but ${param.InstanceType} is a parameter of",
            "declare the parameter as Integer",
        ),
        (
            ("ResourceConfig", "InstanceCount"),
            ParameterRef("Volume"),
            "reference.wrong-type",
            "of type Float",
            "declare the parameter as Integer",
        ),
        (
            ("ResourceConfig", "InstanceCount"),
            Join("", ("1", ParameterRef("InstanceCount"))),
            "reference.wrong-type",
            "is a string",
            None,
        ),
        (
            ("ResourceConfig", "InstanceCount"),
            ExecutionVariable("PipelineName"),
            "reference.wrong-type",
            "is a string",
            None,
        ),
        (
            ("ResourceConfig", "InstanceCount"),
            StepProperty("train", "CreationTime"),
            "reference.wrong-type",
            "is a timestamp",
            None,
        ),
        (
            ("EnableNetworkIsolation",),
            ParameterRef("InstanceType"),
            "reference.wrong-type",
            "must be true or false",
            "declare the parameter as Boolean",
        ),
        (
            ("EnableNetworkIsolation",),
            StepProperty("train", "TrainingTimeInSeconds"),
            "reference.wrong-type",
            "is an integer",
            None,
        ),
        (
            ("HyperParameters", "eta"),
            ParameterRef("InstanceCount"),
            "reference.needs-text",
            "HyperParameters.eta must be a string, but ${param.InstanceCount} is a parameter of type Integer",
            "declare the parameter as String, or put it in a longer string, which makes text of it",
        ),
        (
            ("HyperParameters", "eta"),
            StepProperty("train", "FinalMetricDataList[0].Value"),
            "reference.needs-text",
            "is a float",
            "put it in a longer string, which makes text of it",
        ),
        (
            ("HyperParameters", "eta"),
            StepProperty("train", "VpcConfig"),
            "reference.wrong-type",
            "is a structure",
            "refer to a single value in it",
        ),
        (
            ("RoleArn",),
            StepProperty("train", "InputDataConfig"),
            "reference.wrong-type",
            "is a list",
            "refer to a single value in it",
        ),
        (
            ("InputDataConfig",),
            StepProperty("train", "InputDataConfig"),
            "reference.wrong-type",
            "is always a single value",
            "write the list out, with references for the values in it",
        ),
        (
            ("InputDataConfig",),
            ParameterRef("InstanceType"),
            "reference.wrong-type",
            "is always a single value",
            "write the list out, with references for the values in it",
        ),
        (
            ("VpcConfig",),
            StepProperty("train", "VpcConfig"),
            "reference.wrong-type",
            "is always a single value",
            "write the mapping out, with references for the values in it",
        ),
        (
            ("Environment",),
            JsonGet("evaluate", "Report", "env"),
            "reference.wrong-type",
            "is always a single value",
            "write the mapping out, with references for the values in it",
        ),
    ],
)
def test_references_of_another_type_are_problems(
    path: tuple[str | int, ...], reference: object, code: str, message: str, hint: str | None
) -> None:
    (problem,) = changed(TRAINING, path, reference)
    assert problem.path == path
    assert problem.code == code
    assert message in problem.message
    assert problem.hint == hint


def test_ignored_members_are_named_by_their_path() -> None:
    body = {"DataSource": {}, "ContentType": 3}
    found = check([body, body], "InputDataConfig", ignore_required={"ChannelName"})
    assert [problem.code for problem in found] == ["request.wrong-type", "request.wrong-type"]
    nested, _ = GOOD["CreateHyperParameterTuningJobRequest", "sagemaker"]
    nested = thaw(nested)
    del nested["TrainingJobDefinition"]["RoleArn"]
    allowed = {"HyperParameterTuningJobName", ("TrainingJobDefinition", "RoleArn")}
    assert check(nested, "CreateHyperParameterTuningJobRequest", ignore_required=allowed) == []
    (problem,) = check(
        nested,
        "CreateHyperParameterTuningJobRequest",
        ignore_required=allowed - {("TrainingJobDefinition", "RoleArn")},
    )
    assert problem.path == ("TrainingJobDefinition", "RoleArn")


def test_forbidden_members_are_reported_only_with_the_reason() -> None:
    body, named_by_pipeline = GOOD[TRAINING, "sagemaker"]
    body = {**thaw(body), "TrainingJobName": "bad_name", "ExperimentConfig": {"RunNme": "x"}}
    body["InputDataConfig"].append({**body["InputDataConfig"][0], "ChannelName": "test", "InputMode": "Pipe"})
    forbidden = {
        "TrainingJobName": "the pipeline names the job",
        "ExperimentConfig": "the pipeline sets it",
        ("InputDataConfig", "InputMode"): "it is set for all channels",
        ("CheckpointConfig", "S3Uri"): "never met",
    }
    found = check(body, TRAINING, ignore_required=named_by_pipeline, forbidden=forbidden)
    assert [(problem.path, problem.code) for problem in found] == [
        (("TrainingJobName",), "request.forbidden-field"),
        (("ExperimentConfig",), "request.forbidden-field"),
        (("InputDataConfig", 1, "InputMode"), "request.forbidden-field"),
    ]
    assert found[0].message == "TrainingJobName cannot be set: the pipeline names the job"
    assert found[2].message == "InputDataConfig[1].InputMode cannot be set: it is set for all channels"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (1_700_000_000, None),
        (1.5, None),
        ("2024-05-06", None),
        ("2024-05-06T07:08:09Z", None),
        ("2024-05-06T07:08:09.123+02:00", None),
        (ExecutionVariable("StartDateTime"), None),
        (StepProperty("train", "CreationTime"), None),
        (float("inf"), "request.not-finite"),
        ("yesterday", "request.wrong-type"),
        (True, "request.wrong-type"),
        (ParameterRef("InstanceCount"), "reference.wrong-type"),
    ],
)
def test_times(value: object, code: str | None) -> None:
    found = check(
        {"TrialName": "t", "TrialComponentName": "c", "StartTime": value}, "CreateTrialComponentRequest"
    )
    assert [problem.code for problem in found if problem.path == ("StartTime",)] == ([code] if code else [])


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("aGVsbG8=", None),
        ("", None),
        (ParameterRef("InstanceType"), None),
        ("no base64!", "request.wrong-type"),
        ("\u00e9", "request.wrong-type"),
        (b"x", "request.wrong-type"),
    ],
)
def test_binary_data_is_base64(value: object, code: str | None) -> None:
    found = check({"ZipFile": value}, "FunctionCode", "lambda")
    assert [problem.code for problem in found] == ([code] if code else [])


def test_an_unknown_shape_is_an_error_that_names_it() -> None:
    with pytest.raises(ServiceModelError, match="CreateTraningJobRequest"):
        check({}, "CreateTraningJobRequest")


def test_threads_get_the_same_problems() -> None:
    body, named_by_pipeline = GOOD["CreateModelPackageInput", "sagemaker"]
    broken = {**thaw(body), "ModelApprovalStatus": "Aproved"}

    def run(_: int) -> list[RequestProblem]:
        return check(broken, "CreateModelPackageInput", ignore_required=named_by_pipeline)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(40)))
    assert [problem.code for problem in results[0]] == ["request.unknown-value"]
    assert all(result == results[0] for result in results)
