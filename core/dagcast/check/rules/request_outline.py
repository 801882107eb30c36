"""The outline of a request: which members it has and of what types, apart from the values.

Requests of a pipeline mostly have a few outlines. What a rule finds depends on the outline and on the values that the
rule reads, so :class:`~dagcast.check.rules.rule_set.RuleSet` runs a rule once for all requests that agree in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.check.rules.request_body import UNKNOWN, PartialText, RequestBody, known_values
from dagcast.definition.references import Join, ParameterRef, Reference, references
from dagcast.definition.values import SCALARS
from dagcast.paths import FieldPath

Structure = tuple[Any, ...]
"""In the order of the request: the keys of each mapping, the length of each list, and the type of each other value."""


class RequestOutline:
    """The structure of a request and its values, in one walk.

    Args:
        request: The request, with references.
        parameters: By name of a pipeline parameter: the value to read it as. A parameter that is left out is unknown.

    Attributes:
        leaves: The values that are neither mappings nor lists, in order, as far as they are known. ``None`` stands for
            an unknown one, which the structure tells from an absent one.
        has_parameter: Whether the request refers to a pipeline parameter.
        is_plain: Whether every value is of a type that JSON has; others may not be hashable.

    Example:
        >>> outline = RequestOutline({"A": {"B": 1}, "C": [ParameterRef("P")]}, {})
        >>> outline.structure, outline.leaves, outline.has_parameter
        ((('A', 'C'), ('B',), <class 'int'>, 1, UNKNOWN), [1, None], True)
    """

    __slots__ = ("_parameters", "_parts", "has_parameter", "is_plain", "leaves")

    def __init__(self, request: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._parts: list[Any] = []
        self.leaves: list[Any] = []
        self.has_parameter = False
        self.is_plain = True
        self._read(request)

    @property
    def structure(self) -> Structure:
        """The structure. Two requests with the same one have values of the same types at the same paths."""
        return tuple(self._parts)

    def _read(self, value: Any) -> None:
        kind = type(value)
        if kind in SCALARS:
            self._parts.append(kind)
            self.leaves.append(value)
        elif isinstance(value, dict):
            self._parts.append(tuple(value))
            for item in value.values():
                if (kind := type(item)) in SCALARS:  # most values
                    self._parts.append(kind)
                    self.leaves.append(item)
                else:
                    self._read(item)
        elif isinstance(value, (list, tuple)):
            self._parts.append(len(value))
            for item in value:
                self._read(item)
        elif isinstance(value, Reference):
            self._read_reference(value)
        elif kind is PartialText:
            self._parts.append(kind)
            self.leaves.append(value)
        elif value is UNKNOWN:
            self._parts.append(UNKNOWN)
            self.leaves.append(None)
        else:
            self.is_plain = False

    def _read_reference(self, value: Reference) -> None:
        if isinstance(value, ParameterRef):
            self.has_parameter = True
            self._read(self._parameters.get(value.name, UNKNOWN))
        elif isinstance(value, Join):
            if any(isinstance(part, ParameterRef) for part in references(value)):
                self.has_parameter = True
            self._read(known_values(value, self._parameters))
        else:
            self._parts.append(UNKNOWN)
            self.leaves.append(None)


def leaf_paths(value: Any, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Yield the paths of the values in :attr:`RequestOutline.leaves`, in their order."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaf_paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaf_paths(item, (*path, index))
    else:
        yield path


class TracedBody(RequestBody):
    """A body that records the paths of the values that a rule reads.

    What depends only on the structure is not recorded: whether a member is given, how many items a list has.

    Args:
        data: As for :class:`RequestBody`.
        reads: Receives the path of each value that is read; for a mapping or a list, everything in it is read.
        path: As for :class:`RequestBody`.
    """

    __slots__ = ("_reads",)

    def __init__(self, data: dict[str, Any], reads: set[FieldPath], path: FieldPath = ()) -> None:
        super().__init__(data, path)
        self._reads = reads

    @property
    def data(self) -> dict[str, Any]:
        """The members of the mapping. All of them count as read."""
        self._reads.add(self.path)
        return self._data

    def get(self, *path: str | int) -> Any:
        """Return the value at a path, and record it."""
        value = self._find(path)
        if value is not None and value is not UNKNOWN:
            self._reads.add((*self.path, *self._with_positive_indexes(path)))
        return value

    def _with_positive_indexes(self, path: FieldPath) -> FieldPath:
        found: FieldPath = ()
        for part in path:
            if isinstance(part, int) and part < 0:
                part += len(self._find(found))
            found = (*found, part)
        return found

    def _below(self, data: dict[str, Any], path: FieldPath) -> RequestBody:
        return TracedBody(data, self._reads, path)
