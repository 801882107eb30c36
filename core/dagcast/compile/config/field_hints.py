"""Suggest the config field that an unknown key seems to mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from pydantic import BaseModel

from dagcast.compile.config.environments import SECTIONS
from dagcast.compile.config.step import StepConfig, To
from dagcast.errors import did_you_mean, nearest

_MEMBER = re.compile(r"[A-Z]+[a-z0-9]+[A-Z]\w*")
"""Matches names as members of requests have them, such as ``EnableManagedSpotTraining``."""


def hint_field(name: str, known: Collection[str], models: Iterable[type[BaseModel]] = ()) -> str | None:
    """Return the remedy for a key that no field has: a field, a section, or ``request``.

    Args:
        name: The key.
        known: The names of the fields.
        models: The models of the steps whose field it could be; empty for other parts of the config.

    Example:
        >>> hint_field("spot", ["use_spot_instances", "subnets"])
        "did you mean 'use_spot_instances'?"
    """
    steps = [model for model in models if issubclass(model, StepConfig)]
    if steps and name in SECTIONS and name not in known:
        return f"{name} is a section of the config, next to steps"
    fields = _fields_of_member(name, steps)
    if fields:
        return f"write {' or '.join(fields)}"
    # A type, where none can be written, means no other field.
    if name != "type" and nearest(name, known) is None:
        words = set(name.casefold().replace("-", "_").split("_"))
        named = [field for field in known if words <= set(field.split("_"))]
        if len(named) == 1:
            return f"did you mean {named[0]!r}?"
        if steps and _MEMBER.fullmatch(name):
            return "members of the request are given under request"
    return did_you_mean(name, known)


def _fields_of_member(name: str, models: Iterable[type[StepConfig]]) -> list[str]:
    """Return the fields that become a member of a request, or the members of a mapping in it."""
    exact: dict[str, None] = {}
    below: dict[str, None] = {}
    for model in models:
        for field, info in model.model_fields.items():
            for to in info.metadata:
                if isinstance(to, To) and to.path[-1] == name:
                    exact[field] = None
                elif isinstance(to, To) and name in to.path:
                    below[field] = None
    return list(exact or below)
