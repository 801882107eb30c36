"""Problems that checks find, and how messages show fields and values.

A check knows neither files nor lines, so it returns problems, which the verbs convert to a
:class:`~dagcast.errors.Diagnostic`. Each class adds what the next larger part of a pipeline knows:

- :class:`ReferenceProblem`: why a reference is invalid, wherever it is.
- :class:`RequestProblem`: a path in a request body.
- :class:`~dagcast.check.definition.StepProblem`: the step, and the path in its entry in the definition.
- :class:`~dagcast.errors.Diagnostic`: a line of the config or the definition, from the origin of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any, Final

from dagcast.check.reference_types import find_type_mismatch
from dagcast.definition.references import ParameterRef, Reference
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath, format_path

_MAX_LENGTH: Final = 60

KIND_NOUNS: Final = {
    "structure": "a mapping",
    "map": "a mapping",
    "list": "a list",
    "string": "a string",
    "integer": "an integer",
    "long": "an integer",
    "float": "a number",
    "double": "a number",
    "boolean": "true or false",
    "timestamp": "a time (ISO 8601, or seconds since 1970)",
    "blob": "a base64 string",
}
"""By kind of shape: what a value of it is called in messages."""


@dataclass(frozen=True)
class ReferenceProblem:
    """Why a reference is invalid.

    Attributes:
        message: The problem, in one sentence.
        code: The diagnostic code, in the area ``reference``.
        hint: The remedy, if one is known.
        cause: The mistake that it follows from, as :class:`~dagcast.errors.Diagnostic` has it.
    """

    message: str
    code: str
    hint: str | None = None
    cause: str | None = None


@dataclass(frozen=True)
class RequestProblem:
    """One thing that the service would refuse about a request body.

    Attributes:
        path: The field, below the body. For a missing member, the path ends in that member.
        message: The problem and what was expected, in one sentence that names the field.
        code: The diagnostic code: one in the area ``request``, ``reference.wrong-type``, or ``reference.needs-text``
            (a reference that a string has to contain).
        hint: The remedy, if one is known.
        parameter: The parameter whose default or allowed value is the problem, if it is one of those.
    """

    path: FieldPath
    message: str
    code: str
    hint: str | None = None
    parameter: str | None = None


@dataclass
class ProblemCollector:
    """Collects the problems of one body.

    Attributes:
        prefix: The path of the body, which messages put before the paths of its fields.
        parameter_types: The type of each declared parameter.
        reference_type: Returns the kind of shape of any other reference, or ``None`` if it is unknown.
        problems: The problems so far.
        parameter_values: The default and the allowed values of each declared parameter.
    """

    prefix: FieldPath
    parameter_types: Mapping[str, str]
    reference_type: Callable[[Reference], str | None]
    problems: list[RequestProblem] = field(default_factory=list)
    parameter_values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def check_parameter(
        self,
        reference: ParameterRef,
        path: FieldPath,
        check: Callable[[Any, FieldPath, ProblemCollector], None],
    ) -> None:
        """Check a parameter that is the whole value of a field: its default and each of its allowed values.

        The first problem is recorded, as one of the parameter.
        """
        if self.problems and self.problems[-1].path == path:
            return  # The type differs, which is recorded already.
        for value in self.parameter_values.get(reference.name, ()):
            trial = ProblemCollector(self.prefix, {}, lambda _: None)
            check(value, path, trial)
            if trial.problems:
                self.problems.append(replace(trial.problems[0], parameter=reference.name))
                return

    def report(self, path: FieldPath, message: str, code: str, hint: str | None = None) -> None:
        """Record a problem; ``{}`` in the message is replaced by the field's path."""
        where = format_path(self.prefix + path) or "the request"
        self.problems.append(RequestProblem(path, message.replace("{}", where, 1), code, hint))

    def report_mismatch(self, value: object, path: FieldPath, kind: str) -> None:
        """Record the problem of a value of another kind than ``kind``; for a reference, only if its type differs."""
        if isinstance(value, Reference):
            mismatch = find_type_mismatch(value, kind, self.parameter_types, self.reference_type)
            if mismatch is not None:
                message = f"{{}} must be {KIND_NOUNS[kind]}, but {mismatch.found}"
                self.report(path, message, mismatch.code, mismatch.hint)
        elif value is None:
            self.report(path, "{} has no value", "request.null", "leave it out, or give it a value")
        else:
            hint = _hint_conversion(value, kind)
            self.report(
                path,
                f"{{}} must be {KIND_NOUNS[kind]}, not {describe_value(value)}",
                "request.wrong-type",
                hint,
            )


def describe_value(value: object) -> str:
    """Return the kind of a value for a message and, for a single value, the value itself, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {short_repr(value)}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"a {type(value).__name__}"


def short_repr(text: str) -> str:
    """Return the ``repr`` of a string, cut if it is too long for a message."""
    return repr(text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 3] + "...")


def _hint_conversion(value: object, kind: str) -> str | None:
    """Return how to write ``value`` as that kind, if only quotes or brackets are wrong."""
    if kind == "string":
        if isinstance(value, bool):
            return f"""write "{describe_value(value)}" in quotes"""
        if isinstance(value, (int, float)):
            return f"""write "{value}" in quotes"""
    if kind == "list" and isinstance(value, (str, int, float)):
        return "write it as an item of a list"
    if kind in ("integer", "long") and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if isinstance(value, str):
        text = value.strip()
        if kind == "boolean" and text.lower() in ("true", "false"):
            return f"write {text.lower()} without quotes"
        if kind in ("integer", "long") and text.lstrip("+-").isdecimal():
            return f"write {int(text)} without quotes"
        if kind in ("float", "double") and _is_number(text):
            return f"write {text} without quotes"
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
