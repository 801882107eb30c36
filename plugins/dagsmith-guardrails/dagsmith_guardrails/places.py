"""Places in a request: where a value stands, and reading and setting it there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from dagsmith.plugin import FrozenDict, freeze
from dagsmith_guardrails.values import Defaults, known

Path = tuple[str | int, ...]

ABSENT = object()
"""Stands for a value that is not there."""

BLOCKED = object()
"""Stands for a value that has no place, since what is around it is not a mapping: a reference, say."""

LOCAL_STORAGE = re.compile(
    r"ml\.(?:[a-z]+\d[a-z]*d[a-z]*|g[5-9][ef]?|gr6f?|i\d\w*|im4gn|is4gen|p5\w*|p6[\w-]*|d\d\w*|trn\d\w*)\."
)
"""Machines with storage of their own, for which the service refuses a key for the volume.

Source: ``VolumeKmsKeyId`` of ``ResourceConfig`` in the SageMaker API reference for the rule; "Instance store volumes"
in the Amazon EC2 User Guide for the families.
"""


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

    def paths(self, arguments: dict[str, Any]) -> Iterator[Path]:
        """Each path of the value in this request, whether or not it is there."""
        if not self.within:
            yield _parts(self.path)
            return
        for base, around in _matches(arguments, _parts(self.within)):
            if isinstance(around, dict):
                yield base + _parts(self.path)

    def takes_value(self, arguments: dict[str, Any], path: Path, defaults: Defaults) -> bool:
        """Whether the service takes the value there, going by the machines around it."""
        if not self.machines:
            return True
        around = value_at(arguments, path[: -len(_parts(self.path))])
        found = [kind for place in self.machines for _, kind in _matches(around, _parts(place))]
        types = [known(kind, defaults) for kind in found]
        return not any(isinstance(kind, str) and LOCAL_STORAGE.match(kind) for kind in types)


def value_at(value: Any, path: Path) -> Any:
    """The value at a path; :data:`ABSENT` if it is not there, :data:`BLOCKED` if it cannot be there."""
    for part in path:
        if isinstance(part, int):
            value = value[part]
        elif not isinstance(value, dict):
            return BLOCKED
        elif part in value:
            value = value[part]
        else:
            return ABSENT
    return value


def put(container: Any, path: Path, value: Any) -> Any:
    """A frozen copy of a request with a value at a path; mappings on the way are made."""
    if not path:
        return freeze(value)
    part, rest = path[0], path[1:]
    if isinstance(part, int):
        return (*container[:part], put(container[part], rest, value), *container[part + 1 :])
    return FrozenDict({**container, part: put(container.get(part, {}), rest, value)})


def spell(path: Path) -> str:
    """A path as the compile report spells it: ``TrainingJobDefinitions[0].VpcConfig.Subnets``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@cache
def _parts(pattern: str) -> tuple[str, ...]:
    """A path by its parts; ``[*]`` is a part of its own."""
    return tuple(pattern.replace("[*]", ".[*]").split(".")) if pattern else ()


def _matches(value: Any, parts: tuple[str, ...]) -> Iterator[tuple[Path, Any]]:
    """Everything that a path stands for, each with its own path."""
    if not parts:
        yield (), value
    elif parts[0] == "[*]":
        for index, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
            for path, found in _matches(item, parts[1:]):
                yield (index, *path), found
    elif isinstance(value, dict) and parts[0] in value:
        for path, found in _matches(value[parts[0]], parts[1:]):
            yield (parts[0], *path), found
