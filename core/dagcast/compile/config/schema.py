"""The JSON Schema of the config file, for editors that complete and check it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dagcast.compile.config.config import StepTypes
from dagcast.compile.config.models import BasePipelineConfig, ParameterConfig, PluginsConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_EDGE = {
    "anyOf": [
        {"type": "string", "pattern": r"^\s*[^\s.>=]+(\.[^\s>=]+)?\s*(->|=>)\s*[^\s.>=]+(\.[^\s>=]+)?\s*$"},
        {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
    ],
    "examples": ["preprocess -> train", "preprocess.train -> train.train", "warm_up => train"],
}


def config_schema(
    catalog: StepTypes, options: Mapping[str, type[BaseModel]] = MappingProxyType({})
) -> dict[str, Any]:
    """The schema of a whole config.

    Args:
        catalog: The step types.
        options: By plugin: the model of its options.
    """
    step_models = {name: catalog[name].config for name in catalog.names}
    models: list[type[BaseModel]] = [
        BasePipelineConfig,
        ParameterConfig,
        PluginsConfig,
        *step_models.values(),
        *options.values(),
    ]
    references, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    definitions = schema["$defs"]
    # Fields that one step type requires may come from defaults, so only the type itself is required.
    fields: dict[str, list[Any]] = {}
    for model in step_models.values():
        body = _body(definitions, references[model, "validation"])
        body["required"] = ["type"]
        for field, field_schema in body["properties"].items():
            body["properties"][field] = _nullable(field, field_schema)
            if field != "type" and field_schema not in fields.setdefault(field, []):
                fields[field].append(field_schema)
    definitions["Step"] = _step(step_models, references)
    definitions["Defaults"] = _defaults(step_models, fields, references)
    definitions["Edge"] = _EDGE
    sections = {
        "pipeline": references[BasePipelineConfig, "validation"],
        "parameters": {"type": "object", "additionalProperties": _parameter(references)},
        "defaults": {"$ref": "#/$defs/Defaults"},
        "steps": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Step"}},
        "edges": {"type": "array", "items": {"$ref": "#/$defs/Edge"}},
        "plugins": references[PluginsConfig, "validation"],
        "ignore_rules": {
            "description": "Rules of the service to ignore: a list of ids, or ids with the reason for each",
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
            ],
        },
    }
    section = _body(definitions, sections["plugins"])["properties"]["options"]
    section["properties"] = {name: references[model, "validation"] for name, model in options.items()}
    pipeline = _body(definitions, sections["pipeline"])
    _add_aliases(pipeline)
    overlay = {name: {"type": ["array", "object"]} for name in sections}
    environment = {"type": "object", "properties": overlay, "additionalProperties": False}
    return {
        "$schema": DIALECT,
        "title": "dagcast config",
        "type": "object",
        "properties": {**sections, "environments": {"type": "object", "additionalProperties": environment}},
        "required": ["pipeline"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _body(definitions: dict[str, Any], reference: Any) -> dict[str, Any]:
    body: dict[str, Any] = definitions[reference["$ref"].rpartition("/")[2]]
    return body


def _step(models: dict[str, Any], references: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"enum": list(models)}},
        "required": ["type"],
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": references[model, "validation"],
            }
            for name, model in models.items()
        ],
    }


def _defaults(models: dict[str, Any], fields: dict[str, list[Any]], references: Any) -> dict[str, Any]:
    own = {name: {"type": "object", "description": f"Defaults of {name} steps only"} for name in models}
    common = {name: found[0] if len(found) == 1 else {"anyOf": found} for name, found in fields.items()}
    return {"type": "object", "properties": {**common, **own}, "additionalProperties": False}


def _parameter(references: Any) -> dict[str, Any]:
    plain = {"type": ["string", "number", "boolean"]}
    return {"anyOf": [plain, references[ParameterConfig, "validation"], {"type": "object"}]}


def _nullable(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """``null`` unsets a field that would be inherited."""
    if name == "type" or {"type": "null"} in schema.get("anyOf", ()):
        return schema
    kept = {key: value for key, value in schema.items() if key in ("default", "description", "title")}
    inner = {key: value for key, value in schema.items() if key not in kept}
    return {"anyOf": [inner, {"type": "null"}], **kept}


def _add_aliases(pipeline: dict[str, Any]) -> None:
    """The other spellings of the base config: ``pipeline_name`` for ``name``, and so on."""
    properties = pipeline["properties"]
    for name in ("name", "version", "description"):
        properties[f"pipeline_{name}"] = properties[name]
    pipeline.pop("required", None)
    pipeline["anyOf"] = [{"required": ["name"]}, {"required": ["pipeline_name"]}]
