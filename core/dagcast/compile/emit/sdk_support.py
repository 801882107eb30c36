"""Check which step types the installed SDK supports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagcast.compile.emit.sdk import SDK
from dagcast.compile.spec.pipeline import StepSpec
from dagcast.errors import SDKError

# The first version of each SDK major whose StepTypeEnum has the type. All supported versions have the other types.
# Source: the wheels of sagemaker 2.257.x and of sagemaker-mlops 1.N, which ships with sagemaker 3.N.
FIRST_SDK: Mapping[str, tuple[str, ...]] = {
    "EMRServerless": ("3.4",),
    "EndpointConfig": ("2.257.6", "3.23"),
    "Endpoint": ("2.257.6", "3.23"),
    "InferenceComponent": ("2.257.6", "3.23"),
    "Lineage": ("2.257.6", "3.23"),
    "Job": ("3.24",),
    "Cleanup": ("3.27",),
    "ForEach": ("3.27",),
}


def check_types(steps: Iterable[StepSpec], sdk: SDK) -> None:
    """Reject steps of a type that the installed SDK does not support.

    Raises:
        SDKError: If there are such steps. The message lists each step and the first SDK version with its type.
    """
    known = {member.value for member in sdk.StepTypeEnum}
    problems = [
        f"step {step.name!r}: SageMaker SDK {sdk.version} has no step type {step.definition_type!r}"
        f"{_since(step.definition_type, sdk.version.major)}"
        for step in steps
        if step.definition_type not in known
    ]
    if problems:
        raise SDKError("\n".join(problems))


def _since(definition_type: str, major: int) -> str:
    """Return which SDK versions have the type, and how to install the one nearest to the installed major."""
    first = FIRST_SDK.get(definition_type)
    if first is None:
        return ""
    nearest = next((version for version in first if version.startswith(f"{major}.")), first[-1])
    upper = int(nearest.partition(".")[0]) + 1
    return f', which it has from {" and ".join(first)} on: pip install "sagemaker>={nearest},<{upper}"'
