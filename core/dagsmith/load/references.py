"""References in config strings: ``${param.Name}`` and its kin.

A string that is one reference becomes that reference and keeps its type; one that mixes text and references
becomes a :class:`~dagsmith.spec.values.Join`. ``$${`` stands for a literal ``${``. Nothing is evaluated.
"""

from __future__ import annotations

import re
from typing import Any

from dagsmith.errors import did_you_mean
from dagsmith.spec.values import ExecutionVariable, Join, JsonGet, ParameterRef, Reference, StepProperty

EXECUTION_VARIABLES = (
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "ProcessingJobName",
    "StartDateTime",
    "TrainingJobName",
)
"""The variables an execution has. Source: ``ExecutionVariables`` of the SageMaker Python SDK 2.257 and 3.27."""

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_KINDS = ("param", "exec", "step", "json")


class ReferenceSyntaxError(ValueError):
    """A ``${...}`` that is not a reference.

    Attributes:
        hint: What to write instead, if that can be said.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse_string(text: str) -> str | Reference:
    """``text`` itself, the one reference that it is, or a join of its parts.

    Raises:
        ReferenceSyntaxError: If a ``${`` does not start a reference that can be read.
    """
    if "${" not in text:
        return text
    parts: list[str | Reference] = []
    literal = ""
    position = 0
    for token in _TOKEN.finditer(text):
        literal += text[position : token.start()]
        position = token.end()
        if token[0] == "$${":
            literal += "${"
            continue
        if token[1] is None:
            raise ReferenceSyntaxError(f"'${{' without its '}}' in {text!r}", "write $${ for a literal ${")
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(_reference(token[1].strip()))
    literal += text[position:]
    if literal:
        parts.append(literal)
    if len(parts) == 1:
        return parts[0]
    return Join("", tuple(parts))


def parse_references(value: Any) -> Any:
    """``value`` with every string in it read by :func:`parse_string`; keys stay as they are."""
    if isinstance(value, str):
        return parse_string(value)
    if isinstance(value, dict):
        return {key: parse_references(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [parse_references(item) for item in value]
    return value


def spell(value: str | Reference) -> str:
    """The config string that :func:`parse_string` reads as ``value``."""
    if isinstance(value, Join):
        return value.on.replace("${", "$${").join(spell(part) for part in value.values)
    return str(value) if isinstance(value, Reference) else value.replace("${", "$${")


def _reference(text: str) -> Reference:
    kind, _, rest = text.partition(".")
    if kind == "param" and rest and "." not in rest:
        return ParameterRef(rest)
    if kind == "exec" and rest:
        if rest not in EXECUTION_VARIABLES:
            hint = did_you_mean(rest, EXECUTION_VARIABLES)
            raise ReferenceSyntaxError(f"an execution has no variable {rest!r}", hint)
        return ExecutionVariable(rest)
    if kind == "step":
        step, _, path = rest.partition(".")
        if step and path:
            return StepProperty(step, path)
    if kind == "json":
        step, _, tail = rest.partition(".")
        property_file, _, path = tail.partition(".")
        if step and property_file and path:
            return JsonGet(step, property_file, path)
    raise ReferenceSyntaxError(f"'${{{text}}}' is not a reference", _form(kind))


def _form(kind: str) -> str:
    forms = {
        "param": "write ${param.Name}",
        "exec": "write ${exec.PipelineExecutionId}",
        "step": "write ${step.<step>.<property path>}",
        "json": "write ${json.<step>.<property file>.<path>}",
    }
    if kind in forms:
        return forms[kind]
    close = did_you_mean(kind, _KINDS)
    return f"references start with param, exec, step or json; {close or 'write $${ for a literal ${'}"
