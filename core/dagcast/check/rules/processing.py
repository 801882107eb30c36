"""Rules of processing jobs."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath
from typing import Any

from dagcast.check.rules.combinators import (
    all_of,
    at_most,
    each,
    excludes,
    inside,
    only_with,
    several,
    unique,
)
from dagcast.check.rules.machines import local_storage_key, preference_counts, read_only_members
from dagcast.check.rules.request_body import UNKNOWN, Finding, PartialText, RequestBody, starts_with
from dagcast.check.rules.rule import PipelineFacts, Rule

_JOB = ("CreateProcessingJobRequest",)
_CLUSTER = ("ProcessingResources", "ClusterConfig")
_OUTPUTS = ("ProcessingOutputConfig", "Outputs")
_ROOT = "/opt/ml/processing"
_FIVE_DAYS = 432_000


def local_path(part: RequestBody) -> Any:
    """Return the path in the container of an input or an output, whatever its source is."""
    for member in ("S3Input", "DatasetDefinition", "S3Output"):
        if part.given(member):
            return part.get(member, "LocalPath")
    return None


def _machines(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    cluster = job.part(*_CLUSTER)
    if job.get(*_CLUSTER) is UNKNOWN or cluster.given("InstanceType") or cluster.given("InstancePreferences"):
        return
    yield cluster.finding("no instance type is given", "InstanceType")


def _paths_unique(member: tuple[str, ...]) -> Any:
    def check(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        seen: dict[str, Any] = {}
        name = "InputName" if member == ("ProcessingInputs",) else "OutputName"
        what = "input" if name == "InputName" else "output"
        for item in several(job, *member):
            path = local_path(item)
            if not isinstance(path, str):
                continue
            path = path.rstrip("/")
            if path in seen:
                message = f"{what}s {seen[path]!r} and {item.get(name)!r} have one LocalPath, {path}"
                yield item.finding(message, hint="give each a folder of its own")
            seen.setdefault(path, item.get(name))

    return check


def _is_inside(path: Any) -> bool | None:
    """Return whether a path is inside of the root; ``None`` if that is not known."""
    # A path with .. may leave the folder that it begins with.
    return starts_with(normpath(path) + "/" if isinstance(path, str) else path, f"{_ROOT}/")


def _input_paths(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for item in job.items("ProcessingInputs"):
        path = item.get("S3Input", "LocalPath")
        if _is_inside(path) is False or (isinstance(path, str) and normpath(path) == _ROOT):
            message = f"the LocalPath of input {item.get('InputName')!r} does not begin with {_ROOT}/"
            yield item.finding(message, "S3Input", "LocalPath", hint=_nearest_path(path))


def _output_paths(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for item in job.items(*_OUTPUTS):
        path = item.get("S3Output", "LocalPath")
        if _is_inside(path) is False or (isinstance(path, str) and normpath(path) == _ROOT):
            message = f"the LocalPath of output {item.get('OutputName')!r} is not below {_ROOT}"
            yield item.finding(message, "S3Output", "LocalPath", hint=_nearest_path(path))


def _nearest_path(path: Any) -> str | None:
    if isinstance(path, PartialText) or not isinstance(path, str):
        return None
    return f"such as {_ROOT}/{path.strip('./').rpartition('/')[2] or 'data'}"


def _input_sources(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for item in job.items("ProcessingInputs"):
        given = [name for name in ("S3Input", "DatasetDefinition") if item.given(name)]
        if len(given) != 1:
            found = " and ".join(given) or "neither"
            message = (
                f"input {item.get('InputName')!r} has S3Input or DatasetDefinition, this one has {found}"
            )
            yield item.finding(message)
        definition = item.part("DatasetDefinition")
        sources = ("AthenaDatasetDefinition", "RedshiftDatasetDefinition")
        if len(given) == 1 and definition.data and sum(map(definition.given, sources)) != 1:
            yield definition.finding(f"a dataset definition has one of {' and '.join(sources)}")
        managed = item.get("AppManaged")
        if len(given) == 1 and managed is not True and managed is not UNKNOWN and local_path(item) is None:
            message = f"input {item.get('InputName')!r} has no LocalPath, which only AppManaged allows"
            yield item.finding(message, given[0], "LocalPath")


def _output_targets(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for item in job.items(*_OUTPUTS):
        given = [name for name in ("S3Output", "FeatureStoreOutput") if item.given(name)]
        if len(given) != 1:
            found = " and ".join(given) or "neither"
            message = (
                f"output {item.get('OutputName')!r} has S3Output or FeatureStoreOutput, this one has {found}"
            )
            yield item.finding(message)


def _feature_store(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    yield from each(_OUTPUTS, only_with("FeatureStoreOutput", "AppManaged", True))(job, facts)


def _compressed_input(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for item in job.items("ProcessingInputs"):
        source = item.part("S3Input")
        mode = source.get("S3InputMode")
        if source.get("S3CompressionType") == "Gzip" and mode not in ("Pipe", UNKNOWN):
            message = f"input {item.get('InputName')!r} is not read in Pipe mode, which Gzip needs"
            yield source.finding(message, "S3CompressionType")


def _shared_place(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    inputs = {
        path.rstrip("/"): item
        for item in job.items("ProcessingInputs")
        if isinstance(path := local_path(item), str)
    }
    for output in job.items(*_OUTPUTS):
        path = local_path(output)
        if isinstance(path, str) and path.rstrip("/") in inputs:
            name = inputs[path.rstrip("/")].get("InputName")
            message = f"output {output.get('OutputName')!r} has the LocalPath of input {name!r}"
            yield output.finding(message, "S3Output", "LocalPath")


def _same_target(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    seen: dict[str, Any] = {}
    for output in several(job, *_OUTPUTS):
        uri = output.text("S3Output", "S3Uri")
        if uri is None:
            continue
        if uri.rstrip("/") in seen:
            message = f"outputs {seen[uri.rstrip('/')]!r} and {output.get('OutputName')!r} write to one place, {uri}"
            yield output.finding(message, "S3Output", "S3Uri")
        seen.setdefault(uri.rstrip("/"), output.get("OutputName"))


def _input(name: str, path: str = f"{_ROOT}/in", **members: Any) -> dict[str, Any]:
    source = {
        "S3Uri": "s3://my-bucket/in",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "LocalPath": path,
    }
    return {"InputName": name, "S3Input": {**source, **members}}


def _output(name: str, path: str = f"{_ROOT}/out", uri: str = "s3://my-bucket/out") -> dict[str, Any]:
    target = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": target}


def _inputs(*inputs: dict[str, Any]) -> dict[str, Any]:
    return {"ProcessingInputs": list(inputs)}


def _outputs(*outputs: dict[str, Any]) -> dict[str, Any]:
    return {"ProcessingOutputConfig": {"Outputs": list(outputs)}}


def _cluster(**members: Any) -> dict[str, Any]:
    return {"ProcessingResources": {"ClusterConfig": members}}


def _preferred(*preferences: dict[str, Any], **members: Any) -> dict[str, Any]:
    unset = {"InstanceType": None, "InstanceCount": None}
    return _cluster(**{**unset, **members}, InstancePreferences=list(preferences))


_ONE = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}
_TWO = {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 1}
_FEATURES = {"OutputName": "f", "FeatureStoreOutput": {"FeatureGroupName": "churn"}}

RULES = (
    Rule(
        id="processing.no-machine",
        summary="A processing job names its machines",
        source="botocore, ProcessingClusterConfig.InstancePreferences",
        shapes=_JOB,
        check=_machines,
        obeys={},
        breaks=_cluster(InstanceType=None),
    ),
    Rule(
        id="processing.local-storage-key",
        summary="VolumeKmsKeyId is not for machines with local storage",
        source="botocore, ProcessingClusterConfig.VolumeKmsKeyId",
        shapes=_JOB,
        check=local_storage_key(_CLUSTER, "InstancePreferences"),
        obeys=_cluster(VolumeKmsKeyId="alias/ml"),
        breaks=_cluster(InstanceType="ml.g7.2xlarge", VolumeKmsKeyId="alias/ml"),
    ),
    Rule(
        id="processing.preference-count",
        summary="InstanceCount is on every preference or on the cluster, not on both",
        source="botocore, ProcessingInstancePreference.InstanceCount",
        shapes=_JOB,
        check=inside(_CLUSTER, preference_counts),
        obeys=_preferred(_ONE, _TWO),
        breaks=_preferred(_ONE, _TWO, InstanceCount=1),
    ),
    Rule(
        id="processing.preferences-exclude",
        summary="InstancePreferences exclude InstanceType, and name each type once",
        source="botocore, ProcessingClusterConfig.InstancePreferences; SageMaker Python SDK 3.27, processing.py",
        shapes=_JOB,
        check=inside(
            _CLUSTER,
            all_of(
                excludes("InstancePreferences", "InstanceType"), unique("InstancePreferences", "InstanceType")
            ),
        ),
        obeys=_preferred(_ONE, _TWO),
        breaks=_preferred(_ONE, _ONE),
    ),
    Rule(
        id="processing.read-only-member",
        summary="SelectedInstanceType and SelectedInstanceCount are answers of the service",
        source="botocore, ProcessingClusterConfig.SelectedInstanceType",
        shapes=_JOB,
        check=inside(_CLUSTER, read_only_members),
        obeys={},
        breaks=_cluster(SelectedInstanceCount=1),
    ),
    Rule(
        id="processing.input-path",
        summary=f"The LocalPath of an input begins with {_ROOT}/",
        source="botocore, ProcessingS3Input.LocalPath",
        shapes=_JOB,
        check=_input_paths,
        obeys=_inputs(_input("a")),
        breaks=_inputs(_input("a", "/opt/ml/input")),
    ),
    Rule(
        id="processing.output-path",
        summary=f"The LocalPath of an output is below {_ROOT}",
        source="SageMaker Developer Guide, build-your-own-processing-container; botocore, ProcessingS3Output.LocalPath",
        shapes=_JOB,
        check=_output_paths,
        obeys=_outputs(_output("a")),
        breaks=_outputs(_output("a", "./out/data")),
    ),
    Rule(
        id="processing.input-paths",
        summary="Inputs have different paths in the container",
        source="Answer of the service, quoted in sagemaker-python-sdk issue 4939",
        shapes=_JOB,
        check=_paths_unique(("ProcessingInputs",)),
        obeys=_inputs(_input("a"), _input("b", f"{_ROOT}/in/code")),
        breaks=_inputs(_input("a"), _input("b")),
    ),
    Rule(
        id="processing.output-paths",
        summary="Outputs have different paths in the container",
        source="botocore, ProcessingS3Output.LocalPath; as for inputs",
        shapes=_JOB,
        check=_paths_unique(_OUTPUTS),
        severity="warning",
        obeys=_outputs(_output("a"), _output("b", f"{_ROOT}/b", "s3://my-bucket/b")),
        breaks=_outputs(_output("a"), _output("b", uri="s3://my-bucket/b")),
    ),
    Rule(
        id="processing.shared-path",
        summary="An output has another path in the container than every input",
        source="sagemaker-python-sdk issue 1950",
        shapes=_JOB,
        check=_shared_place,
        severity="warning",
        obeys={**_inputs(_input("a")), **_outputs(_output("b"))},
        breaks={**_inputs(_input("a")), **_outputs(_output("b", f"{_ROOT}/in"))},
    ),
    Rule(
        id="processing.same-target",
        summary="Outputs write to different places of S3",
        source="Equal keys overwrite each other",
        shapes=_JOB,
        check=_same_target,
        severity="warning",
        obeys=_outputs(_output("a"), _output("b", f"{_ROOT}/b", "s3://my-bucket/b")),
        breaks=_outputs(_output("a"), _output("b", f"{_ROOT}/b")),
    ),
    Rule(
        id="processing.input-name",
        summary="Inputs have different names",
        source="botocore, ProcessingInput.InputName; sagemaker-python-sdk issue 4939",
        shapes=_JOB,
        check=unique("ProcessingInputs", "InputName"),
        severity="warning",
        obeys=_inputs(_input("a"), _input("b", f"{_ROOT}/b")),
        breaks=_inputs(_input("a"), _input("a", f"{_ROOT}/b")),
    ),
    Rule(
        id="processing.output-name",
        summary="Outputs have different names",
        source="botocore, ProcessingOutput.OutputName",
        shapes=_JOB,
        check=unique(_OUTPUTS, "OutputName"),
        severity="warning",
        obeys=_outputs(_output("a"), _output("b", f"{_ROOT}/b", "s3://my-bucket/b")),
        breaks=_outputs(_output("a"), _output("a", f"{_ROOT}/b", "s3://my-bucket/b")),
    ),
    Rule(
        id="processing.gzip-mode",
        summary="An input with S3CompressionType Gzip is read in Pipe mode",
        source="botocore, ProcessingS3Input.S3CompressionType",
        shapes=_JOB,
        check=_compressed_input,
        obeys=_inputs(_input("a", S3CompressionType="Gzip", S3InputMode="Pipe")),
        breaks=_inputs(_input("a", S3CompressionType="Gzip")),
    ),
    Rule(
        id="processing.feature-store",
        summary="FeatureStoreOutput needs AppManaged",
        source="botocore, ProcessingOutput.FeatureStoreOutput",
        shapes=_JOB,
        check=_feature_store,
        obeys=_outputs({**_FEATURES, "AppManaged": True}),
        breaks=_outputs(_FEATURES),
    ),
    Rule(
        id="processing.input-source",
        summary="An input has one source, and a LocalPath unless the program fetches it itself",
        source="botocore, ProcessingInput, DatasetDefinition.LocalPath and ProcessingS3Input.LocalPath",
        shapes=_JOB,
        check=_input_sources,
        obeys=_inputs(_input("a")),
        breaks=_inputs({"InputName": "a"}),
    ),
    Rule(
        id="processing.output-target",
        summary="An output has one target",
        source="botocore, ProcessingOutput",
        shapes=_JOB,
        check=_output_targets,
        obeys=_outputs(_output("a")),
        breaks=_outputs({"OutputName": "a"}),
    ),
    Rule(
        id="processing.runtime",
        summary="A processing job runs for at most five days by default",
        source="AWS General Reference, SageMaker quotas",
        shapes=_JOB,
        check=at_most(
            ("StoppingCondition", "MaxRuntimeInSeconds"), _FIVE_DAYS, "seconds (5 days, by default)"
        ),
        severity="warning",
        obeys={"StoppingCondition": {"MaxRuntimeInSeconds": _FIVE_DAYS}},
        breaks={"StoppingCondition": {"MaxRuntimeInSeconds": _FIVE_DAYS + 1}},
    ),
)
