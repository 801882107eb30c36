"""Requirements of training jobs, with those that tuning jobs share."""

from __future__ import annotations

from typing import Any

from tests.check.rows.row import VPC, Case, one, requested, warning

ISOLATED = {"enable_network_isolation": True}
SPOT = {"use_spot_instances": True}
AWAY = {"sagemaker_submit_directory": "s3://my-bucket/code.tar.gz"}
INSIDE = {"sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz"}


def channel(name: str = "train", source: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    """A channel of a request."""
    place = {"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/train", **(source or {})}
    return {"ChannelName": name, "DataSource": {"S3DataSource": place}, **members}


def channels(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return requested("Training", {"InputDataConfig": list(items)}, inputs=None, **more)


def cluster(**members: Any) -> dict[str, Any]:
    """A training job on machines of a request alone."""
    unset = {"InstanceType": None, "InstanceCount": None}
    return requested("Training", {"ResourceConfig": {**unset, **members}}, instance_type=None)


def builtin(repository: str, **fields: Any) -> dict[str, Any]:
    image = f"382416733822.dkr.ecr.us-east-1.amazonaws.com/{repository}:1"
    return one("Training", **{"image_uri": image, **fields})


def preference(kind: str = "ml.m5.xlarge", **members: Any) -> dict[str, Any]:
    return {"InstanceType": kind, **members}


def group(name: str = "main", kind: str = "ml.m5.xlarge") -> dict[str, Any]:
    return {"InstanceType": kind, "InstanceCount": 1, "InstanceGroupName": name}


def _debug(*names: str) -> dict[str, Any]:
    rules = [{"RuleConfigurationName": name, "RuleEvaluatorImage": "rules:1"} for name in names]
    return requested("Training", {"DebugRuleConfigurations": rules})


def _profiled(interval: int) -> dict[str, Any]:
    profiler = {"S3OutputPath": "s3://my-bucket/p", "ProfilingIntervalInMilliseconds": interval}
    return requested("Training", {"ProfilerConfig": profiler})


def _algorithm(**members: Any) -> dict[str, Any]:
    return requested("Training", {"AlgorithmSpecification": members}, image_uri=None)


_EFS = {
    "FileSystemId": "fs-12345678",
    "FileSystemAccessMode": "ro",
    "FileSystemType": "EFS",
    "DirectoryPath": "/x",
}
_FILES = {"ChannelName": "train", "DataSource": {"FileSystemDataSource": _EFS}}
_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
_PRIVATE = {"TrainingRepositoryAccessMode": "Vpc"}
_CREDENTIALS = {
    "TrainingRepositoryCredentialsProviderArn": "arn:aws:lambda:us-east-1:123456789012:function:x"
}
_MANIFEST = {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["a"]}
_KEY = "arn:aws:kms:us-east-1:123456789012:key/1"

ROWS: dict[int, tuple[str, list[Case]]] = {
    1: (
        "the script of an isolated job comes by a channel",
        [
            Case(
                "training.isolated-script",
                one("Training", **ISOLATED, hyperparameters=AWAY),
                one("Training", **ISOLATED, hyperparameters=INSIDE),
            ),
            Case(
                "tuning.isolated-script",
                one("Tuning", **ISOLATED, hyperparameters=AWAY),
                one("Tuning", **ISOLATED, hyperparameters=INSIDE),
            ),
        ],
    ),
    2: (
        "spot training has a longest wait",
        [
            Case(
                "training.spot-wait",
                one(kind, **SPOT),
                one(kind, **SPOT, max_wait_time_in_seconds=90000),
            )
            for kind in ("Training", "Tuning")
        ],
    ),
    3: (
        "the wait covers the run",
        [
            Case(
                "training.wait-below-runtime",
                one("Training", **SPOT, max_runtime_in_seconds=3600, max_wait_time_in_seconds=3599),
                one("Training", **SPOT, max_runtime_in_seconds=3600, max_wait_time_in_seconds=3600),
            ),
            Case(
                "training.wait-below-runtime",
                one("Tuning", **SPOT, max_runtime_in_seconds=7201, max_wait_time_in_seconds=7200),
                # The default run time is not longer than the wait.
                one("Tuning", **SPOT, max_wait_time_in_seconds=7200),
            ),
        ],
    ),
    4: (
        "only spot training waits",
        [
            Case(
                "training.wait-without-spot",
                one("Training", max_wait_time_in_seconds=90000),
                one("Training", **SPOT, max_wait_time_in_seconds=90000),
            )
        ],
    ),
    15: (
        "machines with local storage take no key for a volume",
        [
            Case(
                rule,
                one(kind, instance_type=local, volume_kms_key=_KEY),
                one(kind, instance_type="ml.m5.xlarge", volume_kms_key=_KEY),
            )
            for rule, kind, local in (
                ("training.local-storage-key", "Training", "ml.g7.2xlarge"),
                ("training.local-storage-key", "Tuning", "ml.g5.xlarge"),
                ("processing.local-storage-key", "Processing", "ml.r5d.large"),
                ("transform.local-storage-key", "Transform", "ml.g4dn.xlarge"),
            )
        ]
        + [
            Case(
                "training.local-storage-key",
                cluster(VolumeKmsKeyId=_KEY, InstanceGroups=[group(kind="ml.g5.xlarge")]),
                cluster(VolumeKmsKeyId=_KEY, InstanceGroups=[group()]),
            ),
            warning(
                "training.mixed-storage-key",
                cluster(VolumeKmsKeyId=_KEY, InstanceGroups=[group("a"), group("b", "ml.g5.xlarge")]),
                cluster(VolumeKmsKeyId=_KEY, InstanceGroups=[group("a"), group("b")]),
            ),
        ],
    ),
    26: (
        "compressed channels are pipes",
        [
            warning(
                "training.gzip-mode",
                channels(channel(CompressionType="Gzip")),
                channels(channel(CompressionType="Gzip", InputMode="Pipe")),
            ),
            warning(
                "training.gzip-mode",
                channels(channel(CompressionType="Gzip", InputMode="File"), input_mode="Pipe"),
                channels(channel(CompressionType="Gzip"), input_mode="Pipe"),
            ),
        ],
    ),
    27: (
        "instance groups replace type and count",
        [
            Case(
                "training.groups-and-type",
                cluster(InstanceType="ml.m5.xlarge", InstanceGroups=[group()]),
                requested("Training", {"ResourceConfig": {"InstanceGroups": [group()]}}, instance_type=None),
            )
        ],
    ),
    41: (
        "preferences count machines in one place",
        [
            Case(
                "training.preference-count",
                cluster(InstancePreferences=[preference(InstanceCount=1), preference("ml.m5.2xlarge")]),
                cluster(InstancePreferences=[preference(InstanceCount=1)]),
            ),
            Case(
                "processing.preference-count",
                requested(
                    "Processing",
                    {
                        "ProcessingResources": {
                            "ClusterConfig": {
                                "InstanceCount": 2,
                                "InstancePreferences": [preference(InstanceCount=1)],
                            }
                        }
                    },
                    instance_type=None,
                ),
                requested(
                    "Processing",
                    {
                        "ProcessingResources": {
                            "ClusterConfig": {"InstancePreferences": [preference(InstanceCount=1)]}
                        }
                    },
                    instance_type=None,
                ),
            ),
        ],
    ),
    42: (
        "the regex of a metric is valid",
        [
            warning(
                "training.metric-regex",
                one("Training", metric_definitions={"auc": "auc=(.*"}),
                one("Training", metric_definitions={"auc": "auc=(.*)"}),
            )
        ],
    ),
    43: (
        "the regex of a metric captures",
        [
            warning(
                "training.metric-group",
                one("Tuning", metric_definitions={"auc": "auc=.*"}),
                one("Tuning", metric_definitions={"auc": "auc=(.*)"}),
            )
        ],
    ),
    44: (
        "file systems are in a VPC",
        [Case("training.file-system-vpc", channels(_FILES), channels(_FILES, **VPC))],
    ),
    45: (
        "augmented manifests are pipes",
        [
            Case(
                "training.manifest-mode",
                channels(channel(source=_MANIFEST, InputMode=mode)),
                channels(channel(source=_MANIFEST, InputMode="Pipe")),
            )
            for mode in ("File", "FastFile")
        ],
    ),
    46: (
        "algorithms without checkpoints wait an hour",
        [
            Case(
                "algorithm.spot-wait",
                builtin("kmeans", **SPOT, max_wait_time_in_seconds=3601),
                builtin("kmeans", **SPOT, max_wait_time_in_seconds=3600),
            )
        ],
    ),
    47: (
        "algorithms of images train on a GPU",
        [
            warning(
                "algorithm.gpu",
                builtin(name, instance_type="ml.m5.xlarge"),
                builtin(name, instance_type="ml.p3.2xlarge"),
            )
            for name in ("image-classification", "object-detection", "semantic-segmentation", "seq2seq")
        ],
    ),
    48: (
        "some algorithms read files alone",
        [
            warning("algorithm.file-mode", builtin(name, input_mode="Pipe"), builtin(name))
            for name in ("forecasting-deepar", "ipinsights", "object2vec", "seq2seq")
        ],
    ),
    49: (
        "algorithms have the channel that they train on",
        [
            warning(
                "algorithm.channel",
                builtin("kmeans", inputs={"data": "s3://my-bucket/train"}),
                builtin("kmeans", inputs={"train": "s3://my-bucket/train"}),
            )
        ],
    ),
    50: (
        "some algorithms train on one machine",
        [
            warning("algorithm.one-machine", builtin(name, instance_count=2), builtin(name))
            for name in ("kmeans", "lda", "object2vec", "semantic-segmentation", "seq2seq")
        ],
    ),
    51: (
        "algorithms define their metrics themselves",
        [
            Case(
                "algorithm.own-metrics",
                builtin("pca", metric_definitions={"auc": "auc=(.*)"}),
                builtin("pca"),
            )
        ],
    ),
    62: (
        "warm pools are neither for spot training nor for groups",
        [
            Case(
                "training.warm-pool",
                one("Training", **SPOT, max_wait_time_in_seconds=90000, keep_alive_period_in_seconds=60),
                one("Training", keep_alive_period_in_seconds=60),
            ),
            Case(
                "training.warm-pool",
                cluster(InstanceGroups=[group()], KeepAlivePeriodInSeconds=60),
                cluster(InstanceGroups=[group()]),
            ),
        ],
    ),
    63: (
        "preferences exclude other choices of machines",
        [
            Case(
                "training.preferences-exclude",
                cluster(InstanceType="ml.m5.xlarge", InstancePreferences=[preference(InstanceCount=1)]),
                cluster(InstancePreferences=[preference(InstanceCount=1)]),
            ),
            Case(
                "training.preferences-exclude",
                cluster(InstanceGroups=[group()], InstancePreferences=[preference(InstanceCount=1)]),
                cluster(InstanceGroups=[group()]),
            ),
            Case(
                "training.preferences-exclude",
                requested(
                    "Training",
                    {"ResourceConfig": {"InstancePreferences": [preference(InstanceCount=1)]}},
                    instance_type=None,
                    max_wait_time_in_seconds=90000,
                    **SPOT,
                ),
                requested(
                    "Training",
                    {"ResourceConfig": {"InstancePreferences": [preference(InstanceCount=1)]}},
                    instance_type=None,
                ),
            ),
        ],
    ),
    64: (
        "preferences name each type once",
        [
            Case(
                "training.repeated-preference",
                cluster(InstancePreferences=[preference(InstanceCount=1)] * 2),
                cluster(InstancePreferences=[preference(InstanceCount=1)]),
            ),
            *(
                Case(
                    "processing.preferences-exclude",
                    requested(
                        "Processing",
                        {"ProcessingResources": {"ClusterConfig": {"InstancePreferences": listed}}},
                        instance_type=kind,
                    ),
                    requested(
                        "Processing",
                        {"ProcessingResources": {"ClusterConfig": {"InstancePreferences": listed[:1]}}},
                        instance_type=None,
                    ),
                )
                for listed, kind in (
                    ([preference(InstanceCount=1)] * 2, None),
                    ([preference(InstanceCount=1)], "ml.m5.xlarge"),
                )
            ),
        ],
    ),
    65: (
        "the service alone writes what it selected",
        [
            Case(
                "training.read-only-member",
                requested("Training", {"ResourceConfig": {"SelectedInstanceCount": 1}}),
                one("Training"),
            ),
            Case(
                "processing.read-only-member",
                requested(
                    "Processing",
                    {"ProcessingResources": {"ClusterConfig": {"SelectedInstanceType": "ml.m5.xlarge"}}},
                ),
                one("Processing"),
            ),
        ],
    ),
    66: (
        "all channels name instance groups that exist, or none does",
        [
            Case(
                "training.instance-group-names",
                requested(
                    "Training",
                    {"ResourceConfig": {"InstanceGroups": groups}, "InputDataConfig": items},
                    instance_type=None,
                    inputs=None,
                ),
                requested(
                    "Training",
                    {
                        "ResourceConfig": {"InstanceGroups": [group()]},
                        "InputDataConfig": [channel(source={"InstanceGroupNames": ["main"]})],
                    },
                    instance_type=None,
                    inputs=None,
                ),
            )
            for groups, items in (
                ([group()], [channel(source={"InstanceGroupNames": ["other"]})]),
                ([group()], [channel(source={"InstanceGroupNames": ["main"]}), channel("test")]),
                ([group(), group()], [channel(source={"InstanceGroupNames": ["main"]})]),
            )
        ],
    ),
    67: (
        "augmented manifests name attributes",
        [
            warning(
                "training.manifest-attributes",
                channels(channel(source={"S3DataType": "AugmentedManifestFile"}, InputMode="Pipe")),
                channels(channel(source=_MANIFEST, InputMode="Pipe")),
            )
        ],
    ),
    68: (
        "records are not wrapped in files",
        [
            warning(
                "training.record-wrapper",
                channels(channel(RecordWrapperType="RecordIO")),
                channels(channel(RecordWrapperType="RecordIO", InputMode="Pipe")),
            )
        ],
    ),
    69: (
        "a channel has one source",
        [
            warning(
                "training.data-source",
                channels({"ChannelName": "train", "DataSource": source}, **VPC),
                channels(channel(), **VPC),
            )
            for source in (
                {},
                {"FileSystemDataSource": _EFS, **channel()["DataSource"]},
            )
        ],
    ),
    70: (
        "channels and metrics have names of their own",
        [
            Case("training.channel-name", channels(channel(), channel()), channels(channel())),
            warning(
                "training.metric-name",
                requested(
                    "Training",
                    {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "a", "Regex": "(.)"}] * 2}},
                ),
                requested(
                    "Training",
                    {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "a", "Regex": "(.)"}]}},
                ),
            ),
        ],
    ),
    71: (
        "checkpoints are beside the container's own folders",
        [
            warning(
                "training.checkpoint-path",
                one("Training", checkpoint_s3_uri="s3://my-bucket/c", checkpoint_local_path=path),
                one("Training", checkpoint_s3_uri="s3://my-bucket/c"),
            )
            for path in ("/opt/ml/input", "/opt/ml/output/c", "/opt/ml/model", "/opt/ml/code")
        ],
    ),
    72: (
        "some images cannot be isolated",
        [
            Case(
                "training.isolation-image",
                one("Training", image_uri=f"520713654638.dkr.ecr.us-east-1.amazonaws.com/{name}", **ISOLATED),
                one("Training", image_uri=f"520713654638.dkr.ecr.us-east-1.amazonaws.com/{name}"),
            )
            for name in (
                "sagemaker-chainer:5.0.0-cpu-py3",
                "sagemaker-rl-ray-container:ray-1.6.0-tf-cpu-py37",
            )
        ],
    ),
    74: (
        "a job runs an image or an algorithm",
        [
            Case(
                "training.algorithm",
                requested("Training", {"AlgorithmSpecification": {"TrainingImage": None}}),
                _algorithm(AlgorithmName="mine"),
            ),
            warning(
                "training.image-and-algorithm",
                _algorithm(AlgorithmName="mine", TrainingImage=_IMAGE),
                _algorithm(AlgorithmName="mine"),
            ),
        ],
    ),
    76: (
        "private registries are in a VPC",
        [
            Case(
                "training.private-registry",
                requested("Training", {"AlgorithmSpecification": {"TrainingImageConfig": _PRIVATE}}),
                requested("Training", {"AlgorithmSpecification": {"TrainingImageConfig": _PRIVATE}}, **VPC),
            ),
            Case(
                "training.private-registry",
                requested(
                    "Training",
                    {
                        "AlgorithmSpecification": {
                            "TrainingImageConfig": {
                                "TrainingRepositoryAccessMode": "Platform",
                                "TrainingRepositoryAuthConfig": _CREDENTIALS,
                            }
                        }
                    },
                    **VPC,
                ),
                requested(
                    "Training",
                    {
                        "AlgorithmSpecification": {
                            "TrainingImageConfig": {**_PRIVATE, "TrainingRepositoryAuthConfig": _CREDENTIALS}
                        }
                    },
                    **VPC,
                ),
            ),
            Case(
                "model.private-registry",
                requested(
                    "CreateModel", {"PrimaryContainer": {"ImageConfig": {"RepositoryAccessMode": "Vpc"}}}
                ),
                requested(
                    "CreateModel",
                    {"PrimaryContainer": {"ImageConfig": {"RepositoryAccessMode": "Vpc"}}},
                    **VPC,
                ),
            ),
        ],
    ),
    77: (
        "a job trains for 28 days",
        [
            Case(
                "training.runtime",
                one("Training", max_runtime_in_seconds=2419201),
                one("Training", max_runtime_in_seconds=2419200),
            )
        ],
    ),
    80: (
        "express buckets take no key of an output",
        [
            warning(
                "training.express-bucket-key",
                one("Training", output_path="s3://models--use1-az4--x-s3/out", output_kms_key=_KEY),
                one("Training", output_path="s3://models/out", output_kms_key=_KEY),
            )
        ],
    ),
    82: (
        "debugger rules have names, profiling has steps",
        [
            Case("training.rule-name", _debug("a", "a"), _debug("a", "b")),
            Case("training.profiling-interval", _profiled(300), _profiled(500)),
        ],
    ),
}
