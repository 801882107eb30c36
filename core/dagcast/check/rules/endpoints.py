"""Rules of endpoint configurations and endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.combinators import at_most_one_of, inside
from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, PipelineFacts, Rule
from dagcast.sagemaker.instances import has_local_storage

_CONFIG = ("CreateEndpointConfigInput",)
_ENDPOINT = ("CreateEndpointInput",)
_VARIANTS = ("ProductionVariants", "ShadowProductionVariants")
_FREQUENCIES = (10, 30, 60, 120, 180, 240, 300)


def variants(config: RequestBody) -> Iterator[RequestBody]:
    """Yield every variant of an endpoint configuration, shadow variants last."""
    for member in _VARIANTS:
        yield from config.items(member)


def _name(variant: RequestBody) -> str:
    return f"variant {variant.get('VariantName')!r}"


def _serverless_or_machines(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for variant in variants(config):
        for member in ("InstanceType", "InitialInstanceCount", "InstancePools"):
            if variant.given("ServerlessConfig") and variant.given(member):
                message = f"{_name(variant)} is serverless and has {member}: give one of the two"
                yield variant.finding(message, member)
                break


def _serverless_features(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    serverless = [variant for variant in variants(config) if variant.given("ServerlessConfig")]
    if not serverless:
        return
    for member in ("DataCaptureConfig", "AsyncInferenceConfig"):
        if config.given(member):
            yield config.finding(f"a serverless variant cannot be used with {member}", member)
    if len(list(variants(config))) > 1:
        message = "a serverless variant is the only one of its endpoint"
        yield serverless[0].finding(message, "ServerlessConfig")


def _serverless_sizes(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for variant in variants(config):
        sizes = variant.part("ServerlessConfig")
        memory = sizes.number("MemorySizeInMB")
        if memory is not None and memory % 1024:
            message = f"MemorySizeInMB is {memory}, expected a multiple of 1024"
            yield sizes.finding(message, "MemorySizeInMB")
        provisioned, most = sizes.number("ProvisionedConcurrency"), sizes.number("MaxConcurrency")
        if provisioned is not None and most is not None and provisioned > most:
            message = f"ProvisionedConcurrency is {provisioned}, above MaxConcurrency, which is {most}"
            yield sizes.finding(message, "ProvisionedConcurrency")


def _local_storage_size(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for variant in variants(config):
        kind = variant.text("InstanceType")
        if kind is not None and variant.given("VolumeSizeInGB") and has_local_storage(kind):
            message = f"VolumeSizeInGB cannot be given for {kind}, which has local storage"
            yield variant.finding(message, "VolumeSizeInGB")


def _variant_names(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    seen: set[str] = set()
    for variant in variants(config):
        name = variant.text("VariantName")
        if name in seen:
            yield variant.finding(f"a second variant is named {name!r}", "VariantName")
        if name is not None:
            seen.add(name)


def _shadow_variants(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    counts = [len(list(config.items(member))) for member in _VARIANTS]
    if counts[1] and (counts[0] > 1 or counts[1] > 1):
        message = f"with shadow variants there is one variant of each sort, not {counts[0]} and {counts[1]}"
        yield config.finding(message, "ShadowProductionVariants")


def _scaling_order(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for variant in variants(config):
        scaling = variant.part("ManagedInstanceScaling")
        low, high = scaling.number("MinInstanceCount"), scaling.number("MaxInstanceCount")
        if low is not None and high is not None and low > high:
            yield scaling.finding(
                f"MinInstanceCount {low} is above MaxInstanceCount {high}", "MinInstanceCount"
            )


def _scaling_needs_components(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for variant in variants(config):
        if variant.given("ManagedInstanceScaling") and variant.given("ModelName"):
            message = (
                f"{_name(variant)} has a model; managed scaling is for endpoints of inference components"
            )
            yield variant.finding(message, "ManagedInstanceScaling")


def _prefix_routing(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for variant in variants(config):
        routing = variant.part("RoutingConfig")
        if routing.get("RoutingStrategy") == "PREFIX_AWARE" and not routing.given("PrefixAwareRoutingConfig"):
            message = "RoutingStrategy PREFIX_AWARE needs PrefixAwareRoutingConfig"
            yield routing.finding(message, "PrefixAwareRoutingConfig")


def _publish_frequency(config: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    value = config.number("MetricsConfig", "MetricPublishFrequencyInSeconds")
    if value is not None and value not in _FREQUENCIES:
        known = ", ".join(map(str, _FREQUENCIES))
        message = f"MetricPublishFrequencyInSeconds is {value}, expected one of {known}"
        yield config.finding(message, "MetricsConfig", "MetricPublishFrequencyInSeconds")


def _canary(endpoint: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    path = ("DeploymentConfig", "BlueGreenUpdatePolicy", "TrafficRoutingConfiguration")
    routing = endpoint.part(*path)
    for kind, member in (("CANARY", "CanarySize"), ("LINEAR", "LinearStepSize")):
        if routing.get("Type") == kind and not routing.given(member):
            yield routing.finding(f"traffic routing {kind} needs {member}", member)


def _variant(**members: Any) -> dict[str, Any]:
    base = {
        "VariantName": "main",
        "ModelName": "churn",
        "InstanceType": "ml.m5.xlarge",
        "InitialInstanceCount": 1,
    }
    merged = {**base, **members}
    return {name: value for name, value in merged.items() if value is not None}


def _serverless(**sizes: Any) -> dict[str, Any]:
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 5, **sizes}
    return _variant(InstanceType=None, InitialInstanceCount=None, ServerlessConfig=config)


def _variants(*variants: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"ProductionVariants": list(variants), **members}


def _blue_green(**routing: Any) -> dict[str, Any]:
    traffic = {"WaitIntervalInSeconds": 60, **routing}
    return {"DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic}}}


_ROLLING = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}
_PREFIX = {"RoutingStrategy": "PREFIX_AWARE"}
_CAPTURE = {
    "InitialSamplingPercentage": 10,
    "DestinationS3Uri": "s3://my-bucket/capture",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}

RULES = (
    Rule(
        id="endpoint-config.serverless-or-machines",
        summary="A variant is serverless or has machines",
        source="botocore, ProductionVariant.ServerlessConfig",
        shapes=_CONFIG,
        check=_serverless_or_machines,
        obeys=_variants(_serverless()),
        breaks=_variants(_variant(ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 5})),
    ),
    Rule(
        id="endpoint-config.serverless-features",
        summary="A serverless variant is the only one, without data capture and asynchronous inference",
        source=f"{DEVELOPER_GUIDE}, serverless-endpoints, Feature exclusions",
        shapes=_CONFIG,
        check=_serverless_features,
        severity="warning",
        obeys=_variants(_serverless()),
        breaks=_variants(_serverless(), DataCaptureConfig=_CAPTURE),
    ),
    Rule(
        id="endpoint-config.serverless-size",
        summary="MemorySizeInMB is a multiple of 1024, and ProvisionedConcurrency is not above MaxConcurrency",
        source="botocore, ProductionVariantServerlessConfig",
        shapes=_CONFIG,
        check=_serverless_sizes,
        obeys=_variants(_serverless(ProvisionedConcurrency=5)),
        breaks=_variants(_serverless(ProvisionedConcurrency=6)),
    ),
    Rule(
        id="endpoint-config.local-storage-size",
        summary="VolumeSizeInGB is not for machines with local storage",
        source="Answers of the service, quoted in sagemaker-python-sdk pull request 4828",
        shapes=_CONFIG,
        check=_local_storage_size,
        obeys=_variants(_variant(VolumeSizeInGB=50)),
        breaks=_variants(_variant(InstanceType="ml.g5.xlarge", VolumeSizeInGB=50)),
    ),
    Rule(
        id="endpoint-config.variant-name",
        summary="Variants have different names",
        source="botocore, ProductionVariant.VariantName",
        shapes=_CONFIG,
        check=_variant_names,
        obeys=_variants(_variant(), _variant(VariantName="other")),
        breaks=_variants(_variant(), _variant()),
    ),
    Rule(
        id="endpoint-config.shadow-variants",
        summary="With shadow variants there is one variant of each sort",
        source="botocore, CreateEndpointConfigInput.ShadowProductionVariants",
        shapes=_CONFIG,
        check=_shadow_variants,
        obeys=_variants(_variant(), ShadowProductionVariants=[_variant(VariantName="shadow")]),
        breaks=_variants(
            _variant(),
            _variant(VariantName="other"),
            ShadowProductionVariants=[_variant(VariantName="shadow")],
        ),
    ),
    Rule(
        id="endpoint-config.scaling-order",
        summary="MinInstanceCount is not above MaxInstanceCount",
        source="botocore, ProductionVariantManagedInstanceScaling",
        shapes=_CONFIG,
        check=_scaling_order,
        obeys=_variants(
            _variant(ModelName=None, ManagedInstanceScaling={"MinInstanceCount": 1, "MaxInstanceCount": 2})
        ),
        breaks=_variants(
            _variant(ModelName=None, ManagedInstanceScaling={"MinInstanceCount": 3, "MaxInstanceCount": 2})
        ),
    ),
    Rule(
        id="endpoint-config.scaling-components",
        summary="Managed instance scaling is for endpoints of inference components",
        source="Answer of the service, quoted in terraform-provider-aws pull request 45926",
        shapes=_CONFIG,
        check=_scaling_needs_components,
        severity="warning",
        obeys=_variants(_variant(ModelName=None, ManagedInstanceScaling={"Status": "ENABLED"})),
        breaks=_variants(_variant(ManagedInstanceScaling={"Status": "ENABLED"})),
    ),
    Rule(
        id="endpoint-config.prefix-routing",
        summary="RoutingStrategy PREFIX_AWARE needs PrefixAwareRoutingConfig",
        source="botocore, ProductionVariantRoutingConfig.PrefixAwareRoutingConfig",
        shapes=_CONFIG,
        check=_prefix_routing,
        obeys=_variants(_variant(RoutingConfig={"RoutingStrategy": "RANDOM"})),
        breaks=_variants(_variant(RoutingConfig=_PREFIX)),
    ),
    Rule(
        id="endpoint-config.publish-frequency",
        summary="MetricPublishFrequencyInSeconds is 10, 30, 60, 120, 180, 240 or 300",
        source="botocore, MetricsConfig.MetricPublishFrequencyInSeconds",
        shapes=_CONFIG,
        check=_publish_frequency,
        obeys={"MetricsConfig": {"MetricPublishFrequencyInSeconds": 60}},
        breaks={"MetricsConfig": {"MetricPublishFrequencyInSeconds": 61}},
    ),
    Rule(
        id="endpoint.update-policy",
        summary="A deployment is blue and green, or rolling",
        source="botocore, DeploymentConfig.BlueGreenUpdatePolicy",
        shapes=_ENDPOINT,
        check=inside("DeploymentConfig", at_most_one_of("BlueGreenUpdatePolicy", "RollingUpdatePolicy")),
        obeys={"DeploymentConfig": {"RollingUpdatePolicy": _ROLLING}},
        breaks={
            "DeploymentConfig": {
                **_blue_green(Type="ALL_AT_ONCE")["DeploymentConfig"],
                "RollingUpdatePolicy": _ROLLING,
            }
        },
    ),
    Rule(
        id="endpoint.traffic-size",
        summary="Traffic routing CANARY has a CanarySize, LINEAR a LinearStepSize",
        source="botocore, TrafficRoutingConfig",
        shapes=_ENDPOINT,
        check=_canary,
        severity="warning",
        obeys=_blue_green(Type="CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 10}),
        breaks=_blue_green(Type="CANARY"),
    ),
)
