"""Requirements of models, packages, endpoints and batch transform jobs."""

from __future__ import annotations

from typing import Any

from tests.check.rows.row import Case, one, requested, step, warning
from tests.support.compiling import IMAGE, config


def container(**members: Any) -> dict[str, Any]:
    return requested("CreateModel", {"PrimaryContainer": members})


def containers(*items: dict[str, Any]) -> dict[str, Any]:
    listed = [{"Image": IMAGE, "ModelDataUrl": "s3://my-bucket/m.tar.gz", **item} for item in items]
    return requested(
        "CreateModel", {"PrimaryContainer": None, "Containers": listed}, image_uri=IMAGE, inputs=None
    )


def _source(uri: str) -> dict[str, Any]:
    place = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    members = {"PrimaryContainer": {"ModelDataSource": {"S3DataSource": place}}}
    return requested("CreateModel", members, inputs=None)


def package(members: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return requested("RegisterModel", members, **fields)


def variant(name: str = "main", **members: Any) -> dict[str, Any]:
    base = {
        "VariantName": name,
        "ModelName": "churn",
        "InstanceType": "ml.m5.xlarge",
        "InitialInstanceCount": 1,
    }
    return {key: value for key, value in {**base, **members}.items() if value is not None}


def serverless(name: str = "main", **sizes: Any) -> dict[str, Any]:
    unset = {"InstanceType": None, "InitialInstanceCount": None}
    return variant(name, **unset, ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 5, **sizes})


def variants(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return requested("EndpointConfig", {"ProductionVariants": list(items), **more})


def _deployment(**members: Any) -> dict[str, Any]:
    return requested("Endpoint", {"DeploymentConfig": members})


def _scores(**fields: Any) -> dict[str, Any]:
    return one("Transform", **fields)


def _model_and_transform(source: dict[str, Any], *, direct: bool = True) -> dict[str, Any]:
    model = source["steps"]["it"]
    predict = step("Transform", inputs={"model_name": "it.model_name", "data": "s3://my-bucket/in"})
    return config({"it": model, "predict": predict}, edges=["it.model_name -> predict.model_name"])


def _traffic(**members: Any) -> dict[str, Any]:
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"WaitIntervalInSeconds": 60, **members}}
    }


_CSV = {"content_type": "text/csv", "accept": "text/csv", "split_type": "Line", "assemble_with": "Line"}
_ROLLING = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}
_CAPTURE = {
    "InitialSamplingPercentage": 10,
    "DestinationS3Uri": "s3://my-bucket/capture",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
_GROUP = "arn:aws:sagemaker:{}:123456789012:model-package-group/churn"
_EXTRA = {"Name": "fast", "Containers": [{"Image": IMAGE}]}

ROWS: dict[int, tuple[str, list[Case]]] = {
    12: (
        "versions in a group have no tags",
        [
            warning(
                "model-package.group-tags", one("RegisterModel", tags={"team": "ml"}), one("RegisterModel")
            )
        ],
    ),
    13: (
        "the second execution makes a name of its own",
        [
            warning(
                "pipeline.repeated-name",
                one("EndpointConfig", endpoint_config_name="churn"),
                one("EndpointConfig"),
            ),
            warning(
                "pipeline.repeated-name",
                one("RegisterModel", model_package_group_name=None, request={"ModelPackageName": "churn"}),
                one("RegisterModel"),
            ),
        ],
    ),
    16: (
        "a model has one container, or a list",
        [
            Case(
                "model.containers", requested("CreateModel", {"PrimaryContainer": None}), one("CreateModel")
            ),
            Case(
                "model.containers",
                requested("CreateModel", {"Containers": [{"Image": IMAGE}]}),
                one("CreateModel"),
            ),
        ],
    ),
    17: (
        "models are packed",
        [
            warning(
                rule,
                one(kind, inputs={"model": "s3://my-bucket/m/model.pkl"}),
                one(kind, inputs={"model": "s3://my-bucket/m/model.tar.gz"}),
            )
            for rule, kind in (
                ("model.packed-data", "CreateModel"),
                ("model-package.packed-data", "RegisterModel"),
            )
        ],
    ),
    18: (
        "a variant is serverless or has machines",
        [
            Case(
                "endpoint-config.serverless-or-machines",
                variants({**serverless(), "InstanceType": "ml.m5.xlarge"}),
                variants(serverless()),
            )
        ],
    ),
    23: (
        "100 MB are on their way, to 100 machines",
        [
            Case("transform.payload", _scores(max_payload_in_mb=101), _scores(max_payload_in_mb=100)),
            Case(
                "transform.payload",
                _scores(max_payload_in_mb=26, max_concurrent_transforms=4),
                _scores(max_payload_in_mb=25, max_concurrent_transforms=4),
            ),
            Case("transform.instance-count", _scores(instance_count=101), _scores(instance_count=100)),
            # A payload without a limit.
            Case("transform.payload", _scores(max_payload_in_mb=101), _scores(max_payload_in_mb=0)),
        ],
    ),
    24: (
        "joined data has one type, and lines",
        [
            Case(
                "transform.joined-types",
                _scores(join_source="Input", **{**_CSV, "accept": "application/json"}),
                _scores(join_source="Input", **_CSV),
            ),
            Case(
                "transform.joined-types",
                _scores(join_source="Input", **{**_CSV, "content_type": "image/png", "accept": "image/png"}),
                _scores(join_source="Input", **_CSV),
            ),
            Case(
                "transform.joined-lines",
                _scores(join_source="Input", **{**_CSV, "assemble_with": None}),
                _scores(join_source="Input", **_CSV),
            ),
            # Without a join, it may be taken.
            warning(
                "transform.filtered-types",
                _scores(output_filter="$[0]", **{**_CSV, "accept": "application/json"}),
                _scores(output_filter="$[0]", **_CSV),
            ),
            warning(
                "transform.filtered-lines",
                _scores(input_filter="$[1:]", **{**_CSV, "split_type": None}),
                _scores(input_filter="$[1:]", **_CSV),
            ),
        ],
    ),
    25: (
        "records are split before they are joined",
        [
            warning(
                "transform.split",
                _scores(strategy="MultiRecord"),
                _scores(strategy="MultiRecord", split_type="Line"),
            )
        ],
    ),
    28: (
        "batch transform reads archives",
        [
            Case(
                "pipeline.transform-of-files",
                _model_and_transform(_source("s3://my-bucket/m/")),
                _model_and_transform(one("CreateModel")),
            )
        ],
    ),
    29: (
        "an isolated model has its script",
        [
            warning(
                "model.isolated-script",
                one(
                    "CreateModel",
                    enable_network_isolation=True,
                    environment={"SAGEMAKER_SUBMIT_DIRECTORY": "s3://my-bucket/code.tar.gz"},
                ),
                one(
                    "CreateModel",
                    enable_network_isolation=True,
                    environment={"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
                ),
            )
        ],
    ),
    30: (
        "a package has a name or a group",
        [
            Case("model-package.name", package({"ModelPackageName": "churn"}), one("RegisterModel")),
            Case(
                "model-package.name",
                one("RegisterModel", model_package_group_name=None),
                one("RegisterModel"),
            ),
        ],
    ),
    31: (
        "packages are of this region",
        [
            Case(
                "region.arn",
                one("RegisterModel", model_package_group_name=_GROUP.format("eu-west-1")),
                one("RegisterModel", model_package_group_name=_GROUP.format("us-east-1")),
            ),
            Case(
                "region.arn",
                requested(
                    "CreateModel",
                    {
                        "PrimaryContainer": {
                            "Image": None,
                            "ModelDataUrl": None,
                            "ModelPackageName": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/1",
                        }
                    },
                ),
                requested(
                    "CreateModel",
                    {
                        "PrimaryContainer": {
                            "Image": None,
                            "ModelDataUrl": None,
                            "ModelPackageName": "arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/1",
                        }
                    },
                ),
            ),
        ],
    ),
    32: (
        "serverless variants are alone",
        [
            warning(
                "endpoint-config.serverless-features",
                variants(serverless(), DataCaptureConfig=_CAPTURE),
                variants(serverless()),
            ),
            warning(
                "endpoint-config.serverless-features",
                variants(serverless(), variant("other")),
                variants(serverless()),
            ),
            warning(
                "endpoint-config.serverless-features",
                variants(
                    serverless(), AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://my-bucket/a"}}
                ),
                variants(serverless()),
            ),
        ],
    ),
    33: (
        "local storage has its own size",
        [
            Case(
                "endpoint-config.local-storage-size",
                variants(variant(InstanceType=kind, VolumeSizeInGB=50)),
                variants(variant(VolumeSizeInGB=50)),
            )
            for kind in ("ml.g7.2xlarge", "ml.c6gd.large", "ml.inf2.xlarge")[:2]
        ],
    ),
    91: (
        "filters are paths",
        [
            Case(
                "transform.filter",
                _scores(input_filter="[1:]", **_CSV),
                _scores(input_filter="$[1:]", **_CSV),
            ),
            Case(
                "transform.filter",
                _scores(output_filter="$.id", **_CSV),
                _scores(output_filter="$[0,1]", **_CSV),
            ),
        ],
    ),
    92: (
        "a container has one source of its model",
        [
            warning(
                "model.container-source",
                container(ModelPackageName="arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/1"),
                one("CreateModel"),
            ),
            warning(
                "model.container-source",
                container(
                    ModelDataSource={
                        "S3DataSource": {
                            "S3Uri": "s3://my-bucket/m/",
                            "S3DataType": "S3Prefix",
                            "CompressionType": "None",
                        }
                    }
                ),
                one("CreateModel"),
            ),
        ],
    ),
    93: (
        "host names are for all containers",
        [
            Case(
                "model.hostname",
                containers({"ContainerHostname": "a"}, other),
                containers({"ContainerHostname": "a"}, {"ContainerHostname": "b"}),
            )
            for other in ({}, {"ContainerHostname": "a"})
        ],
    ),
    94: (
        "prefixes of models end in a slash",
        [
            Case("model.data-prefix", _source("s3://my-bucket/m"), _source("s3://my-bucket/m/")),
            Case(
                "model.data-prefix",
                container(Mode="MultiModel", ModelDataUrl="s3://my-bucket/m.tar.gz"),
                container(Mode="MultiModel", ModelDataUrl="s3://my-bucket/m/"),
            ),
        ],
    ),
    95: (
        "variables have 32 KB",
        [
            Case(
                "model.environment-size",
                one("CreateModel", environment={f"V{i:02}": "x" * 1024 for i in range(32)}),
                one("CreateModel", environment={f"V{i:02}": "x" * 1021 for i in range(32)}),
            )
        ],
    ),
    96: (
        "a package without a group names machines",
        [
            warning(
                "model-package.unversioned",
                package({"ModelPackageName": "churn"}, model_package_group_name=None),
                package(
                    {"ModelPackageName": "churn"},
                    model_package_group_name=None,
                    inference_instances=["ml.m5.xlarge"],
                    transform_instances=["ml.m5.xlarge"],
                ),
            )
        ],
    ),
    97: (
        "further parts of a package",
        [
            Case(
                "model-package.additional-name",
                package({"AdditionalInferenceSpecifications": [_EXTRA, _EXTRA]}),
                package({"AdditionalInferenceSpecifications": [_EXTRA]}),
            ),
            Case(
                "model-package.sample-payload",
                one("RegisterModel", sample_payload_url="s3://my-bucket/p.zip"),
                one("RegisterModel", sample_payload_url="s3://my-bucket/p.tar.gz"),
            ),
            Case(
                "model-package.card",
                package({"ModelCard": {"ModelCardContent": "draft", "ModelCardStatus": "Draft"}}),
                package({"ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}}),
            ),
        ],
    ),
    98: (
        "serverless sizes fit",
        [
            Case(
                "endpoint-config.serverless-size",
                variants(serverless(MemorySizeInMB=1500)),
                variants(serverless(MemorySizeInMB=3072)),
            ),
            Case(
                "endpoint-config.serverless-size",
                variants(serverless(ProvisionedConcurrency=6)),
                variants(serverless(ProvisionedConcurrency=5)),
            ),
        ],
    ),
    99: (
        "variants have names, and shadows are single",
        [
            Case(
                "endpoint-config.variant-name",
                variants(variant(), variant()),
                variants(variant(), variant("b")),
            ),
            Case(
                "endpoint-config.shadow-variants",
                variants(variant(), variant("b"), ShadowProductionVariants=[variant("c")]),
                variants(variant(), ShadowProductionVariants=[variant("c")]),
            ),
            Case(
                "endpoint-config.scaling-order",
                variants(
                    variant(
                        ModelName=None, ManagedInstanceScaling={"MinInstanceCount": 3, "MaxInstanceCount": 2}
                    )
                ),
                variants(
                    variant(
                        ModelName=None, ManagedInstanceScaling={"MinInstanceCount": 2, "MaxInstanceCount": 2}
                    )
                ),
            ),
            warning(
                "endpoint-config.scaling-components",
                variants(variant(ManagedInstanceScaling={"MinInstanceCount": 1})),
                variants(variant(ModelName=None, ManagedInstanceScaling={"MinInstanceCount": 1})),
            ),
        ],
    ),
    100: (
        "updates and metrics have one form",
        [
            Case(
                "endpoint.update-policy",
                _deployment(**_traffic(Type="ALL_AT_ONCE"), RollingUpdatePolicy=_ROLLING),
                _deployment(RollingUpdatePolicy=_ROLLING),
            ),
            warning(
                "endpoint.traffic-size",
                _deployment(**_traffic(Type="CANARY")),
                _deployment(**_traffic(Type="CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 10})),
            ),
            Case(
                "endpoint-config.prefix-routing",
                variants(variant(RoutingConfig={"RoutingStrategy": "PREFIX_AWARE"})),
                variants(variant(RoutingConfig={"RoutingStrategy": "RANDOM"})),
            ),
            Case(
                "endpoint-config.publish-frequency",
                requested("EndpointConfig", {"MetricsConfig": {"MetricPublishFrequencyInSeconds": 20}}),
                requested("EndpointConfig", {"MetricsConfig": {"MetricPublishFrequencyInSeconds": 10}}),
            ),
        ],
    ),
    116: (
        "approval has three values",
        [
            Case(
                "request.unknown-value",
                one("RegisterModel", approval_status="Aproved"),
                one("RegisterModel", approval_status="Approved"),
            )
        ],
    ),
}
