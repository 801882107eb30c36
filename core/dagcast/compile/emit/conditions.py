"""Convert the conditions of a condition step to condition objects of the SDK."""

from __future__ import annotations

from typing import Any

from dagcast.compile.emit.variables import Variables
from dagcast.definition.conditions import COMPARISONS
from dagcast.errors import SDKError


def sdk_condition(request: dict[str, Any], variables: Variables) -> Any:
    """Return the SDK's condition object for one condition of the definition.

    Args:
        request: The condition in the definition's format. It may contain references.
        variables: Converts the references.

    Raises:
        SDKError: If the SDK does not support the type of the condition.
    """
    sdk = variables.sdk
    kind = request["Type"]
    if kind in COMPARISONS:
        # The SDK names its classes after the types.
        compare = getattr(sdk, f"Condition{kind}")
        return compare(
            left=variables.convert(request["LeftValue"]), right=variables.convert(request["RightValue"])
        )
    if kind == "In":
        return sdk.ConditionIn(
            value=variables.convert(request["QueryValue"]), in_values=variables.convert(request["Values"])
        )
    if kind == "Not":
        return sdk.ConditionNot(sdk_condition(request["Condition"], variables))
    if kind == "Or":
        return sdk.ConditionOr([sdk_condition(part, variables) for part in request["Conditions"]])
    raise SDKError(f"SageMaker SDK {sdk.version} has no condition of type {kind!r}")
