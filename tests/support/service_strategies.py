"""Request bodies that a service accepts, generated from botocore's own model of the service."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.loaders
import botocore.model
from hypothesis import strategies as st

from dagcast.check.patterns import translate_pattern

_PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
_OPTIONAL_MEMBERS = 4  # at most so many in one structure, to keep bodies small
_DEEPEST_OPTIONAL = 4  # below this depth only what is required
_SPARE_LENGTH = 200  # strings are at most so much longer than they have to be

# Patterns that say how long a text is before they say what is in it.
_LENGTH_AHEAD = re.compile(r"\(\?=\.\{(\d+),(\d+)\}\$\)")
# Patterns that every text in print matches; drawing from the pattern itself takes Hypothesis seconds.
_ANY_PRINTABLE = re.compile(r"^\.\*$|^\[\\[sS]\\[sS]\]\*$|\\uD7FF")


@cache
def service_model(service: str) -> botocore.model.ServiceModel:
    """botocore's own object for the model of a service."""
    return botocore.model.ServiceModel(
        botocore.loaders.Loader().load_service_model(service, "service-2"), service
    )


@st.composite
def bodies(draw: Callable[[st.SearchStrategy[Any]], Any], shape: str, service: str = "sagemaker") -> Any:
    """Values of a shape: plain data within every limit that the service model states.

    Args:
        draw: Given by Hypothesis.
        shape: The name of the shape, such as ``CreateTrainingJobRequest``.
        service: botocore's name of the service.
    """
    return _value(draw, service_model(service).shape_for(shape), 0)


def _value(draw: Callable[[st.SearchStrategy[Any]], Any], shape: botocore.model.Shape, depth: int) -> Any:
    if shape.type_name == "structure":
        return _structure(draw, shape, depth)
    least = shape.metadata.get("min", 0)
    if shape.type_name == "list":
        count = draw(_count(shape, least))
        return [_value(draw, shape.member, depth + 1) for _ in range(count)]
    if shape.type_name == "map":
        keys = draw(st.lists(_scalars(shape.key), min_size=least, max_size=max(least, 2), unique=True))
        return {key: _value(draw, shape.value, depth + 1) for key in keys}
    return draw(_scalars(shape))


def _structure(draw: Callable[[st.SearchStrategy[Any]], Any], shape: botocore.model.Shape, depth: int) -> Any:
    members = list(shape.members)
    if shape.is_tagged_union:
        chosen = {draw(st.sampled_from(members))}
    else:
        chosen = set(shape.required_members)
        optional = [name for name in members if name not in chosen]
        if optional and depth < _DEEPEST_OPTIONAL:
            chosen |= draw(st.sets(st.sampled_from(optional), max_size=_OPTIONAL_MEMBERS))
    return {name: _value(draw, shape.members[name], depth + 1) for name in members if name in chosen}


def _count(shape: botocore.model.Shape, least: int) -> st.SearchStrategy[int]:
    return st.integers(least, min(shape.metadata.get("max", least + 2), least + 2))


def _scalars(shape: botocore.model.Shape) -> st.SearchStrategy[Any]:
    limits = shape.metadata
    return _limited(
        shape.type_name,
        tuple(limits.get("enum", ())),
        limits.get("pattern"),
        limits.get("min"),
        limits.get("max"),
    )


@cache
def _limited(
    kind: str, enum: tuple[str, ...], pattern: str | None, least: float | None, most: float | None
) -> st.SearchStrategy[Any]:
    if kind == "string":
        return st.sampled_from(enum) if enum else _strings(pattern, int(least or 0), most)
    if kind in ("integer", "long"):
        width = 31 if kind == "integer" else 63
        return st.integers(
            -(2**width) if least is None else int(least), 2**width - 1 if most is None else int(most)
        )
    if kind in ("float", "double"):
        return st.floats(least, most, allow_nan=False, allow_infinity=False) | st.integers(
            int(least or 0), 1000 if most is None else int(most)
        )
    if kind == "timestamp":
        return st.integers(0, 4_000_000_000) | st.datetimes().map(lambda when: when.isoformat() + "Z")
    if kind == "blob":
        return st.sampled_from(["", "AAAA", "c2FnZW1ha2Vy"])
    assert kind == "boolean", kind
    return st.booleans()


def _strings(pattern: str | None, least: int, most: float | None) -> st.SearchStrategy[str]:
    if pattern is not None and (length := _LENGTH_AHEAD.match(pattern)):
        least, most = int(length[1]), int(length[2])
        pattern = pattern[length.end() :]
    longest = least + _SPARE_LENGTH if most is None else min(int(most), least + _SPARE_LENGTH)
    translated = None if pattern is None else translate_pattern(pattern)
    if pattern is None or translated is None or _ANY_PRINTABLE.search(pattern):
        return st.text(_PRINTABLE, min_size=least, max_size=longest)
    texts = st.from_regex(re.compile(translated, re.ASCII), fullmatch=True, alphabet=_PRINTABLE)
    return texts.filter(lambda text: least <= len(text) <= longest)
