"""Add metadata to the pipeline itself: tags, description, version."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dagcast.plugin import PipelineSpec
from mods_plugin.metadata import AUTHOR, COMMIT_ID, DESCRIPTION, NAME, PACKAGE_NAME, VERSION
from mods_plugin.metadata_sources import DEFAULT, TEMPLATE_CLASS

TAGS = {
    AUTHOR: "mods:author",
    VERSION: "mods:version",
    NAME: "mods:template",
    PACKAGE_NAME: "mods:package",
    COMMIT_ID: "mods:commit",
}
"""The tag key of each field."""

_MARKS = frozenset("_.:/=+-@")


def add_labels(
    spec: PipelineSpec, metadata: Mapping[str, Any], sources: Mapping[str, str], tags: bool
) -> PipelineSpec:
    """Add metadata to a pipeline as tags, description and version; existing ones do not change.

    Args:
        spec: The pipeline.
        metadata: The value of each field; defaults are not added.
        sources: The source of each field.
        tags: Whether to add tags.
    """
    known = {
        field: str(value)
        for field, value in metadata.items()
        if value is not None and sources.get(field) not in (DEFAULT, TEMPLATE_CLASS, None)
    }
    own = {key for key, _ in spec.tags}
    added = [
        (key, tag_value(known[field]))
        for field, key in TAGS.items()
        if tags and field in known and key not in own
    ]
    return replace(
        spec,
        tags=(*spec.tags, *added),
        description=spec.description if spec.description is not None else known.get(DESCRIPTION),
        version=spec.version if spec.version is not None else known.get(VERSION),
    )


def tag_value(text: str) -> str:
    """Convert a text to the value of a tag: invalid characters become underscores.

    Source: ``TagValue`` in the SageMaker API reference: letters, blanks, digits and ``_.:/=+-@``.
    """
    return "".join(c if c in _MARKS or unicodedata.category(c)[0] in "LZN" else "_" for c in text)
