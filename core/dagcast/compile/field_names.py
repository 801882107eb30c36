"""Spell messages about requests with the names of config fields, which are what the user writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from dagcast.compile.config.step import To
from dagcast.compile.spec.pipeline import Origin, StepSpec
from dagcast.definition.conditions import TYPES_BY_SIGN
from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import FieldPath, format_path, is_within

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\$\{[^}]*\}"""
_MEMBER = lazy_pattern(
    rf"(?P<kept>{_QUOTED})|(?<![\w./:$-])(?P<member>[A-Z][A-Za-z0-9]*(?:\[\d+\]|\.[A-Z][A-Za-z0-9]*)*)(?![\w/:$])"
)
"""Matches quoted values, which stay as they are, and what may be a member of a request, with its path."""
_PART = lazy_pattern(r"[A-Za-z0-9]+")
_MOST_FIELDS = 2
"""A member of a request that more config fields fill has no name in the config."""
_FREE_MAPPINGS = frozenset({"environment", "hyperparameters"})
"""Fields with keys of the user's, which the request has, too."""
_PORT_FIELDS: Mapping[FieldPath, str] = {
    ("S3Input", "S3Uri"): "source",
    ("S3Input", "LocalPath"): "path",
    ("S3Output", "S3Uri"): "destination",
    ("S3Output", "LocalPath"): "path",
    ("DataSource", "S3DataSource", "S3Uri"): "source",
}
"""Fields of a declared input or output, by the member below it in the request."""
_SIGNS: Mapping[str, str] = {kind: sign for sign, kind in TYPES_BY_SIGN.items()}


class FieldNames:
    """The config fields of one step, by the member of the request that each fills.

    Args:
        step: The step.
        fields: The fields of its type that are mapped to a member.
    """

    def __init__(self, step: StepSpec, fields: Iterable[tuple[str, To]]) -> None:
        self._is_condition = step.is_condition
        self._fields = {to.path: name for name, to in fields}
        self._names = dict(self._fields)
        for path, origin in step.origins.items():
            if path[:1] == ("Arguments",) and (name := field_of(origin)):
                self._names[path[1:]] = name
        self._overridden = {
            path[1:]
            for path, origin in step.origins.items()
            if not field_of(origin) and origin.kind != "default"
        }

    def spell(self, text: str, path: FieldPath) -> tuple[str, tuple[FieldPath, ...]]:
        """Replace members of the request in a text by config fields.

        Args:
            text: A message or hint.
            path: The path below ``Arguments`` of the value that it is about.

        Returns:
            The text, and the paths of the replaced members in their order.
        """
        found: list[FieldPath] = []

        def replace(match: re.Match[str]) -> str:
            member = match["member"]
            if member is None:
                return match[0]
            if self._is_condition and member in _SIGNS:
                return repr(_SIGNS[member])
            parts = _parts(member)
            for scope in _scopes(path):
                target = (*scope, *parts)
                name = self._name_of(target) or (None if scope else self._name_of_item(target))
                name = name or self._name_of_port_field(target)
                if name is not None and target not in self._overridden:
                    found.append(target)
                    return name
            return match[0]

        return _MEMBER.sub(replace, text), tuple(found)

    def members(self, text: str, path: FieldPath) -> Iterator[FieldPath]:
        """Yield where the members of the request that a text names may be, the closest mapping first.

        Args:
            text: A message.
            path: The path below ``Arguments`` of the value that it is about.
        """
        for match in _MEMBER.finditer(text):
            if match["member"] is not None:
                yield from ((*scope, *_parts(match["member"])) for scope in _scopes(path))

    def _name_of(self, target: FieldPath) -> str | None:
        """Return the field that fills a member, or the fields that fill the members of a mapping, if they are few."""
        own = self._names.get(target)
        if own is not None:
            return own
        below = [name for path, name in self._fields.items() if path[: len(target)] == target]
        return " and ".join(below) if 0 < len(below) <= _MOST_FIELDS else None

    def _name_of_port_field(self, target: FieldPath) -> str | None:
        """Return the name of a field of a declared input or output."""
        for length in range(len(target) - 1, 0, -1):
            port = self._names.get(target[:length])
            if port is not None and port.startswith(("inputs", "outputs")):
                field = _PORT_FIELDS.get(target[length:])
                return None if field is None else f"{port}.{field}"
        return None

    def _name_of_item(self, target: FieldPath) -> str | None:
        """Return the name of an item of a list, or of a key of the user's."""
        parent = self._names.get(target[:-1])
        if parent is not None and (isinstance(target[-1], int) or parent in _FREE_MAPPINGS):
            return format_path((parent, target[-1]))
        return None


def find_members(step: StepSpec, fields: Iterable[tuple[str, To]], path: FieldPath) -> tuple[FieldPath, ...]:
    """Return the paths in the definition of a step that a field of its config fills.

    Args:
        step: The step.
        fields: The fields of its type that are mapped to a member.
        path: The path of the field in the config of the step, such as ``("environment", "LOG_LEVEL")``.
    """
    mapped = [("Arguments", *to.path) for name, to in fields if path == (name,)]
    given = [
        place
        for place, origin in step.origins.items()
        if origin.kind == "config"
        and origin.path[:2] == ("steps", step.name)
        and is_within(origin.path[2:], path)
    ]
    around = []
    for length in range(len(path) - 1, 0, -1):
        whole = Origin("config", ("steps", step.name, *path[:length]))
        around += [(*place, *path[length:]) for place, origin in step.origins.items() if origin == whole]
    return (*mapped, *given, *around)


def field_of(origin: Origin) -> str | None:
    """Return the config field of a step that an origin names; ``None`` if the user wrote the request itself there."""
    path = origin.path
    if origin.kind != "config" or path[:1] != ("steps",) or len(path) < 3 or path[2] == "request":
        return None
    return format_path(path[2:])


def _parts(member: str) -> FieldPath:
    return tuple(int(part) if part.isdecimal() else part for part in _PART.findall(member))


def _scopes(path: FieldPath) -> Iterator[FieldPath]:
    """Yield where a member of a message about ``path`` may be: the closest mapping first."""
    for length in range(len(path), -1, -1):
        yield path[:length]
