"""Rules of models and of registered model packages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.check.rules.combinators import at_most_one_of, exactly_one_of, excludes, unique
from dagcast.check.rules.containers import isolated_script, private_registry
from dagcast.check.rules.examples import VPC
from dagcast.check.rules.request_body import (
    UNKNOWN,
    Finding,
    PartialText,
    RequestBody,
    ends_with,
)
from dagcast.check.rules.rule import DEVELOPER_GUIDE, PipelineFacts, Rule

_MODEL = ("CreateModelInput",)
_PACKAGE = ("CreateModelPackageInput",)
_BOTH = (*_MODEL, *_PACKAGE)
MOST_ENVIRONMENT = 32 * 1024
"""Bytes of the variables of all containers of a model. Source: botocore, ContainerDefinition.Environment."""


def containers(request: RequestBody) -> Iterator[RequestBody]:
    """Yield the containers of a model or of a model package."""
    if request.given("PrimaryContainer"):
        yield request.part("PrimaryContainer")
    yield from request.items("Containers")
    yield from request.items("InferenceSpecification", "Containers")
    for specification in request.items("AdditionalInferenceSpecifications"):
        yield from specification.items("Containers")


def _packed_model(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for container in containers(request):
        if container.get("Mode") in ("MultiModel", UNKNOWN):
            continue
        if ends_with(container.get("ModelDataUrl"), ".tar.gz") is False:
            yield container.finding(
                f"ModelDataUrl {_quote(container.get('ModelDataUrl'))} does not end in .tar.gz",
                "ModelDataUrl",
                hint="files that are not packed are given by ModelDataSource",
            )


def _quote(value: Any) -> str:
    if isinstance(value, PartialText):
        return repr(f"{value.start}...{value.end}")
    return repr(value)


def _isolated_script(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    hint = "put the script into the model archive, below code/"
    for container in containers(request):
        yield from isolated_script(request, container.part("Environment"), "SAGEMAKER_SUBMIT_DIRECTORY", hint)


def _private_registry(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for container in containers(request):
        yield from private_registry(request, container.part("ImageConfig"), "Repository")


def _container_sources(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for container in containers(request):
        yield from excludes("ModelPackageName", "Image", "ModelDataUrl")(container, facts)
        yield from at_most_one_of("ModelDataUrl", "ModelDataSource")(container, facts)


def _hostnames(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    found = list(request.items("Containers"))
    given = [container.given("ContainerHostname") for container in found]
    if any(given) and not all(given):
        container = found[given.index(False)]
        message = "some containers have a ContainerHostname and this one has none: give it to all, or to none"
        yield container.finding(message, "ContainerHostname")
    yield from unique("Containers", "ContainerHostname")(request, facts)


def _prefixes(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for container in containers(request):
        source = container.part("ModelDataSource", "S3DataSource")
        if source.get("S3DataType") == "S3Prefix" and ends_with(source.get("S3Uri"), "/") is False:
            message = f"a ModelDataSource of type S3Prefix ends in a slash, not {_quote(source.get('S3Uri'))}"
            yield source.finding(message, "S3Uri", hint="add the slash")
        if container.get("Mode") == "MultiModel" and ends_with(container.get("ModelDataUrl"), ".tar.gz"):
            message = (
                "ModelDataUrl of a MultiModel container is a prefix that holds the models, not one of them"
            )
            yield container.finding(message, "ModelDataUrl")


def _environment_size(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    size = 0
    for container in containers(request):
        variables = container.get("Environment")
        for name, value in variables.items() if isinstance(variables, Mapping) else ():
            size += len(str(name).encode()) + (len(value.encode()) if isinstance(value, str) else 0)
    if size > MOST_ENVIRONMENT:
        message = (
            f"the variables of all containers have {size:,} bytes, at most {MOST_ENVIRONMENT:,} are allowed"
        )
        yield request.finding(message)


def _package_name(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    yield from exactly_one_of("ModelPackageGroupName", "ModelPackageName")(request, facts)


def _group_tags(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if request.given("ModelPackageGroupName") and request.given("Tags"):
        message = (
            "a version in a model package group has no tags of its own: they would be those of a new group"
        )
        yield request.finding(message, "Tags", hint="tag the group itself")


def _unversioned(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if not request.given("ModelPackageName") or request.given("ModelPackageGroupName"):
        return
    specification = request.part("InferenceSpecification")
    lists = ("SupportedTransformInstanceTypes", "SupportedRealtimeInferenceInstanceTypes")
    if specification.data and not any(map(specification.given, lists)):
        message = f"a package without a group needs {' or '.join(lists)}"
        yield specification.finding(message, lists[0])


def _additional_names(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    yield from unique("AdditionalInferenceSpecifications", "Name")(request, facts)


def _payload_archive(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if ends_with(request.get("SamplePayloadUrl"), ".tar.gz") is False:
        yield request.finding("SamplePayloadUrl does not end in .tar.gz", "SamplePayloadUrl")


def _card(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    text = request.text("ModelCard", "ModelCardContent")
    try:
        json.loads(text if text is not None else "{}")
    except ValueError as error:
        yield request.finding(f"ModelCardContent is invalid JSON: {error}", "ModelCard", "ModelCardContent")


def _container(**members: Any) -> dict[str, Any]:
    return {"PrimaryContainer": members}


_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
_DATA = "s3://my-bucket/model.tar.gz"
_ADDITIONAL = {"Name": "fast", "Containers": [{"Image": _IMAGE}]}


def _several(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"PrimaryContainer": None, "Containers": [{"Image": _IMAGE, **item} for item in containers]}


def _source(uri: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return _container(ModelDataUrl=None, ModelDataSource={"S3DataSource": source})


RULES = (
    Rule(
        id="model.containers",
        summary="A model has PrimaryContainer or Containers",
        source="Answer of the service, quoted in amazon-sagemaker-operator-for-k8s pull request 164",
        shapes=_MODEL,
        check=exactly_one_of("PrimaryContainer", "Containers"),
        obeys={},
        breaks={"PrimaryContainer": None},
    ),
    Rule(
        id="model.packed-data",
        summary="ModelDataUrl names a .tar.gz archive, unless the container serves many models",
        source="botocore, ContainerDefinition.ModelDataUrl",
        shapes=_MODEL,
        check=_packed_model,
        severity="warning",
        obeys=_container(ModelDataUrl="s3://my-bucket/m.tar.gz"),
        breaks=_container(ModelDataUrl="s3://my-bucket/model.pkl"),
    ),
    Rule(
        id="model.isolated-script",
        summary="A model with network isolation has its script in the model archive",
        source=f"{DEVELOPER_GUIDE}, mkt-algo-model-internet-free",
        shapes=_MODEL,
        check=_isolated_script,
        severity="warning",
        obeys={
            "EnableNetworkIsolation": True,
            **_container(Environment={"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}),
        },
        breaks={
            "EnableNetworkIsolation": True,
            **_container(Environment={"SAGEMAKER_SUBMIT_DIRECTORY": "s3://my-bucket/code.tar.gz"}),
        },
    ),
    Rule(
        id="model.container-source",
        summary="ModelPackageName excludes Image and ModelDataUrl; ModelDataUrl excludes ModelDataSource",
        source="botocore, ContainerDefinition.ModelPackageName and ModelDataSource",
        shapes=_MODEL,
        check=_container_sources,
        severity="warning",
        obeys={},
        breaks=_container(
            ModelDataSource={
                "S3DataSource": {
                    "S3Uri": "s3://my-bucket/m/",
                    "S3DataType": "S3Prefix",
                    "CompressionType": "None",
                }
            }
        ),
    ),
    Rule(
        id="model.hostname",
        summary="All containers of a model have a ContainerHostname of their own, or none has one",
        source="botocore, ContainerDefinition.ContainerHostname",
        shapes=_MODEL,
        check=_hostnames,
        obeys=_several({"ContainerHostname": "a"}, {"ContainerHostname": "b"}),
        breaks=_several({"ContainerHostname": "a"}, {}),
    ),
    Rule(
        id="model.data-prefix",
        summary="A prefix of model data ends in a slash; a container of many models names a prefix",
        source="botocore, S3ModelDataSource.S3DataType; SageMaker Developer Guide, create-multi-model-endpoint",
        shapes=_MODEL,
        check=_prefixes,
        obeys=_source("s3://my-bucket/m/"),
        breaks=_source("s3://my-bucket/m"),
    ),
    Rule(
        id="model.environment-size",
        summary=f"The variables of all containers have at most {MOST_ENVIRONMENT:,} bytes",
        source="botocore, ContainerDefinition.Environment",
        shapes=_MODEL,
        check=_environment_size,
        obeys=_container(Environment={"A": "x" * 1024}),
        breaks=_container(Environment={f"V{number:02}": "x" * 1024 for number in range(32)}),
    ),
    Rule(
        id="model.private-registry",
        summary="An image from a registry in a VPC needs VpcConfig, and only such a registry takes credentials",
        source="botocore, RepositoryAuthConfig",
        shapes=_MODEL,
        check=_private_registry,
        obeys={**_container(ImageConfig={"RepositoryAccessMode": "Vpc"}), "VpcConfig": VPC},
        breaks=_container(ImageConfig={"RepositoryAccessMode": "Vpc"}),
    ),
    Rule(
        id="model-package.name",
        summary="A model package has ModelPackageGroupName or ModelPackageName",
        source="Answers of the service, quoted in moto pull request 7165; botocore, CreateModelPackageInput",
        shapes=_PACKAGE,
        check=_package_name,
        obeys={},
        breaks={"ModelPackageName": "churn"},
    ),
    Rule(
        id="model-package.packed-data",
        summary="ModelDataUrl names a .tar.gz archive",
        source="botocore, ModelPackageContainerDefinition.ModelDataUrl",
        shapes=_PACKAGE,
        check=_packed_model,
        severity="warning",
        obeys={},
        breaks={
            "InferenceSpecification": {
                "Containers": [{"Image": _IMAGE, "ModelDataUrl": "s3://my-bucket/model.pkl"}]
            }
        },
    ),
    Rule(
        id="model-package.group-tags",
        summary="A version in a model package group takes no tags",
        source="botocore, CreateModelPackageInput.Tags; aws-cdk issue 33699",
        shapes=_PACKAGE,
        check=_group_tags,
        severity="warning",
        obeys={},
        breaks={"Tags": [{"Key": "team", "Value": "ml"}]},
    ),
    Rule(
        id="model-package.unversioned",
        summary="A package without a group names its instance types",
        source="botocore, InferenceSpecification.SupportedTransformInstanceTypes",
        shapes=_PACKAGE,
        check=_unversioned,
        severity="warning",
        obeys={
            "ModelPackageGroupName": None,
            "ModelPackageName": "churn",
            "InferenceSpecification": {"SupportedTransformInstanceTypes": ["ml.m5.xlarge"]},
        },
        breaks={"ModelPackageGroupName": None, "ModelPackageName": "churn"},
    ),
    Rule(
        id="model-package.additional-name",
        summary="Additional inference specifications have different names",
        source="botocore, AdditionalInferenceSpecificationDefinition.Name",
        shapes=_PACKAGE,
        check=_additional_names,
        obeys={"AdditionalInferenceSpecifications": [_ADDITIONAL]},
        breaks={"AdditionalInferenceSpecifications": [_ADDITIONAL, _ADDITIONAL]},
    ),
    Rule(
        id="model-package.sample-payload",
        summary="SamplePayloadUrl names a .tar.gz archive",
        source="botocore, CreateModelPackageInput.SamplePayloadUrl",
        shapes=_PACKAGE,
        check=_payload_archive,
        obeys={"SamplePayloadUrl": "s3://my-bucket/payload.tar.gz"},
        breaks={"SamplePayloadUrl": "s3://my-bucket/payload.json"},
    ),
    Rule(
        id="model-package.card",
        summary="ModelCardContent is JSON",
        source="botocore, ModelPackageModelCard.ModelCardContent",
        shapes=_PACKAGE,
        check=_card,
        obeys={"ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}},
        breaks={"ModelCard": {"ModelCardContent": "draft", "ModelCardStatus": "Draft"}},
    ),
)
