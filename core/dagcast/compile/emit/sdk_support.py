"""Check which step types the installed SDK supports."""

from __future__ import annotations

from collections.abc import Iterable

from dagcast.compile.emit.sdk import SDK
from dagcast.compile.spec.pipeline import StepSpec
from dagcast.errors import SDKError
from dagcast.sagemaker.step_kinds import first_sdk_versions


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
    first = first_sdk_versions(definition_type)
    if not first:
        return ""
    nearest = next((version for version in first if version.startswith(f"{major}.")), first[-1])
    upper = int(nearest.partition(".")[0]) + 1
    return f', which it has from {" and ".join(first)} on: pip install "sagemaker>={nearest},<{upper}"'
