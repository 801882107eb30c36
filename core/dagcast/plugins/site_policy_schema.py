"""The JSON Schema of site policies, for editors that complete and check them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dagcast.compile.config.schema import DIALECT
from dagcast.plugins.site_policy_models import SiteConfig, SitePluginsConfig


def site_policy_schema(options: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Return the schema of a site policy.

    Args:
        options: By plugin: the model of its options. A policy may set some of them, and leave the others to configs.

    Example:
        >>> site_policy_schema({})["properties"]["plugins"]
        {'$ref': '#/$defs/SitePluginsConfig'}
    """
    models: list[type[BaseModel]] = [SiteConfig, SitePluginsConfig, *options.values()]
    references, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    definitions = schema["$defs"]
    bodies = {
        model: definitions[references[model, "validation"]["$ref"].rpartition("/")[2]] for model in models
    }
    for model in options.values():
        bodies[model].pop("required", None)
    section = bodies[SitePluginsConfig]["properties"]
    for name in ("options", "fixed"):
        section[name]["properties"] = {
            plugin: references[model, "validation"] for plugin, model in options.items()
        }
    return {
        "$schema": DIALECT,
        "title": "dagcast site policy",
        "type": "object",
        "properties": {"plugins": references[SitePluginsConfig, "validation"]},
        "additionalProperties": False,
        "$defs": {name: body for name, body in definitions.items() if body is not bodies[SiteConfig]},
    }
