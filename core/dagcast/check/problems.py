"""What a check of a request body finds, and how places and values are named in its messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dagcast.check.references import misfit
from dagcast.definition.references import Reference
from dagcast.paths import FieldPath, format_path

_LONGEST_SHOWN: Final = 60

NOUNS: Final = {
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
"""By kind of shape: what to write there."""


@dataclass(frozen=True)
class RequestProblem:
    """One thing that the service would refuse about a request body.

    Attributes:
        path: Where, below the body. For a member that is missing it ends in that member.
        message: What is wrong and what was expected, in one sentence that names the place.
        code: The id of the kind of problem: one in the area ``request``, ``reference.wrong-type``, or
            ``reference.needs-text`` (a reference that fits once it is joined into a string).
        hint: What to write instead, if that can be said.
    """

    path: FieldPath
    message: str
    code: str
    hint: str | None = None


@dataclass
class Findings:
    """The problems of one body, and what is known about the references in it."""

    prefix: FieldPath
    parameter_types: Mapping[str, str]
    reference_type: Callable[[Reference], str | None]
    problems: list[RequestProblem] = field(default_factory=list)

    def report(self, path: FieldPath, message: str, code: str, hint: str | None = None) -> None:
        """Record a problem; ``{}`` in the message stands for the place."""
        where = format_path(self.prefix + path) or "the request"
        self.problems.append(RequestProblem(path, message.replace("{}", where, 1), code, hint))

    def mismatch(self, value: object, path: FieldPath, kind: str) -> None:
        """Record what is wrong, if anything is, with a value that is not of that kind itself."""
        if isinstance(value, Reference):
            found = misfit(value, kind, self.parameter_types, self.reference_type)
            if found is not None:
                self.report(path, f"{{}} must be {NOUNS[kind]}, but {found.what}", found.code, found.hint)
        elif value is None:
            self.report(path, "{} has no value", "request.null", "leave it out, or give it a value")
        else:
            hint = _conversion(value, kind)
            self.report(
                path, f"{{}} must be {NOUNS[kind]}, not {describe(value)}", "request.wrong-type", hint
            )


def describe(value: object) -> str:
    """A value for a message: its kind and, if it is a single value, itself, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {shorten(value)}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"a {type(value).__name__}"


def shorten(text: str) -> str:
    """A string in quotes, cut where it is too long for a message."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "...")


def _conversion(value: object, kind: str) -> str | None:
    """How to write ``value`` so that it has the kind, where that is only a matter of quotes or brackets."""
    if kind == "string":
        if isinstance(value, bool):
            return f"""write "{describe(value)}" in quotes"""
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
