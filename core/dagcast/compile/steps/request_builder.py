"""Build the request of one step as plain data and references, and record the origin of each field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dagcast.compile.config.step import StepConfig, To
from dagcast.compile.spec.pipeline import Origin, freeze_origins
from dagcast.definition.values import FrozenDict, freeze
from dagcast.errors import DiagnosticSink, Location
from dagcast.paths import FieldPath, is_within, to_path


@dataclass(kw_only=True)
class RequestBuilder:
    """The request of one step.

    Attributes:
        name: The step's name.
        config: The step's config.
        sink: Collects diagnostics.
        locate: Returns the location of a config field of this step.
        incomplete: Whether a part of the request could not be built.
        arguments: The request.
        fields: The fields next to ``Arguments`` in the definition.
        origins: The origin of each field, by path in the definition of the step.
    """

    name: str
    config: StepConfig
    sink: DiagnosticSink
    locate: Callable[[FieldPath], Location]
    incomplete: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    origins: dict[FieldPath, Origin] = field(default_factory=dict)

    def put(
        self, target: str | FieldPath, value: Any, origin: str | FieldPath | Origin | None = None
    ) -> None:
        """Set a member of the request. A ``value`` of ``None`` sets nothing.

        Args:
            target: The path below ``Arguments``, such as ``("VpcConfig", "Subnets")``, or the name of a top-level
                member.
            value: The value: plain data and references.
            origin: The config field that gave the value, or an :class:`Origin`. ``None`` for a default.

        Raises:
            ValueError: If the target is a string that contains a dot.
        """
        if value is None:
            return
        path = target if isinstance(target, tuple) else to_path(target)
        container: Any = self.arguments
        for parent in path[:-1]:
            container = container.setdefault(parent, {})
        container[path[-1]] = value
        full: FieldPath = ("Arguments", *path)
        self.origins[full] = self.origin(origin)

    def put_sibling(self, name: str, value: Any, origin: str | FieldPath | Origin | None = None) -> None:
        """Set a field next to ``Arguments`` in the definition. ``None`` values are kept."""
        self.fields[name] = value
        self.origins[name,] = self.origin(origin)

    def origin(self, origin: str | FieldPath | Origin | None) -> Origin:
        """Return the origin of a value: the config field that sets it, or the default of that field."""
        if isinstance(origin, Origin):
            return origin
        if origin is None:
            return _DEFAULT
        path: FieldPath = (origin,) if isinstance(origin, str) else origin
        if path[0] in self.config.model_fields_set:
            return Origin("config", ("steps", self.name, *path))
        return _default_of(path[0])

    def put_fields(self) -> None:
        """Set every member to which a config field is mapped with :class:`To`. Empty values are skipped."""
        config = self.config
        for name, to in mapped_fields(type(config)):
            value = getattr(config, name)
            if value is not None and value != () and value != {}:
                self.put(to.path, to.convert(value) if to.convert else value, name)

    def merge_request(self) -> None:
        """Merge the config's ``request`` into the request. Its values override; ``None`` removes a member."""
        _merge(
            self.arguments, self.config.request, ("Arguments",), self.origins, ("steps", self.name, "request")
        )

    def frozen(self) -> tuple[FrozenDict, FrozenDict, Mapping[FieldPath, Origin]]:
        """Return immutable copies of arguments, fields and origins for the IR."""
        return freeze(self.arguments), freeze(self.fields), freeze_origins(self.origins)

    def error(
        self,
        message: str,
        *path: str | int,
        code: str,
        hint: str | None = None,
        cause: str | None = None,
    ) -> None:
        """Report an error in a field of this step, and mark the step as incomplete."""
        self.incomplete = True
        place = self.locate(path)
        self.sink.error(f"step {self.name!r}: {message}", place, code=code, hint=hint, cause=cause)

    def warn(self, message: str, *path: str | int, code: str, hint: str | None = None) -> None:
        """Warn of a field of this step that compiles but may be unintended."""
        self.sink.warn(f"step {self.name!r}: {message}", self.locate(path), code=code, hint=hint)


_DEFAULT = Origin("default")


@cache
def _default_of(field_name: str | int) -> Origin:
    return Origin("default", detail=f"default of {field_name}")


@cache
def mapped_fields(config: type[StepConfig]) -> tuple[tuple[str, To], ...]:
    """Return the fields of a config model that are mapped to a request member, with their mapping."""
    return tuple(
        (name, item)
        for name, info in config.model_fields.items()
        for item in info.metadata
        if isinstance(item, To)
    )


def _merge(
    into: dict[str, Any],
    overlay: Mapping[str, Any],
    at: FieldPath,
    origins: dict[FieldPath, Origin],
    path: FieldPath,
) -> None:
    for key, value in overlay.items():
        place, source = (*at, key), (*path, key)
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value, place, origins, source)
            continue
        else:
            into[key] = value
        for known in [origin for origin in origins if is_within(origin, place)]:
            del origins[known]
        if value is not None:
            origins[place] = Origin("config", source)
