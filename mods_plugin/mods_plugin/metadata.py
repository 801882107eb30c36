"""The metadata of a template for MODS: its fields and their valid values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from packaging.version import InvalidVersion, Version

from dagcast.plugin import DESCRIPTION_MAX_LENGTH, TAG_VALUE_MAX_LENGTH

AUTHOR = "author"
VERSION = "version"
DESCRIPTION = "description"
MODULE = "module"
NAME = "name"
PACKAGE_NAME = "package_name"
COMMIT_ID = "commit_id"

FIELDS = (AUTHOR, VERSION, DESCRIPTION, MODULE, NAME, PACKAGE_NAME, COMMIT_ID)
"""The fields, in the order of output."""

LIMITS: Mapping[str, int] = MappingProxyType(
    {name: DESCRIPTION_MAX_LENGTH if name == DESCRIPTION else TAG_VALUE_MAX_LENGTH for name in FIELDS}
)
"""The maximum number of characters of each field: the description becomes the pipeline's, other fields become tags."""

CONTROL = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories that are invalid: control characters, surrogates, line and paragraph separators.

Source: the pattern ``.*`` of ``PipelineDescription`` and the pattern of ``TagValue``, which exclude them."""

_SEMANTIC_VERSION = re.compile(
    r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}"
    r"(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*)?"
    r"(?:\+[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?",
    re.ASCII,
)
"""Source: the grammar of Semantic Versioning 2.0.0."""


def is_version(text: str) -> bool:
    """Return whether a text is a version by PEP 440 or by Semantic Versioning 2.0.0."""
    if _SEMANTIC_VERSION.fullmatch(text):
        return True
    try:
        Version(text)
    except InvalidVersion:
        return False
    # packaging ignores surrounding blanks, which the service would keep.
    return text == text.strip() and text.isascii()


def find_problem(field: str, value: object) -> str | None:
    """Return what is invalid in a value, as words that follow the field's name; ``None`` if it is valid."""
    if not isinstance(value, str):
        return f"is {value!r}, expected a string"
    if not value.strip():
        return "is empty"
    refused = next((character for character in value if unicodedata.category(character) in CONTROL), None)
    if refused is not None:
        return f"contains control character U+{ord(refused):04X}"
    if len(value) > LIMITS[field]:
        return f"has {len(value)} characters, the service allows {LIMITS[field]}"
    if field == VERSION and not is_version(value):
        return f"is {value!r}, expected a version by PEP 440 or Semantic Versioning, such as 1.4.0"
    if field == MODULE and not all(part.isidentifier() for part in value.split(".")):
        return f"is {value!r}, expected the name of a Python module, such as team.pipelines.churn"
    if field == NAME and not value.isidentifier():
        return f"is {value!r}, expected the name of a Python class, such as ChurnTemplate"
    return None
