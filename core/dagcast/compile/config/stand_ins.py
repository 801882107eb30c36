"""What replaces the role, the bucket and the images that a config lacks, in a compile for this machine alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dagcast.compile.config.models import BasePipelineConfig
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.errors import SDKError
from dagcast.sagemaker.sdk import installed_sdk

# The account is the one that AWS uses in its documentation.
_ROLE = "arn:aws:iam::123456789012:role/StandIn"
_BUCKET = "stand-in"
_REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
_FRAMEWORK = f"{_REGISTRY}/sagemaker-"

REGION = "us-east-1"
"""The region of images of frameworks, if the config has none. A pipeline's other images may name another region."""
IMAGE = f"{_REGISTRY}/stand-in:none"
"""The image of a step that names neither an image nor a framework."""


def add_stand_ins(pipeline: BasePipelineConfig) -> tuple[BasePipelineConfig, frozenset[str]]:
    """Return the base config with a role and a bucket, and which of them it lacked."""
    known = {"role": _ROLE, "bucket": _BUCKET}
    missing = {name: value for name, value in known.items() if getattr(pipeline, name) is None}
    return pipeline.model_copy(update=missing), frozenset(missing)


def without_sdk(look_up: Callable[..., str]) -> Callable[..., str]:
    """Return a look-up of images that needs no SDK: without one, an image names the framework and its version.

    Args:
        look_up: The look-up in the tables of the SDK.
    """

    def stand_in(framework: str, region: str, **arguments: Any) -> str:
        try:
            return look_up(framework, region, **arguments)
        except SDKError:
            if installed_sdk() is not None:
                raise
            return f"{_FRAMEWORK}{framework}:{arguments.get('version') or 'none'}"

    return stand_in


def describe_stand_ins(spec: PipelineSpec, missing: frozenset[str]) -> Iterator[str]:
    """Yield what stands in for something that the config lacks.

    Args:
        spec: The pipeline.
        missing: What the base config lacked.
    """
    steps = {step.name: repr((step.arguments, step.fields)) for step in spec.steps}
    for name, value in (("role", _ROLE), ("bucket", _BUCKET)):
        if name in missing and any(value in text for text in steps.values()):
            yield f"{name} {value}"
    unnamed = [name for name, text in steps.items() if IMAGE in text]
    if unnamed:
        yield f"an image for {', '.join(map(repr, unnamed))}"
    of_framework = [name for name, text in steps.items() if _FRAMEWORK in text]
    if of_framework and installed_sdk() is None:
        yield f"an image of the SDK's tables for {', '.join(map(repr, of_framework))}"
