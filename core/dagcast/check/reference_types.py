"""Types of references: which of them a member of a request accepts.

The service checks this when a pipeline is created. AWS's JSON schema of the pipeline definition allows a reference
only for a single value (its ``StringArgumentValue``, ``IntegerArgumentValue``, ``FloatArgumentValue`` and
``BooleanArgumentValue``), never for a list or an object. For a parameter in place of a list, the service reports
"Expecting start of Json Array" (github.com/aws/sagemaker-python-sdk/issues/2345). For an Integer parameter in place of
a string it reports "Cannot assign property reference [Parameters.x] to argument of type [String]" (issue 4867 there).
The remedy for the second is a join, which converts any value to text, as the SDK's ``to_string()`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from dagcast.definition.references import ExecutionVariable, Join, ParameterRef, Reference
from dagcast.frozen_dataclass import dataclass
from dagcast.sagemaker.service_model import CONTAINER_KINDS

_PARAMETER_KINDS: Final = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}

_PARAMETER_FOR: Final = {
    "blob": "String",
    "timestamp": "String",
    "boolean": "Boolean",
    "integer": "Integer",
    "long": "Integer",
    "float": "Float",
    "double": "Float",
}

# By kind of member: the kinds of reference that it accepts.
_ACCEPTED: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"string"}),
    "blob": frozenset({"string", "blob"}),
    "timestamp": frozenset({"string", "timestamp"}),
    "boolean": frozenset({"boolean"}),
    "integer": frozenset({"integer", "long"}),
    "long": frozenset({"integer", "long"}),
    "float": frozenset({"float", "double", "integer", "long"}),
    "double": frozenset({"float", "double", "integer", "long"}),
}


@dataclass(frozen=True)
class TypeMismatch:
    """A reference whose type a member does not accept.

    Attributes:
        found: What the reference is, as the second half of a sentence.
        code: ``reference.needs-text`` if the member accepts the reference in a join, else ``reference.wrong-type``.
        hint: The remedy, if one is known.
    """

    found: str
    code: str
    hint: str | None = None


def find_type_mismatch(
    reference: Reference,
    kind: str,
    parameter_types: Mapping[str, str],
    reference_type: Callable[[Reference], str | None],
) -> TypeMismatch | None:
    """Return how the type of a reference differs from a member's; ``None`` if the member accepts it, or it is unknown.

    Args:
        reference: The reference.
        kind: The kind of the member's shape.
        parameter_types: The type of each declared parameter: ``String``, ``Integer``, ``Float``, ``Boolean``.
        reference_type: Returns the kind of shape of any other reference, or ``None`` if it is unknown.
    """
    if kind in CONTAINER_KINDS:
        noun = "list" if kind == "list" else "mapping"
        return TypeMismatch(
            f"{reference} is a reference, which is always a single value",
            "reference.wrong-type",
            f"write the {noun} out, with references for the values in it",
        )
    given = _kind_of(reference, parameter_types, reference_type)
    if given is None or given in _ACCEPTED[kind]:
        return None
    found = f"{reference} is {_describe(reference, given, parameter_types)}"
    if given in CONTAINER_KINDS:
        return TypeMismatch(found, "reference.wrong-type", "refer to a single value in it")
    if kind == "string":
        hint = "put it in a longer string, which makes text of it"
        if isinstance(reference, ParameterRef):
            hint = f"declare the parameter as String, or {hint}"
        return TypeMismatch(found, "reference.needs-text", hint)
    if isinstance(reference, ParameterRef):
        return TypeMismatch(found, "reference.wrong-type", f"declare the parameter as {_PARAMETER_FOR[kind]}")
    return TypeMismatch(found, "reference.wrong-type")


def _kind_of(
    reference: Reference,
    parameter_types: Mapping[str, str],
    reference_type: Callable[[Reference], str | None],
) -> str | None:
    if isinstance(reference, ParameterRef):
        return _PARAMETER_KINDS.get(parameter_types.get(reference.name, ""))
    # An execution variable is text, as are the two times: the SDK's to_string() returns it unchanged.
    if isinstance(reference, (Join, ExecutionVariable)):
        return "string"
    return reference_type(reference)


def _describe(reference: Reference, kind: str, parameter_types: Mapping[str, str]) -> str:
    if isinstance(reference, ParameterRef):
        return f"a parameter of type {parameter_types[reference.name]}"
    article = "an" if kind[0] in "aeiou" else "a"
    return f"{article} {kind}"
