"""Metadata on the pipeline itself: tags, description, version."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dagcast.plugin import PipelineSpec
from mods_plugin.metadata import AUTHOR, COMMIT_ID, DESCRIPTION, NAME, PACKAGE_NAME, VERSION
from mods_plugin.sources import DEFAULT, TEMPLATE_CLASS

TAGS = {
    AUTHOR: "mods:author",
    VERSION: "mods:version",
    NAME: "mods:template",
    PACKAGE_NAME: "mods:package",
    COMMIT_ID: "mods:commit",
}
"""The key of the tag of each field."""

_MARKS = frozenset("_.:/=+-@")


def label(
    spec: PipelineSpec, metadata: Mapping[str, Any], sources: Mapping[str, str], tags: bool
) -> PipelineSpec:
    """The pipeline with the metadata that it does not say itself.

    Args:
        spec: The pipeline.
        metadata: By field; a value that is only a default says nothing.
        sources: By field: where the value is from.
        tags: Whether to add tags; one that the pipeline has stays as it is.
    """
    said = {
        field: str(value)
        for field, value in metadata.items()
        if value is not None and sources.get(field) not in (DEFAULT, TEMPLATE_CLASS, None)
    }
    own = {key for key, _ in spec.tags}
    added = [
        (key, tag_value(said[field]))
        for field, key in TAGS.items()
        if tags and field in said and key not in own
    ]
    return replace(
        spec,
        tags=(*spec.tags, *added),
        description=spec.description if spec.description is not None else said.get(DESCRIPTION),
        version=spec.version if spec.version is not None else said.get(VERSION),
    )


def tag_value(text: str) -> str:
    """A text as the value of a tag: what the service refuses in one becomes an underscore.

    Source: ``TagValue`` in the SageMaker API reference: letters, blanks, digits and ``_.:/=+-@``.
    """
    return "".join(c if c in _MARKS or unicodedata.category(c)[0] in "LZN" else "_" for c in text)
