"""Explain a step type that does not exist: a typing error, or a kind that only newer SDKs or the service know."""

from __future__ import annotations

from collections.abc import Sequence

from dagcast.errors import did_you_mean
from dagcast.sagemaker.step_kinds import FUNCTIONS_OF_NEWER_SDKS, UNTYPED_KINDS


def explain_unknown_type(given: object, names: Sequence[str]) -> tuple[str, str]:
    """Return a message and a hint about an unknown step type.

    Args:
        given: What the config has in place of a type.
        names: The names of the step types.
    """
    if isinstance(given, str) and given in FUNCTIONS_OF_NEWER_SDKS:
        message = f"{given} is not a step type, and no supported SageMaker Python SDK has it"
        return message, FUNCTIONS_OF_NEWER_SDKS[given]
    kind = UNTYPED_KINDS.get(given) if isinstance(given, str) else None
    if kind is None:
        hint = did_you_mean(str(given), names) or f"one of {', '.join(names)}"
        return f"unknown step type {given!r}", hint
    message = f"dagcast has no step type for {given}, which {kind.known_to} has"
    if given == "ForEach":
        return message, "list its steps one by one: a Request cannot hold steps"
    return message, f"write the request itself: type Request with step_type: {given}"
