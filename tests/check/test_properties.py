from __future__ import annotations

from collections.abc import Iterator

import botocore.model
import pytest

from dagcast.check.problems import ReferenceProblem
from dagcast.check.properties import PropertyType, resolve_property
from dagcast.compile.spec.pipeline import PropertyShape
from dagcast.sagemaker.service_model import ServiceModelError
from tests.support.service_strategies import service_model

TRAINING = PropertyShape(shapes=("DescribeTrainingJobResponse",))
PROCESSING = PropertyShape(shapes=("DescribeProcessingJobResponse",))
TUNING = PropertyShape(
    shapes=("DescribeHyperParameterTuningJobResponse", "ListTrainingJobsForHyperParameterTuningJobResponse")
)
AUTOML = PropertyShape(
    shapes=("DescribeAutoMLJobResponse",),
    names=(
        "BestCandidateProperties.ModelInsightsJsonReportPath",
        "BestCandidateProperties.ExplainabilityJsonReportPath",
    ),
)
LAMBDA = PropertyShape(names=("OutputParameters['rows']", "OutputParameters['columns']"))
QUALITY_CHECK = PropertyShape(names=("CalculatedBaselineConstraints", "CalculatedBaselineStatistics"))
EMR = PropertyShape(service="emr", shapes=("Step",))
EMR_SERVERLESS = PropertyShape(service="emr-serverless", shapes=("GetJobRunResponse",))


def paths(
    shape: botocore.model.Shape, depth: int, path: str = "", above: frozenset[str] = frozenset()
) -> Iterator[tuple[str, botocore.model.Shape]]:
    """Yield every path below a shape down to a depth, with its shape."""
    if path:
        yield path, shape
    if depth == 0:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from paths(member, depth - 1, f"{path}.{name}" if path else name)
    elif shape.type_name == "list":
        yield from paths(shape.member, depth - 1, f"{path}[0]")
        yield from paths(shape.member, depth - 1, f"{path}[17]")
    elif shape.type_name == "map":
        yield from paths(shape.value, depth - 1, f"{path}['some key']")


ALL_PATHS = list(paths(service_model("sagemaker").shape_for("DescribeTrainingJobResponse"), 4))
MEMBER_PATHS = [(path, shape) for path, shape in ALL_PATHS if path[-1] != "]"]


def test_every_path_of_a_response_resolves() -> None:
    assert len(ALL_PATHS) > 200
    for path, shape in ALL_PATHS:
        found = resolve_property(TRAINING, path)
        if shape.type_name in ("structure", "list", "map"):
            assert isinstance(found, ReferenceProblem), path
            assert found.code == "reference.not-a-value", path
        else:
            assert found == PropertyType(shape.type_name, path)


@pytest.mark.parametrize(
    "misspell", [lambda name: name + "x", lambda name: name[:-1] + name[-1] * 2, str.swapcase]
)
def test_the_hint_for_a_misspelt_segment_is_the_nearest(misspell: object) -> None:
    assert callable(misspell)
    for path, shape in MEMBER_PATHS:
        owner, dot, name = path.rpartition(".")
        wrong = misspell(name)
        ending = "" if shape.type_name in ("list", "map") else ".More"
        found = resolve_property(TRAINING, f"{owner}{dot}{wrong}{ending}")
        assert found == ReferenceProblem(
            f"{owner or 'the step'} has no property {wrong}",
            "reference.unknown-property",
            f"did you mean {name!r}?",
        )


@pytest.mark.parametrize(
    ("shape", "path", "kind"),
    [
        (TRAINING, "ModelArtifacts.S3ModelArtifacts", "string"),
        (TRAINING, "ResourceConfig.InstanceCount", "integer"),
        (TRAINING, "FinalMetricDataList[0].Value", "float"),
        (TRAINING, "EnableNetworkIsolation", "boolean"),
        (TRAINING, "CreationTime", "timestamp"),
        (TRAINING, "HyperParameters['max_depth']", "string"),
        (TRAINING, "InputDataConfig['train'].DataSource.S3DataSource.S3Uri", "string"),
        (TRAINING, "VpcConfig.Subnets[1]", "string"),
        (PROCESSING, "ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri", "string"),
        (PROCESSING, "ProcessingOutputConfig.Outputs[0].S3Output.S3Uri", "string"),
        (PROCESSING, "ProcessingInputs['in put'].S3Input.S3Uri", "string"),
        (TUNING, "BestTrainingJob.TrainingJobName", "string"),
        (TUNING, "TrainingJobSummaries[0].TrainingJobName", "string"),
        (AUTOML, "BestCandidate.InferenceContainers[0].Environment['A']", "string"),
        (AUTOML, "BestCandidateProperties.ModelInsightsJsonReportPath", None),
        (LAMBDA, "OutputParameters['rows']", None),
        (QUALITY_CHECK, "CalculatedBaselineConstraints", None),
        (EMR, "Status.State", "string"),
        (EMR_SERVERLESS, "jobRun.totalExecutionDurationSeconds", "integer"),
    ],
)
def test_properties_that_pipelines_use_have_a_type(shape: PropertyShape, path: str, kind: str | None) -> None:
    assert resolve_property(shape, path) == PropertyType(kind, path)
    assert resolve_property(shape, path.replace("'", '"')) == PropertyType(kind, path)


@pytest.mark.parametrize(
    ("shape", "path", "message", "hint"),
    [
        (
            TRAINING,
            "ModelArtefacts.S3",
            "the step has no property ModelArtefacts",
            "did you mean 'ModelArtifacts'?",
        ),
        (
            TRAINING,
            "ModelArtifacts.S3ModelArtifact",
            "ModelArtifacts has no property S3ModelArtifact",
            "did you mean 'S3ModelArtifacts'?",
        ),
        (
            TRAINING,
            "ModelArtifacts.S3ModelArtifacts.Bucket",
            "ModelArtifacts.S3ModelArtifacts is a single value and has no property Bucket",
            None,
        ),
        (TRAINING, "TrainingJobName[0]", "TrainingJobName is a single value and has no property [0]", None),
        (TRAINING, "ModelArtifacts[0]", "ModelArtifacts has no property [0]", "known: S3ModelArtifacts"),
        (
            TRAINING,
            "ModelArtifacts['S3ModelArtifacts']",
            "ModelArtifacts has no property ['S3ModelArtifacts']",
            "write ModelArtifacts.S3ModelArtifacts",
        ),
        (
            TRAINING,
            "Environment.A",
            "Environment is a map, whose values have a key in quotes",
            "write Environment['A']",
        ),
        (
            TRAINING,
            "Environment[3]",
            "Environment is a map, whose values have a key in quotes",
            "write Environment['3']",
        ),
        (
            PROCESSING,
            "ProcessingOutputConfig.Outputs.train.S3Output.S3Uri",
            "ProcessingOutputConfig.Outputs is a list, whose items have a number or a name in brackets",
            "write ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri",
        ),
        (
            TUNING,
            "TrainingJobSummaries.TrainingJobName",
            "TrainingJobSummaries is a list, whose items have a number or a name in brackets",
            "write TrainingJobSummaries[0].TrainingJobName",
        ),
        (
            TRAINING,
            "VpcConfig.Subnets['a']",
            "items of VpcConfig.Subnets have no name to find ['a'] by",
            "write VpcConfig.Subnets[0]",
        ),
        (
            LAMBDA,
            "OutputParameters['row']",
            "OutputParameters has no property ['row']",
            "did you mean 'rows'?",
        ),
        (LAMBDA, "Outputs['rows']", "the step has no property Outputs", "did you mean 'OutputParameters'?"),
        (
            AUTOML,
            "BestCandidateProperties.ReportPath",
            "BestCandidateProperties has no property ReportPath",
            "known: ExplainabilityJsonReportPath, ModelInsightsJsonReportPath",
        ),
        (
            QUALITY_CHECK,
            "CalculatedBaselineConstraints.S3Uri",
            "CalculatedBaselineConstraints is a single value and has no property S3Uri",
            None,
        ),
        (
            LAMBDA,
            "OutputParameters.rows",
            "OutputParameters has no property rows",
            "write OutputParameters['rows']",
        ),
        (PropertyShape(), "Outcome", "the step has no properties to refer to", None),
    ],
)
def test_the_hint_for_an_invalid_segment_is_the_valid_one(
    shape: PropertyShape, path: str, message: str, hint: str | None
) -> None:
    assert resolve_property(shape, path) == ReferenceProblem(message, "reference.unknown-property", hint)


@pytest.mark.parametrize(
    ("shape", "path", "message", "hint"),
    [
        (
            TRAINING,
            "ModelArtifacts",
            "ModelArtifacts is a structure, and a reference needs a single value",
            "write one of: ModelArtifacts.S3ModelArtifacts",
        ),
        (
            TRAINING,
            "Environment",
            "Environment is a map, and a reference needs a single value",
            "write one of: Environment['key']",
        ),
        (
            TRAINING,
            "VpcConfig.Subnets",
            "VpcConfig.Subnets is a list, and a reference needs a single value",
            "write one of: VpcConfig.Subnets[0]",
        ),
        (
            LAMBDA,
            "OutputParameters",
            "OutputParameters is a group of properties, and a reference needs a single value",
            "write one of: OutputParameters['rows'], OutputParameters['columns']",
        ),
    ],
)
def test_the_hint_for_a_path_that_ends_early_lists_the_next_segments(
    shape: PropertyShape, path: str, message: str, hint: str
) -> None:
    assert resolve_property(shape, path) == ReferenceProblem(message, "reference.not-a-value", hint)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        ".A",
        "A.",
        "A..B",
        "A B",
        "A[",
        "A[]",
        "A[x]",
        "A['x",
        "A['x\"]",
        "A[-1]",
        "[0]",
        "['x']",
        "A.[0]",
        "A[0]B",
        "1A",
        "A-B",
    ],
)
def test_invalid_syntax_is_a_problem(path: str) -> None:
    found = resolve_property(TRAINING, path)
    assert isinstance(found, ReferenceProblem)
    assert found.code == "reference.property-syntax"


def test_a_shape_that_botocore_does_not_know_is_an_error() -> None:
    with pytest.raises(ServiceModelError, match="DescribeTrainingJobRespons"):
        resolve_property(PropertyShape(shapes=("DescribeTrainingJobRespons",)), "A")
