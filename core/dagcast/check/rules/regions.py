"""Rules about the region of a pipeline, and about what its steps call outside of SageMaker."""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.check.rules.examples import definition_example
from dagcast.check.rules.pipeline_rule import PipelineRule, StepFinding
from dagcast.check.rules.rule import PipelineFacts
from dagcast.definition.model import Definition
from dagcast.errors import did_you_mean
from dagcast.lazy_pattern import lazy_pattern
from dagcast.sagemaker.regions import known_regions, partition_of
from dagcast.sagemaker.service_model import botocore_version

REGION_PATH = ("Region",)
"""The path of findings about the pipeline's region, which no definition contains."""
_FUNCTION = lazy_pattern(r"arn:(?P<partition>aws[a-z-]*):lambda:(?P<region>[a-z0-9-]+):\d*:.+")
_QUEUE = lazy_pattern(r"https://sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/.+")


def _unknown_region(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    known = known_regions()
    if facts.region is None or not known or facts.region in known:
        return
    yield StepFinding(
        None,
        REGION_PATH,
        f"botocore {botocore_version()} knows no region {facts.region!r}",
        hint=did_you_mean(facts.region, known) or "for a newer region, upgrade botocore",
    )


def _called(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    if facts.region is None:
        return
    for step in definition.steps:
        for field, pattern in (("FunctionArn", _FUNCTION), ("SqsQueueUrl", _QUEUE)):
            text = step.fields.get(field)
            match = pattern.fullmatch(text) if isinstance(text, str) else None
            if match is None:
                continue
            partition = match.groupdict().get("partition")
            if partition not in (None, partition_of(facts.region)):
                message = f"{text!r} is of partition {partition}, and {facts.region} of {partition_of(facts.region)}"
                yield StepFinding(step.name, (field,), message)
            elif match["region"] != facts.region:
                message = f"{text!r} is in {match['region']}, and the pipeline in {facts.region}"
                yield StepFinding(step.name, (field,), message)


def _call(region: str) -> dict[str, object]:
    arn = f"arn:aws:lambda:{region}:123456789012:function:notify"
    return definition_example({"Name": "call", "Type": "Lambda", "Arguments": {}, "FunctionArn": arn})


RULES = (
    PipelineRule(
        id="region.unknown",
        summary="The region of a pipeline exists",
        source="botocore, partitions.json; AWS General Reference, regions",
        check=_unknown_region,
        severity="warning",
        obeys=definition_example(),
        breaks=definition_example(),
        breaks_in="us-eats-1",
    ),
    PipelineRule(
        id="region.function-or-queue",
        summary="Functions and queues are in the region of the pipeline",
        source="AWS General Reference, ARNs; both are regional",
        check=_called,
        severity="warning",
        obeys=_call("us-east-1"),
        breaks=_call("eu-west-1"),
    ),
)
