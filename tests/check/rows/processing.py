"""Requirements of processing jobs."""

from __future__ import annotations

from typing import Any

from tests.check.rows.row import Case, one, requested, step, warning
from tests.support.compiling import config

ROOT = "/opt/ml/processing"


def given(name: str, path: str | None = f"{ROOT}/in", **members: Any) -> dict[str, Any]:
    """An input of a request."""
    source = {"S3Uri": "s3://my-bucket/in", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    place = {} if path is None else {"LocalPath": path}
    return {"InputName": name, "S3Input": {**source, **place, **members}}


def made(name: str, path: str = f"{ROOT}/out", uri: str = "s3://my-bucket/out") -> dict[str, Any]:
    """An output of a request."""
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}}


def inputs(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return requested("Processing", {"ProcessingInputs": list(items), **more}, inputs=None)


def outputs(*items: dict[str, Any]) -> dict[str, Any]:
    return requested("Processing", {"ProcessingOutputConfig": {"Outputs": list(items)}})


def _bare(kind: str, **fields: Any) -> dict[str, Any]:
    return one(kind, instance_type=None, **fields)


_ATHENA = {
    "Catalog": "c",
    "Database": "d",
    "QueryString": "select 1",
    "OutputS3Uri": "s3://my-bucket/q",
    "OutputFormat": "PARQUET",
}
_REDSHIFT = {
    "ClusterId": "c",
    "Database": "d",
    "DbUser": "u",
    "QueryString": "select 1",
    "ClusterRoleArn": "arn:aws:iam::123456789012:role/R",
    "OutputS3Uri": "s3://my-bucket/q",
    "OutputFormat": "PARQUET",
}


def _dataset(path: str | None = f"{ROOT}/in", **members: Any) -> dict[str, Any]:
    place = {} if path is None else {"LocalPath": path}
    return {"InputName": "a", "DatasetDefinition": {**place, **members}}


def _writers(first: str, second: str, *, ordered: bool = False) -> dict[str, Any]:
    """Two steps that write somewhere, side by side or one after the other."""
    steps = {
        name: step("Processing", inputs=None, outputs={"out": {"destination": uri}})
        for name, uri in (("one", first), ("two", second))
    }
    return config(steps, edges=["one => two"] if ordered else [])


ROWS: dict[int, tuple[str, list[Case]]] = {
    11: (
        "machines are named, at least one",
        [
            Case("training.no-machine", _bare("Training"), one("Training")),
            Case("training.no-machine", _bare("Tuning"), one("Tuning")),
            Case("training.no-machine", one("Training", instance_count=0), one("Training")),
            Case("processing.no-machine", _bare("Processing"), one("Processing")),
        ],
    ),
    19: (
        "the script keeps its place",
        [
            # The script is an input that has this name.
            Case(
                rule,
                one(
                    "Processing", inputs={name: "s3://my-bucket/in"}, entry_point="s3://my-bucket/code/run.py"
                ),
                one(
                    "Processing",
                    inputs={"data": "s3://my-bucket/in"},
                    entry_point="s3://my-bucket/code/run.py",
                ),
            )
            for rule, name in (("code.reserved-input", "code"),)
        ],
    ),
    20: (
        "inputs have folders of their own",
        [
            Case(
                "processing.input-paths",
                inputs(given("a"), given("b")),
                inputs(given("a"), given("b", f"{ROOT}/b")),
            ),
            Case(
                "processing.input-paths",
                inputs(given("a"), given("b", f"{ROOT}/in/")),
                # AWS's own example has one folder inside of another.
                inputs(given("a"), given("b", f"{ROOT}/in/code")),
            ),
        ],
    ),
    21: (
        "inputs are where processing jobs read",
        [
            Case("processing.input-path", inputs(given("a", path)), inputs(given("a")))
            for path in ("/opt/ml/input/data", "/opt/ml/processing", "/opt/ml/processing2/in")
        ],
    ),
    22: (
        "outputs are where processing jobs write",
        [
            Case("processing.output-path", outputs(made("a", path)), outputs(made("a")))
            for path in ("/tmp/out", "out", "/opt/ml/processing2")
        ],
    ),
    78: (
        "processing ends within five days",
        [
            warning(
                "processing.runtime",
                one("Processing", max_runtime_in_seconds=432001),
                one("Processing", max_runtime_in_seconds=432000),
            )
        ],
    ),
    84: (
        "outputs have folders of their own",
        [
            warning(
                "processing.output-paths",
                outputs(made("a"), made("b", uri="s3://my-bucket/b")),
                outputs(made("a"), made("b", f"{ROOT}/b", "s3://my-bucket/b")),
            )
        ],
    ),
    85: (
        "an output is beside the inputs",
        [
            warning(
                "processing.shared-path",
                requested(
                    "Processing",
                    {
                        "ProcessingInputs": [given("a")],
                        "ProcessingOutputConfig": {"Outputs": [made("b", path)]},
                    },
                    inputs=None,
                ),
                requested(
                    "Processing",
                    {"ProcessingInputs": [given("a")], "ProcessingOutputConfig": {"Outputs": [made("b")]}},
                    inputs=None,
                ),
            )
            for path in (f"{ROOT}/in", f"{ROOT}/in/")
        ],
    ),
    86: (
        "inputs and outputs have names of their own",
        [
            warning(
                "processing.input-name",
                inputs(given("a"), given("a", f"{ROOT}/b")),
                inputs(given("a"), given("b", f"{ROOT}/b")),
            ),
            warning(
                "processing.output-name",
                outputs(made("a"), made("a", f"{ROOT}/b", "s3://my-bucket/b")),
                outputs(made("a"), made("b", f"{ROOT}/b", "s3://my-bucket/b")),
            ),
        ],
    ),
    87: (
        "nothing overwrites a result",
        [
            warning(
                "processing.same-target",
                outputs(made("a"), made("b", f"{ROOT}/b")),
                outputs(made("a"), made("b", f"{ROOT}/b", "s3://my-bucket/b")),
            ),
            warning(
                "pipeline.same-target",
                _writers("s3://my-bucket/x", "s3://my-bucket/x"),
                _writers("s3://my-bucket/x", "s3://my-bucket/y"),
            ),
        ],
    ),
    88: (
        "compressed inputs are pipes",
        [
            Case(
                "processing.gzip-mode",
                inputs(given("a", S3CompressionType="Gzip")),
                inputs(given("a", S3CompressionType="Gzip", S3InputMode="Pipe")),
            )
        ],
    ),
    89: (
        "the program writes to feature groups",
        [
            Case(
                "processing.feature-store",
                outputs({"OutputName": "f", "FeatureStoreOutput": {"FeatureGroupName": "churn"}}),
                outputs(
                    {
                        "OutputName": "f",
                        "FeatureStoreOutput": {"FeatureGroupName": "churn"},
                        "AppManaged": True,
                    }
                ),
            )
        ],
    ),
    90: (
        "inputs have one source and a folder, outputs one target",
        [
            Case("processing.input-source", inputs(broken), inputs(given("a")))
            for broken in (
                {"InputName": "a"},
                {**given("a"), "DatasetDefinition": {"AthenaDatasetDefinition": _ATHENA}},
                given("a", None),
                _dataset(None, AthenaDatasetDefinition=_ATHENA),
                _dataset(AthenaDatasetDefinition=_ATHENA, RedshiftDatasetDefinition=_REDSHIFT),
            )
        ]
        + [
            Case("processing.output-target", outputs(broken), outputs(made("a")))
            for broken in (
                {"OutputName": "a"},
                {**made("a"), "FeatureStoreOutput": {"FeatureGroupName": "churn"}, "AppManaged": True},
            )
        ],
    ),
    115: (
        "there are ten inputs and outputs",
        [
            Case(
                "request.length",
                one("Processing", inputs={f"i{number}": f"s3://my-bucket/{number}" for number in range(11)}),
                one("Processing", inputs={f"i{number}": f"s3://my-bucket/{number}" for number in range(10)}),
            ),
            Case(
                "request.length",
                one("Processing", outputs={f"o{number}": None for number in range(11)}),
                one("Processing", outputs={f"o{number}": None for number in range(10)}),
            ),
        ],
    ),
}
