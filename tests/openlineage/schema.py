"""OpenLineage's schema, as the client's own classes state it.

The client is generated from OpenLineage's JSON Schema and ships no copy of it; its classes hold the members, their
types, which are required, and the URL of the schema of each. From them the JSON Schema is made again, stricter in
that it knows no further members.
"""

from __future__ import annotations

import types
from datetime import datetime
from enum import Enum
from functools import cache
from inspect import isclass
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

import attr
from jsonschema import Draft202012Validator, FormatChecker
from openlineage.client import event_v2, facet_v2

FORMATS = {"eventTime": "date-time", "runId": "uuid", "producer": "uri", "_producer": "uri"}
ALWAYS = ("eventTime", "producer", "schemaURL", "_producer", "_schemaURL")
"""Members with defaults in the classes that OpenLineage requires all the same."""


def problems(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event, as a receiver gets it."""
    schema = _schema(event_v2.RunEvent if "run" in event else event_v2.JobEvent)
    found = [f"{error.json_path}: {error.message}" for error in _validator(schema).iter_errors(event)]
    for owner in (event.get("run", {}), event["job"], *event["inputs"], *event["outputs"]):
        for key in ("facets", "inputFacets", "outputFacets"):
            for name, facet in owner.get(key, {}).items():
                schema = _schema(_facets()[facet["_schemaURL"]])
                found += [f"{name}: {error.message}" for error in _validator(schema).iter_errors(facet)]
    return found


CHECKER = FormatChecker(["uuid"])


@CHECKER.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return datetime.fromisoformat(str(value)).tzinfo is not None


@CHECKER.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    parts = urlsplit(str(value))
    return bool(parts.scheme and (parts.netloc or parts.path))


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, format_checker=CHECKER)


@cache
def _facets() -> dict[str, type]:
    """Every facet that the client knows, by the URL of its schema."""
    modules = [item for name, item in vars(facet_v2).items() if isinstance(item, types.ModuleType)]
    classes = [item for module in modules for item in vars(module).values() if isclass(item)]
    return {item._get_schema(): item for item in classes if issubclass(item, facet_v2.BaseFacet)}


@cache
def _schema(cls: type) -> dict[str, Any]:
    attr.resolve_types(cls)
    fields = {field.name: field for field in attr.fields(cls)}
    properties = {name: _type(field.type) for name, field in fields.items()}
    for name in properties.keys() & FORMATS.keys():
        properties[name]["format"] = FORMATS[name]
    for name in properties.keys() & {"schemaURL", "_schemaURL"}:
        properties[name] = {"const": cls._get_schema()}
    required = [name for name, field in fields.items() if field.default is attr.NOTHING or name in ALWAYS]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _type(annotation: Any) -> dict[str, Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_type(item) for item in arguments if item is not type(None)]}
    if origin is list:
        return {"type": "array", "items": _type(arguments[0])}
    if origin is dict:
        # Facets are looked up by the URLs that they name, and checked one by one.
        return {"type": "object", "additionalProperties": {"type": "object"}}
    if origin is Literal:
        return {"enum": list(arguments)}
    if issubclass(annotation, Enum):
        return {"enum": [item.value for item in annotation]}
    if attr.has(annotation):
        return dict(_schema(annotation))
    return {"type": {str: "string", bool: "boolean", int: "integer", float: "number"}[annotation]}
