"""Normalize S3 URIs: join parts with single slashes, and separate default destinations that share a prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import is_
from typing import Any

from dagcast.check.destinations import find_sibling_prefixes
from dagcast.compile.spec.edit import put, replace_fields, value_at
from dagcast.compile.spec.pipeline import PipelineSpec, StepSpec
from dagcast.definition.property_paths import parse_property_path
from dagcast.definition.references import Join, ParameterRef, Reference, StepProperty
from dagcast.definition.values import SCALARS, FrozenDict
from dagcast.errors import DiagnosticSink, Location

_FOLDER = "files"


def separate_destinations(spec: PipelineSpec) -> PipelineSpec:
    """Return the pipeline with default destinations that are not a prefix of a sibling's name.

    ``.../output/train`` is a prefix of ``.../output/train_labels``. An input that reads the first one would read both.
    The shorter destination gets an additional folder. The function is idempotent.

    Args:
        spec: The pipeline.
    """
    steps = {step.name: step for step in spec.steps}
    for first, _ in find_sibling_prefixes(spec):
        step, place = steps[first.step], first.path[1:]
        origin = step.origins.get(first.path)
        if origin is not None and origin.kind == "default" and value_at(step, place) is first.value:
            steps[first.step] = put(step, place, _below(first.value))
    return replace(spec, steps=tuple(steps.values()))


def _below(folder: Any) -> Any:
    if isinstance(folder, Join) and folder.on == "/":
        return Join("/", (*folder.values, _FOLDER))
    return f"{folder}/{_FOLDER}" if isinstance(folder, str) else Join("/", (folder, _FOLDER))


def join_with_single_slashes(
    spec: PipelineSpec, sink: DiagnosticSink, locate_parameter: Callable[[str], Location | None]
) -> PipelineSpec:
    """Return the pipeline without double slashes where a part of an S3 URI ends with a slash.

    The part may be a string, a parameter whose default ends with a slash, or the destination of a step.

    Args:
        spec: The pipeline.
        sink: Collects a warning for each parameter whose default determines how a URI is joined.
        locate_parameter: Returns the location of a parameter.
    """
    normalizer = _Normalizer(spec)
    steps = tuple(_normalize_step(step, normalizer) for step in spec.steps)
    for name in sorted(normalizer.parameters):
        sink.warn(
            f"parameter {name!r} ends with a slash, so what follows it is joined without one: a value that is given "
            "at the start has to end with a slash, too",
            locate_parameter(name),
            code="data.parameter-slash",
            hint="remove the slash at the end",
        )
    if all(new is old for new, old in zip(steps, spec.steps, strict=True)):
        return spec
    return replace(spec, steps=steps)


def _normalize_step(step: StepSpec, normalizer: _Normalizer) -> StepSpec:
    arguments = normalizer.normalize(step.arguments)
    return step if arguments is step.arguments else replace_fields(step, arguments=arguments)


class _Normalizer:
    """Normalizes the S3 URIs of one pipeline.

    Attributes:
        parameters: The parameters whose default determined how a URI is joined.
    """

    def __init__(self, spec: PipelineSpec) -> None:
        self.parameters: set[str] = set()
        self._defaults = spec.parameter_defaults()
        self._steps = {step.name: step for step in spec.steps}

    def normalize(self, value: Any) -> Any:
        """Return ``value`` with normalized S3 URIs, or ``value`` itself if nothing changes."""
        if type(value) in SCALARS:
            return value
        if isinstance(value, Join):
            return self._normalize_join(value)
        if isinstance(value, dict):
            items: dict[str, Any] | None = None
            for key, item in value.items():
                if type(item) not in SCALARS and (new := self.normalize(item)) is not item:
                    items = dict(value) if items is None else items
                    items[key] = new
            return value if items is None else FrozenDict(items)
        if isinstance(value, tuple):
            found = [item if type(item) in SCALARS else self.normalize(item) for item in value]
            return value if all(map(is_, found, value)) else tuple(found)
        return value

    def _normalize_join(self, join: Join) -> Join:
        pieces = [piece for piece in _pieces(join) if piece[0] != ""]
        if not pieces or not self._is_address(pieces[0][0]):
            return join
        parts: list[Any] = [pieces[0][0]]
        found = False
        for piece, is_separator in pieces[1:]:
            before = parts[-1]
            if isinstance(piece, str) and piece.startswith("/"):
                # User text is kept as written. Only a separator, or a slash that follows a reference, may be dropped.
                is_own = is_separator or isinstance(before, Reference)
                if before != "s3:/" and is_own and self._ends_with_slash(before, note=True):
                    piece, found = piece[1:], True
            if isinstance(before, str) and isinstance(piece, str):
                parts[-1] = before + piece
            elif piece != "":
                parts.append(piece)
        return Join("", tuple(parts)) if found else join

    def _is_address(self, first: Any) -> bool:
        if isinstance(first, ParameterRef):
            first = self._defaults.get(first.name)
        if isinstance(first, StepProperty):
            return self._property(first) is not None
        return isinstance(first, str) and first.startswith("s3:/")

    def _ends_with_slash(self, value: Any, note: bool = False) -> bool:
        if isinstance(value, str):
            return value.endswith("/")
        if isinstance(value, ParameterRef):
            ends = str(self._defaults.get(value.name) or "").endswith("/")
            if ends and note:
                self.parameters.add(value.name)
            return ends
        if isinstance(value, Join):
            return bool(value.values) and self._ends_with_slash(value.values[-1], note)
        if isinstance(value, StepProperty):
            return self._ends_with_slash(self._property(value), note)
        return False

    def _property(self, reference: StepProperty) -> Any:
        """Return the request value to which a step property resolves, or ``None`` if it is not in the request."""
        step = self._steps.get(reference.step)
        if step is None:
            return None
        value: Any = step.arguments
        for name in (segment.value for segment in parse_property_path(reference.path) or ()):
            if isinstance(value, tuple):
                named = (item for item in value if isinstance(item, dict) and item.get("OutputName") == name)
                value = next(named, None)
            else:
                value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, (str, Reference)) else None


def _pieces(join: Join) -> Iterator[tuple[Any, bool]]:
    """Yield each part of a join in order, and whether it is a separator. Nested joins are flattened."""
    for index, value in enumerate(join.values):
        if index and join.on:
            yield join.on, True
        if isinstance(value, Join):
            yield from _pieces(value)
        else:
            yield value, False
