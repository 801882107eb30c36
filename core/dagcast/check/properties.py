"""Property paths: what ``${step.<name>.<path>}`` may refer to, and of which type it is.

A path is spelled as the pipeline definition spells it: members separated by dots, ``[0]`` for the item of a
list, ``['x']`` or ``["x"]`` for the value of a map. An item of a list may also be given by its name, as in
``ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri``, if items of that list have a name.

A reference stands for a single value. The pipeline definition's JSON schema has references nowhere else,
and the SDK itself uses no others: so a path that ends in a structure, a list or a map is a problem, with no
exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dagcast.errors import did_you_mean
from dagcast.sagemaker.service_model import CONTAINER_KINDS, ServiceModel, load_shapes
from dagcast.sagemaker.shapes import PropertyShape

_SEGMENT: Final = re.compile(
    r"""(?P<dot>\.)?(?P<member>[A-Za-z_][A-Za-z0-9_]*)
      | \[(?P<index>\d+)\]
      | \[(?P<quote>['"])(?P<key>[^'"\[\]]+)(?P=quote)\]""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class PropertyType:
    """What a property path leads to.

    Attributes:
        kind: The kind of a single value: ``string``, ``integer``, ``long``, ``float``, ``double``,
            ``boolean``, ``timestamp`` or ``blob``; ``None`` for a property that no service shape describes.
        path: The path with its keys in single quotes, as the SDK writes it.
    """

    kind: str | None
    path: str


@dataclass(frozen=True)
class PropertyProblem:
    """Why a property path leads nowhere.

    Attributes:
        message: What is wrong, in one sentence.
        code: ``reference.property-syntax``, ``reference.unknown-property`` or ``reference.not-a-value``.
        hint: What to write instead, if that can be said.
    """

    message: str
    code: str
    hint: str | None = None


@dataclass(frozen=True)
class _Segment:
    """One part of a path: a member's name, a key in quotes (``is_key``), or a position in a list."""

    value: str | int
    is_key: bool = False

    def __str__(self) -> str:
        if self.is_key:
            return f"['{self.value}']"
        return f"[{self.value}]" if isinstance(self.value, int) else f".{self.value}"


_Tail = tuple[_Segment, ...]

_NO_SHAPES: Final = ServiceModel(service="", version="", shapes={}, operations={})


def resolve_property(shape: PropertyShape, path: str) -> PropertyType | PropertyProblem:
    """What a property path of a step leads to, or what is wrong with it.

    Args:
        shape: What the step's properties look like.
        path: The path below the step, such as ``ModelArtifacts.S3ModelArtifacts``.

    Raises:
        ServiceModelError: If the installed botocore does not know the service or a shape of ``shape``.
    """
    segments = _parse(path)
    if segments is None:
        return PropertyProblem(
            f"{path!r} is not a property path",
            "reference.property-syntax",
            "write members with dots, list items as [0], and map values as ['key']",
        )
    model = load_shapes(shape.service) if shape.shapes else _NO_SHAPES
    here = list(shape.shapes)
    tails = [tail for tail in map(_parse, shape.names) if tail]
    for position, segment in enumerate(segments):
        deeper = [tail[1:] for tail in tails if tail and tail[0] == segment]
        below = [name for each in here for name in _step(model, each, segment)]
        if not deeper and not below:
            return _lost(model, here, tails, segments, position)
        here, tails = below, deeper
    return _arrived(model, here, tails, segments)


def _parse(path: str) -> _Tail | None:
    """The segments of a path, or ``None`` if it is not one."""
    segments: list[_Segment] = []
    position = 0
    while position < len(path):
        found = _SEGMENT.match(path, position)
        if found is None:
            return None
        if found["member"]:
            # The first member has no dot before it, and every other has one.
            if bool(found["dot"]) != bool(segments):
                return None
            segments.append(_Segment(found["member"]))
        elif not segments:
            return None
        elif found["index"]:
            segments.append(_Segment(int(found["index"])))
        else:
            segments.append(_Segment(found["key"], is_key=True))
        position = found.end()
    return tuple(segments) or None


def _step(model: ServiceModel, name: str, segment: _Segment) -> Iterable[str]:
    """The shape that a segment leads to from the shape of that name; none or one."""
    shape = model.shape(name)
    kind = shape["type"]
    if kind == "structure" and not segment.is_key and segment.value in shape["members"]:
        yield shape["members"][segment.value]["shape"]
    elif kind == "map" and segment.is_key:
        yield shape["value"]["shape"]
    elif kind == "list":
        item = shape["member"]["shape"]
        if isinstance(segment.value, int) or (segment.is_key and _has_name(model, item)):
            yield item


def _has_name(model: ServiceModel, name: str) -> bool:
    """Whether items of that shape are told apart by a name: ``OutputName``, ``ChannelName``, ``Name``."""
    shape = model.shape(name)
    return shape["type"] == "structure" and any(
        member.endswith("Name") and model.kind(found["shape"]) == "string"
        for member, found in shape["members"].items()
    )


def _lost(
    model: ServiceModel, here: list[str], tails: list[_Tail], segments: _Tail, position: int
) -> PropertyProblem:
    """The problem with a segment that leads nowhere."""
    segment = segments[position]
    before = _spell(segments[:position])
    written = str(segment).lstrip(".")
    # By its bare name: each segment that could stand here, as it is spelled.
    known = {member: f".{member}" for name in here for member in model.shape(name).get("members", ())}
    known.update({str(tail[0].value): str(tail[0]) for tail in tails if tail})
    indexed = [name for name in here if model.kind(name) in ("list", "map")]

    if indexed:
        message, instead = _wrong_access(model, indexed[0], segment, before)
        rest = _spell(segments[position + 1 :], first=False)
        hint: str | None = f"write {before}{instead}{rest}"
    elif known:
        message = f"{before or 'the step'} has no property {written}"
        same = known.get(str(segment.value))
        hint = f"write {before}{same}" if same else did_you_mean(str(segment.value), known)
    elif before:
        message, hint = f"{before} is a single value and has no property {written}", None
    else:
        message, hint = "the step has no properties to refer to", None
    return PropertyProblem(message, "reference.unknown-property", hint)


def _wrong_access(model: ServiceModel, name: str, segment: _Segment, before: str) -> tuple[str, str]:
    """What is wrong with a segment after a list or a map, and what to write in its place."""
    shape = model.shape(name)
    if shape["type"] == "map":
        return f"{before} is a map, whose values have a key in quotes", f"['{segment.value}']"
    item = shape["member"]["shape"]
    if segment.is_key:
        return f"items of {before} have no name to find {segment} by", "[0]"
    message = f"{before} is a list, whose items have a number or a name in brackets"
    if segment.value not in model.shape(item).get("members", ()) and _has_name(model, item):
        return message, f"['{segment.value}']"
    return message, f"[0].{segment.value}"


def _arrived(
    model: ServiceModel, here: list[str], tails: list[_Tail], segments: _Tail
) -> PropertyType | PropertyProblem:
    """What stands at the end of a path."""
    path = _spell(segments)
    kinds = [model.kind(name) for name in here]
    single = next((kind for kind in kinds if kind not in CONTAINER_KINDS), None)
    if single is not None or () in tails:
        return PropertyType(single, path)
    known = [f"{path}{_spell(tail, first=False)}" for tail in tails]
    if "structure" in kinds:
        known += [f"{path}.{member}" for name in here for member in model.shape(name).get("members", ())]
        kind = "structure"
    elif kinds:
        known.append(f"{path}[0]" if kinds[0] == "list" else f"{path}['key']")
        kind = kinds[0]
    else:
        kind = "group of properties"
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return PropertyProblem(
        f"{path} is a {kind}, and a reference needs a single value",
        "reference.not-a-value",
        f"write one of: {shown}",
    )


def _spell(segments: _Tail, *, first: bool = True) -> str:
    text = "".join(map(str, segments))
    return text[1:] if first and text.startswith(".") else text
