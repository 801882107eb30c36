"""Places in a request: where a value stands, and reading and setting it there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

ABSENT = object()
"""Stands for a value that is not there."""

LOCAL_STORAGE = re.compile(
    r"ml\.(?:[a-z]+\d[a-z]*d[a-z]*|g5|g6e?|g6f|gr6f?|g7e|i\d\w*|im4gn|is4gen|p5\w*|p6[\w-]*|d\d\w*|trn\d\w*)\."
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
        for base, _ in _matches(arguments, self.within):
            yield (*base, *self.path.split("."))

    def takes_value(self, arguments: dict[str, Any], path: Path) -> bool:
        """Whether the service takes the value there, going by the machines around it."""
        around = value_at(arguments, path[: len(path) - len(self.path.split("."))])
        types = [kind for place in self.machines for _, kind in _matches(around, place, any_value=True)]
        return not any(isinstance(kind, str) and LOCAL_STORAGE.match(kind) for kind in types)


def value_at(value: Any, path: Path) -> Any:
    """The value at a path, or :data:`ABSENT`."""
    for part in path:
        if isinstance(part, int) or (isinstance(value, dict) and part in value):
            value = value[part]
        else:
            return ABSENT
    return value


def can_put(arguments: dict[str, Any], path: Path) -> bool:
    """Whether every value on the way to a path is a mapping or a list, or not there yet."""
    parents = [value_at(arguments, path[:length]) for length in range(1, len(path))]
    return all(parent is ABSENT or isinstance(parent, (dict, list, tuple)) for parent in parents)


def put(arguments: dict[str, Any], path: Path, value: Any) -> None:
    """Set the value at a path of a thawed request; mappings on the way are made."""
    container: Any = arguments
    for part in path[:-1]:
        container = container[part] if isinstance(part, int) else container.setdefault(part, {})
    container[path[-1]] = value


def spell(path: Path) -> str:
    """A path as the compile report spells it: ``TrainingJobDefinitions[0].VpcConfig.Subnets``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _matches(value: Any, pattern: str, any_value: bool = False) -> Iterator[tuple[Path, Any]]:
    """Everything that a path with ``[*]`` in it stands for: mappings only, unless any value will do."""
    found: list[tuple[Path, Any]] = [((), value)]
    for part in pattern.split(".") if pattern else ():
        name, _, each = part.partition("[")
        found = [((*path, name), item[name]) for path, item in found if isinstance(item, dict) and name in item]
        if each:
            found = [
                ((*path, index), item)
                for path, items in found
                if isinstance(items, (list, tuple))
                for index, item in enumerate(items)
            ]
    yield from (match for match in found if any_value or isinstance(match[1], dict))
