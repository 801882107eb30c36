"""Paths into the config, read from the locations of pydantic's errors.

A location mixes keys of the data with words of pydantic's own: the name of a union's member, such as ``str``,
``ExperimentConfig`` or ``function-wrap[...]``, and ``[key]`` for a mistake in a key. A user may write each of these as
a key. So a location is never searched for such words: it is followed through the schema that pydantic validated with,
which tells at each part whether it is a key or a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from dagcast.paths import FieldPath

_Schema = Mapping[str, Any]
_Location = tuple[str | int, ...]


class ConfigPath(NamedTuple):
    """Where in the data a validation error is.

    Attributes:
        path: Keys and indexes below the validated data.
        owner: The model whose field the last part is, or would be; ``None`` if that is a key of a mapping or list.
        in_key: Whether the mistake is in the key itself, not in its value.
    """

    path: FieldPath
    owner: type[BaseModel] | None
    in_key: bool = False


def resolve_location(model: type[BaseModel], location: _Location, value: object) -> ConfigPath:
    """Return the path that a location of a pydantic error leads to.

    Args:
        model: The model that was validated. Its validator is built.
        location: ``loc`` of the error.
        value: ``input`` of the error: for a mistake in a key, the key.
    """
    schema: _Schema = model.__pydantic_core_schema__
    return next(_Walk(value).follow(schema, location, ConfigPath((), model)), ConfigPath(location, None))


class _Walk:
    """Follows one location. Yields every reading of it, the likeliest first."""

    def __init__(self, value: object) -> None:
        self._value = value
        self._definitions: dict[str, _Schema] = {}

    def follow(self, schema: _Schema, rest: _Location, here: ConfigPath) -> Iterator[ConfigPath]:
        if not rest:
            yield here
            return
        kind = schema["type"]
        if kind == "definitions":
            self._definitions.update({item["ref"]: item for item in schema["definitions"]})
            yield from self.follow(schema["schema"], rest, here)
        elif kind == "definition-ref":
            yield from self.follow(self._definitions[schema["schema_ref"]], rest, here)
        elif kind == "union":
            # A union adds the name of the member that an error is about.
            for choice in schema["choices"]:
                yield from self.follow(choice[0] if isinstance(choice, tuple) else choice, rest[1:], here)
        elif kind == "tagged-union":
            for choice in schema["choices"].values():
                yield from self.follow(choice, rest[1:], here)
        elif kind == "model":
            cls = schema["cls"]
            owner = cls if isinstance(cls, type) and issubclass(cls, BaseModel) else None
            yield from self.follow(schema["schema"], rest, here._replace(owner=owner))
        elif kind in ("model-fields", "typed-dict", "dataclass-args"):
            yield from self._follow_field(schema, rest, here)
        elif kind == "dict":
            yield from self._follow_key(schema, rest, here)
        elif kind in ("list", "set", "frozenset", "generator", "tuple"):
            yield from self._follow_index(schema, rest, here)
        elif isinstance(schema.get("schema"), dict):
            yield from self.follow(schema["schema"], rest, here)
        elif kind in ("lax-or-strict", "json-or-python"):
            for name in ("strict_schema", "lax_schema", "python_schema", "json_schema"):
                if name in schema:
                    yield from self.follow(schema[name], rest, here)
        elif kind == "chain":
            for step in schema["steps"]:
                yield from self.follow(step, rest, here)
        elif kind in ("any", "function-plain"):
            # What a validator does inside is its own matter; the location that it gives is taken as it is.
            yield ConfigPath(here.path + rest, None)

    def _follow_field(self, schema: _Schema, rest: _Location, here: ConfigPath) -> Iterator[ConfigPath]:
        fields = schema["fields"]
        items = fields.items() if isinstance(fields, dict) else ((item["name"], item) for item in fields)
        for name, field in items:
            for spelling in _spellings(name, field):
                if rest[: len(spelling)] == spelling:
                    below = here._replace(path=here.path + spelling)
                    tail = rest[len(spelling) :]
                    yield from (self.follow(field["schema"], tail, below) if tail else iter((below,)))
        below = here._replace(path=(*here.path, rest[0]))
        extras = schema.get("extras_schema")
        if len(rest) == 1:
            yield below
        elif extras is not None:
            yield from self.follow(extras, rest[1:], below._replace(owner=None))

    def _follow_key(self, schema: _Schema, rest: _Location, here: ConfigPath) -> Iterator[ConfigPath]:
        below = ConfigPath((*here.path, rest[0]), None)
        if rest[1:2] == ("[key]",) and self._value == rest[0]:
            yield below._replace(in_key=True)
        values = schema.get("values_schema")
        if len(rest) == 1 or values is not None:
            yield from (self.follow(values, rest[1:], below) if rest[1:] and values else iter((below,)))

    def _follow_index(self, schema: _Schema, rest: _Location, here: ConfigPath) -> Iterator[ConfigPath]:
        if not isinstance(rest[0], int):
            return
        below = ConfigPath((*here.path, rest[0]), None)
        items = schema.get("items_schema")
        choices = items if isinstance(items, list) else [items] if items is not None else []
        if len(rest) == 1:
            yield below
        for item in choices:
            if rest[1:]:
                yield from self.follow(item, rest[1:], below)


def _spellings(name: str, field: _Schema) -> list[_Location]:
    """The ways to write a field: its name and its aliases, each as a path."""
    alias = field.get("validation_alias")
    if isinstance(alias, str):
        return [(alias,), (name,)]
    if isinstance(alias, list):
        paths = [tuple(item) if isinstance(item, list) else (item,) for item in alias]
        return [*paths, (name,)]
    return [(name,)]
