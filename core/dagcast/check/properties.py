"""Property paths: what ``${step.<name>.<path>}`` refers to, and its type.

A path has the syntax of pipeline definitions: members separated by dots, ``[0]`` for the item of a list, ``['x']`` or
``["x"]`` for the value of a map. If the items of a list have a name, it selects one as well:
``ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri``.

A reference is always a single value: the JSON schema of pipeline definitions allows references nowhere else, and the
SDK uses no others. So a path that ends in a structure, a list or a map is invalid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dagcast.check.problems import ReferenceProblem
from dagcast.definition.property_paths import Segment, Segments, format_segments, parse_property_path
from dagcast.errors import did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern
from dagcast.sagemaker.service_model import CONTAINER_KINDS, ServiceModel, load_shapes
from dagcast.sagemaker.step_shapes import PropertyShape

_MEMBER: Final = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY: Final = lazy_pattern(r"""[^'"\[\]]+""")


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


_NO_SHAPES: Final = ServiceModel(service="", version="", shapes={}, operations={})


def resolve_property(shape: PropertyShape, path: str) -> PropertyType | ReferenceProblem:
    """Return the type of the property that a path refers to, or the problem of the path.

    Args:
        shape: The shapes of the step's properties.
        path: The path below the step, such as ``ModelArtifacts.S3ModelArtifacts``.

    Raises:
        ServiceModelError: If the installed botocore does not know the service or a shape of ``shape``.
    """
    segments = _parse(path)
    if segments is None:
        return ReferenceProblem(
            f"{path!r} is not a property path",
            "reference.property-syntax",
            "write members with dots, list items as [0], and map values as ['key']",
        )
    model = load_shapes(shape.service) if shape.shapes else _NO_SHAPES
    shapes = list(shape.shapes)
    tails = [tail for tail in map(_parse, shape.names) if tail]
    if any(_is_below(segments, document) for document in shape.documents):
        return PropertyType(None, format_segments(segments))
    for position, segment in enumerate(segments):
        next_tails = [tail[1:] for tail in tails if tail and tail[0] == segment]
        next_shapes = [found for name in shapes for found in _next_shapes(model, name, segment)]
        if not next_tails and not next_shapes:
            return _explain_unknown(model, shapes, tails, segments, position)
        shapes, tails = next_shapes, next_tails
    return _resolve_end(model, shapes, tails, segments)


def _is_below(segments: Segments, document: str) -> bool:
    above = _parse(document) or ()
    return len(segments) > len(above) and segments[: len(above)] == above


def _parse(path: str) -> Segments | None:
    """Return the segments of a path that starts with a member and has no other names than services have."""
    segments = parse_property_path(path)
    if not segments or isinstance(segments[0].value, int) or segments[0].is_key:
        return None
    return segments if all(map(_is_possible, segments)) else None


def _is_possible(segment: Segment) -> bool:
    if isinstance(segment.value, int):
        return segment.value >= 0
    return bool((_KEY if segment.is_key else _MEMBER).fullmatch(segment.value))


def _next_shapes(model: ServiceModel, name: str, segment: Segment) -> Iterable[str]:
    """Yield the shape that a segment selects in the shape of that name, if there is such a shape."""
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
    """Return whether items of that shape have a name: ``OutputName``, ``ChannelName``, ``Name``."""
    shape = model.shape(name)
    return shape["type"] == "structure" and any(
        member.endswith("Name") and model.kind(found["shape"]) == "string"
        for member, found in shape["members"].items()
    )


def _explain_unknown(
    model: ServiceModel, shapes: list[str], tails: list[Segments], segments: Segments, position: int
) -> ReferenceProblem:
    """Return the problem of a segment that selects nothing.

    Args:
        model: The service model.
        shapes: The shapes that the segments before it lead to.
        tails: What follows these segments in the properties that no shape describes.
        segments: The whole path.
        position: The position of the segment.
    """
    segment = segments[position]
    before = format_segments(segments[:position])
    written = str(segment).lstrip(".")
    # By name: each valid segment as text.
    known = {member: f".{member}" for name in shapes for member in model.shape(name).get("members", ())}
    known.update({str(tail[0].value): str(tail[0]) for tail in tails if tail})
    indexed = [name for name in shapes if model.kind(name) in ("list", "map")]

    if indexed:
        message, instead = _explain_access(model, indexed[0], segment, before)
        rest = format_segments(segments[position + 1 :], first=False)
        hint: str | None = f"write {before}{instead}{rest}"
    elif known:
        message = f"{before or 'the step'} has no property {written}"
        same = known.get(str(segment.value))
        hint = f"write {before}{same}" if same else did_you_mean(str(segment.value), known)
    elif before:
        message, hint = f"{before} is a single value and has no property {written}", None
    else:
        message, hint = "the step has no properties to refer to", None
    return ReferenceProblem(message, "reference.unknown-property", hint)


def _explain_access(model: ServiceModel, name: str, segment: Segment, before: str) -> tuple[str, str]:
    """Return the problem of a segment after a list or a map, and the segment to write instead."""
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


def _resolve_end(
    model: ServiceModel, shapes: list[str], tails: list[Segments], segments: Segments
) -> PropertyType | ReferenceProblem:
    """Return the type of the property at the end of a path, or the problem if it is not a single value."""
    path = format_segments(segments)
    kinds = [model.kind(name) for name in shapes]
    single = next((kind for kind in kinds if kind not in CONTAINER_KINDS), None)
    if single is not None or () in tails:
        return PropertyType(single, path)
    known = [f"{path}{format_segments(tail, first=False)}" for tail in tails]
    if "structure" in kinds:
        known += [f"{path}.{member}" for name in shapes for member in model.shape(name).get("members", ())]
        kind = "structure"
    elif kinds:
        known.append(f"{path}[0]" if kinds[0] == "list" else f"{path}['key']")
        kind = kinds[0]
    else:
        kind = "group of properties"
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return ReferenceProblem(
        f"{path} is a {kind}, and a reference needs a single value",
        "reference.not-a-value",
        f"write one of: {shown}",
    )
