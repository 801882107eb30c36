"""Which references a member of a request accepts.

The service checks this when a pipeline is created. AWS's JSON schema of the pipeline definition has a
reference only in the place of a single value (its ``StringArgumentValue``, ``IntegerArgumentValue``,
``FloatArgumentValue`` and ``BooleanArgumentValue``), never of a list or an object. A parameter in the place
of a list is answered with "Expecting start of Json Array"
(github.com/aws/sagemaker-python-sdk/issues/2345), and an Integer parameter in the place of a string with
"Cannot assign property reference [Parameters.x] to argument of type [String]" (issue 4867 there). The
remedy for the second is a join, which makes text of anything; it is what the SDK's ``to_string()`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dagcast.definition.references import ExecutionVariable, Join, ParameterRef, Reference
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

# By kind of member: the kinds of reference that fit it.
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
class Misfit:
    """Why a reference does not fit where it stands.

    Attributes:
        what: The second half of a sentence: what the reference is.
        code: ``reference.needs-text`` if a join would make it fit, else ``reference.wrong-type``.
        hint: What to do about it, if that can be said.
    """

    what: str
    code: str
    hint: str | None = None


def misfit(
    reference: Reference,
    kind: str,
    parameter_types: Mapping[str, str],
    reference_type: Callable[[Reference], str | None],
) -> Misfit | None:
    """Why a reference does not fit a member of that kind, or ``None`` if it fits or its type is not known.

    Args:
        reference: The reference.
        kind: The kind of the member's shape.
        parameter_types: The type of each declared parameter: ``String``, ``Integer``, ``Float``, ``Boolean``.
        reference_type: Gives the kind of shape of any other reference, or ``None`` where it is not known.
    """
    if kind in CONTAINER_KINDS:
        noun = "list" if kind == "list" else "mapping"
        return Misfit(
            f"{reference} is a reference, which can only stand for a single value",
            "reference.wrong-type",
            f"write the {noun} out, with references for the values in it",
        )
    given = _kind_of(reference, parameter_types, reference_type)
    if given is None or given in _ACCEPTED[kind]:
        return None
    what = f"{reference} is {_describe(reference, given, parameter_types)}"
    if given in CONTAINER_KINDS:
        return Misfit(what, "reference.wrong-type", "refer to a single value in it")
    if kind == "string":
        advice = "put it in a longer string, which makes text of it"
        if isinstance(reference, ParameterRef):
            advice = f"declare the parameter as String, or {advice}"
        return Misfit(what, "reference.needs-text", advice)
    if isinstance(reference, ParameterRef):
        return Misfit(what, "reference.wrong-type", f"declare the parameter as {_PARAMETER_FOR[kind]}")
    return Misfit(what, "reference.wrong-type")


def _kind_of(
    reference: Reference,
    parameter_types: Mapping[str, str],
    reference_type: Callable[[Reference], str | None],
) -> str | None:
    if isinstance(reference, ParameterRef):
        return _PARAMETER_KINDS.get(parameter_types.get(reference.name, ""))
    # An execution variable is text, the two times included: the SDK's to_string() leaves it as it is.
    if isinstance(reference, (Join, ExecutionVariable)):
        return "string"
    return reference_type(reference)


def _describe(reference: Reference, kind: str, parameter_types: Mapping[str, str]) -> str:
    if isinstance(reference, ParameterRef):
        return f"a parameter of type {parameter_types[reference.name]}"
    article = "an" if kind[0] in "aeiou" else "a"
    return f"{article} {kind}"
