"""The ids of the diagnostics of ``mods-plugin``; see :mod:`dagcast.diagnostic_codes` for their form."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mods.decorator": "The decorator of a step cannot be imported or used.",
        "mods.different-content": "A version is registered already, with other content.",
        "mods.metadata": "Template metadata is missing or invalid.",
        "mods.missing-config": "A step cannot run with an empty step config in an execution document.",
        "mods.missing-field": "A required field of an execution document is missing.",
        "mods.missing-step": "An execution document has no entry for a step of the pipeline.",
        "mods.provider": "A metadata provider is unknown or fails.",
        "mods.registry": "The registry cannot do what it was asked to do.",
        "mods.step-type": "An execution document gives a step another type than the pipeline does.",
        "mods.unknown-environment": "The MODS environment is not one that the config declares.",
        "mods.unknown-step": "An option or execution document names a step that the pipeline does not have.",
        "mods.unresolved-reference": "A value of an execution document cannot be a reference.",
        "mods.wrong-type": "A part of a document has the wrong type.",
    }
)
"""The meaning of each id, in one sentence."""
