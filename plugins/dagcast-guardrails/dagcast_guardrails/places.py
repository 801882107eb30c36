"""Places in a request: where a value stands, and reading and setting it there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from dagcast.plugin import FrozenDict, freeze, has_local_storage
from dagcast_guardrails.values import Defaults, known

Path = tuple[str | int, ...]

ABSENT = object()
"""Stands for a value that is not there."""

BLOCKED = object()
"""Stands for a value that has no place, since what is around it is not a mapping: a reference, say."""

EACH = "[*]"
"""Stands in a path for each item of a list."""


@dataclass(frozen=True)
class Place:
    """Where a value stands in the requests of one kind.

    Attributes:
        within: The mapping that has to be there for the value to make sense, as a path below ``Arguments``; ``[*]``
            stands for each item of a list, and the empty path for the whole request.
        path: The value, as a path below that; mappings on the way are made where the value is filled in.
        fill: Whether a missing value is filled in; elsewhere only what is there is checked.
        most: The most that the service takes for a number, or ``None``.
        machines: Paths below ``within`` of the machines' types, for a value that not all of them take.
    """

    within: str
    path: str
    fill: bool = True
    most: int | None = None
    machines: tuple[str, ...] = ()

    def below(self, prefix: str) -> Place:
        """The same place in a request that stands inside of another one."""
        within = f"{prefix}.{self.within}" if self.within else prefix
        return Place(within, self.path, self.fill, self.most, self.machines)

    def paths(self, arguments: dict[str, Any]) -> list[Path]:
        """Each path of the value in this request, whether or not it is there."""
        if self._is_of_list:
            found = _matches(arguments, self._within)
            return [base + self._below for base, around in found if isinstance(around, dict)]
        around = value_at(arguments, self._within)
        return self._only_path if isinstance(around, dict) else []

    def takes_value(self, arguments: dict[str, Any], path: Path, defaults: Defaults) -> bool:
        """Whether the service takes the value there, going by the machines around it."""
        if not self.machines:
            return True
        around = value_at(arguments, path[: -len(self._below)])
        found = [kind for place in self.machines for _, kind in _matches(around, _parts(place))]
        types = [known(kind, defaults) for kind in found]
        return not any(isinstance(kind, str) and has_local_storage(kind) for kind in types)

    @cached_property
    def _within(self) -> tuple[str, ...]:
        return _parts(self.within)

    @cached_property
    def _below(self) -> tuple[str, ...]:
        return _parts(self.path)

    @cached_property
    def _is_of_list(self) -> bool:
        return EACH in self._within

    @cached_property
    def _only_path(self) -> list[Path]:
        return [self._within + self._below]


def value_at(value: Any, path: Path) -> Any:
    """The value at a path; :data:`ABSENT` if it is not there, :data:`BLOCKED` if it cannot be there."""
    for part in path:
        if isinstance(part, int):
            value = value[part]
        elif not isinstance(value, dict):
            return BLOCKED
        else:
            value = value.get(part, ABSENT)
            if value is ABSENT:
                return ABSENT
    return value


def put(container: Any, values: Mapping[Path, Any]) -> Any:
    """A frozen copy of a request with values at paths; mappings on the way are made, and all else is shared."""
    below: dict[str | int, dict[Path, Any]] = {}
    for path, value in values.items():
        below.setdefault(path[0], {})[path[1:]] = value
    made: Any = list(container) if isinstance(container, tuple) else dict(container)
    for part, inner in below.items():
        if () in inner:
            made[part] = freeze(inner[()])
        else:
            around = made[part] if isinstance(part, int) else made.get(part, {})
            made[part] = put(around, inner)
    return tuple(made) if isinstance(made, list) else FrozenDict(made)


def spell(path: Path) -> str:
    """A path as the compile report spells it: ``TrainingJobDefinitions[0].VpcConfig.Subnets``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@cache
def _parts(pattern: str) -> tuple[str, ...]:
    """A path by its parts; ``[*]`` is a part of its own."""
    return tuple(pattern.replace(EACH, f".{EACH}").split(".")) if pattern else ()


def _matches(value: Any, parts: tuple[str, ...]) -> Iterator[tuple[Path, Any]]:
    """Everything that a path stands for, each with its own path."""
    if not parts:
        yield (), value
    elif parts[0] == EACH:
        for index, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
            for path, found in _matches(item, parts[1:]):
                yield (index, *path), found
    elif isinstance(value, dict) and parts[0] in value:
        for path, found in _matches(value[parts[0]], parts[1:]):
            yield (parts[0], *path), found
