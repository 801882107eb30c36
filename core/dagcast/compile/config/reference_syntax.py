"""Parses and writes references in config strings, such as ``${param.Name}``.

A string that is one reference becomes that reference and keeps its type; one that mixes text and references
becomes a :class:`~dagcast.definition.references.Join`. ``$${`` stands for a literal ``${``: before a ``{`` two dollar
signs are one, so that ``$$${param.X}`` is a dollar sign and a reference. Nothing is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dagcast.definition.references import (
    EXECUTION_VARIABLES,
    ExecutionVariable,
    Join,
    JsonGet,
    ParameterRef,
    Reference,
    StepProperty,
)
from dagcast.errors import did_you_mean, nearest
from dagcast.lazy_pattern import lazy_pattern

_DOLLARS = lazy_pattern(r"\$+(?=\{)")
_BODY = lazy_pattern(r"\{([^{}]*)\}")
_NESTED = lazy_pattern(r"\{[^{}]*\$\{(?P<inner>[^{}]*)\}[^{}]*\}")
_JSON_PATH = lazy_pattern(
    r"""(?:(?:^|(?<!^)\.)[^.\[\]'"{}]+ | \.?\[-?\d+\] | \.?\['[^'\[\]]+'\] | \.?\["[^"\[\]]+"\])+""",
    re.VERBOSE,
)
"""A path into a property file: names with dots between them, positions in lists, and keys in quotes."""
_KINDS = ("param", "exec", "step", "json")


class ReferenceSyntaxError(ValueError):
    """A ``${...}`` is not a valid reference.

    Attributes:
        hint: What to write instead, if that can be said.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse_string(text: str) -> str | Reference:
    """Return ``text`` without its escapes, its single reference, or a join of its literals and references.

    Raises:
        ReferenceSyntaxError: If a ``${`` does not start a reference that can be read.
    """
    if "${" not in text:
        return text
    parts: list[str | Reference] = []
    literal = ""
    position = 0
    for dollars in _DOLLARS.finditer(text):
        pairs, single = divmod(len(dollars[0]), 2)
        literal += text[position : dollars.start()] + "$" * pairs
        position = dollars.end()
        if not single:
            continue
        body = _BODY.match(text, position)
        if body is None:
            raise _unclosed(text, position)
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(_reference(body[1].strip()))
        position = body.end()
    literal += text[position:]
    if literal:
        parts.append(literal)
    if len(parts) == 1:
        return parts[0]
    return Join("", tuple(parts))


def _unclosed(text: str, position: int) -> ReferenceSyntaxError:
    nested = _NESTED.match(text, position)
    if nested is not None:
        message = f"${{{nested['inner']}}} is nested in another reference, ${nested[0]}"
        hint = (
            f"a path is fixed when the pipeline is compiled: write the key instead of ${{{nested['inner']}}}"
        )
        return ReferenceSyntaxError(message, hint)
    return ReferenceSyntaxError(f"'${{' without its '}}' in {text!r}", "write $${ for a literal ${")


def is_reference(text: str) -> bool:
    """Return whether ``text`` is or contains a reference."""
    try:
        return isinstance(parse_string(text), Reference)
    except ReferenceSyntaxError:
        return False


def format_references(value: str | Reference) -> str:
    """Return the config string that :func:`parse_string` reads as ``value``."""
    text = ""
    # A literal is escaped together with what follows it: it may end in the "$" of a "${".
    literal = ""
    for part in _parts(value):
        if isinstance(part, str):
            literal += part
        else:
            text += _escape(literal + "{")[:-1] + str(part)
            literal = ""
    return text + _escape(literal)


def _parts(value: str | Reference) -> Iterator[str | Reference]:
    """Yield the literals and references of a value in order, including those of nested joins."""
    if not isinstance(value, Join):
        yield value
        return
    for index, part in enumerate(value.values):
        if index:
            yield value.on
        yield from _parts(part)


def _escape(literal: str) -> str:
    return _DOLLARS.sub(lambda dollars: dollars[0] * 2, literal)


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
            if not _JSON_PATH.fullmatch(path):
                raise _invalid_json_path(step, property_file, path)
            return JsonGet(step, property_file, path)
    raise ReferenceSyntaxError(f"'${{{text}}}' is not a reference", _form(kind))


def _invalid_json_path(step: str, property_file: str, path: str) -> ReferenceSyntaxError:
    """Return the error of an invalid path into a property file, with a corrected path if there is one."""
    message = (
        f"{path!r} is not a path into a property file: expected names with dots between them, [0] or ['key']"
    )
    mended = re.sub(r"\[\s*(\d+)\s*\]", r"[\1]", path)
    mended = re.sub(r"\[\s*([^\s\[\]'\"\d*-][^\[\]'\"]*?)\s*\]", r"['\1']", mended)
    mended = re.sub(r"\.\.+", ".", mended).strip(". ")
    right = _JSON_PATH.fullmatch(mended) is not None
    return ReferenceSyntaxError(
        message, f"write ${{json.{step}.{property_file}.{mended}}}" if right else _form("json")
    )


def _form(kind: str) -> str:
    forms = {
        "param": "write ${param.Name}",
        "exec": "write ${exec.PipelineExecutionId}",
        "step": "write ${step.<step>.<property path>}",
        "json": "write ${json.<step>.<property file>.<path>}",
    }
    if kind in forms:
        return forms[kind]
    close = nearest(kind, _KINDS)
    meant = f"did you mean {close!r}?" if close is not None else "write $${ for a literal ${"
    return f"references start with param, exec, step or json; {meant}"
