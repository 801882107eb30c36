"""A request body as rules read it: what is known before the pipeline runs, with the path of each part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from dagcast.definition.references import Join, ParameterRef, Reference
from dagcast.definition.values import SCALARS
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath


class _Unknown(Enum):
    """The value of what only the running pipeline knows."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown.UNKNOWN
"""Stands for a value that only the running pipeline knows."""


@dataclass(frozen=True)
class PartialText:
    """A text of which only the two ends are known: ``s3://bucket/`` + a reference + ``/model.tar.gz``.

    Attributes:
        start: The known characters before the first reference.
        end: The known characters after the last reference.
    """

    start: str
    end: str


@dataclass(frozen=True)
class Finding:
    """One way in which a request breaks a rule.

    Attributes:
        path: Where, from the top of the request; for a member that is missing, where it belongs.
        message: What is wrong.
        hint: What to write instead, if that can be said.

    Example:
        >>> RequestBody({"Tags": []}).finding("the tags are missing", "Tags")
        Finding(path=('Tags',), message='the tags are missing', hint=None)
    """

    path: FieldPath
    message: str
    hint: str | None = None


class RequestBody:
    """A mapping in a request, and where it is. References in it have been replaced by :func:`known_values`.

    A compile makes many of these, so this is not a dataclass: those take three times as long to make.

    Args:
        data: Its members; a member that is ``None`` counts as absent.
        path: Its path from the top of the request.

    Example:
        >>> job = RequestBody({"ResourceConfig": {"InstanceCount": 1, "InstanceType": UNKNOWN}})
        >>> job.number("ResourceConfig", "InstanceCount"), job.text("ResourceConfig", "InstanceType")
        (1, None)
        >>> job.given("ResourceConfig", "InstanceType"), job.given("VpcConfig")
        (True, False)
    """

    __slots__ = ("_data", "path")

    def __init__(self, data: dict[str, Any], path: FieldPath = ()) -> None:
        self._data = data
        self.path = path

    @property
    def data(self) -> dict[str, Any]:
        """The members of the mapping."""
        return self._data

    def get(self, *path: str | int) -> Any:
        """Return the value at a path below this body: ``None`` if it is absent, ``UNKNOWN`` if it is not known yet."""
        return self._find(path)

    def _find(self, path: FieldPath) -> Any:
        value: Any = self._data
        for part in path:
            if type(value) is dict:
                value = value.get(part)
            elif type(value) is list:
                value = value[part] if isinstance(part, int) and -len(value) <= part < len(value) else None
            elif value is UNKNOWN or type(value) is PartialText:
                return UNKNOWN
            else:
                return None
        return value

    def given(self, *path: str | int) -> bool:
        """Return whether there is a value at a path, known or not. An empty list or mapping counts as no value."""
        value = self._find(path)
        return value is not None and value != [] and value != {}

    def text(self, *path: str | int) -> str | None:
        """Return the text at a path; ``None`` if it is absent, not known, or no text."""
        value = self.get(*path)
        return value if isinstance(value, str) else None

    def number(self, *path: str | int) -> int | float | None:
        """Return the number at a path; ``None`` if it is absent, not known, or no number."""
        value = self.get(*path)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def part(self, *path: str | int) -> RequestBody:
        """Return the mapping at a path as a body; an empty one without a mapping there."""
        value = self._find(path)
        return self._below(value if type(value) is dict else {}, (*self.path, *path))

    def items(self, *path: str | int) -> Iterator[RequestBody]:
        """Yield each mapping of the list at a path as a body."""
        value = self._find(path)
        if type(value) is list:
            at = (*self.path, *path)
            for index, item in enumerate(value):
                if type(item) is dict:
                    yield self._below(item, (*at, index))

    def _below(self, data: dict[str, Any], path: FieldPath) -> RequestBody:
        return RequestBody(data, path)

    def finding(self, message: str, *path: str | int, hint: str | None = None) -> Finding:
        """Return a finding about the value at a path below this body."""
        return Finding((*self.path, *path), message, hint)


def known_values(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Return a copy of a request with each reference replaced by what is known of its value.

    Args:
        value: A request, or a part of one.
        parameters: By name of a pipeline parameter: the value to read it as. A parameter that is left out is unknown.

    Example:
        >>> from dagcast.definition.references import ExecutionVariable
        >>> known_values({"A": ParameterRef("N"), "B": ParameterRef("M")}, {"N": 3})
        {'A': 3, 'B': UNKNOWN}
        >>> known_values(Join("/", ("s3://bucket", ExecutionVariable("PipelineExecutionId"), "model.tar.gz")), {})
        PartialText(start='s3://bucket/', end='/model.tar.gz')
    """
    if type(value) in SCALARS:
        return value
    if isinstance(value, dict):
        return {
            key: item if type(item) in SCALARS else known_values(item, parameters)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [known_values(item, parameters) for item in value]
    if isinstance(value, ParameterRef):
        return parameters.get(value.name, UNKNOWN)
    if isinstance(value, Join):
        return _known_text(value, parameters)
    return UNKNOWN if isinstance(value, Reference) else value


def _known_text(join: Join, parameters: Mapping[str, Any]) -> str | PartialText:
    pieces = [known_values(item, parameters) for item in join.values]
    known = [isinstance(piece, (str, int, float)) for piece in pieces]
    if all(known):
        return join.on.join(map(str, pieces))
    first, last = known.index(False), len(known) - 1 - known[::-1].index(False)
    start = "".join(f"{piece}{join.on}" for piece in pieces[:first])
    end = "".join(f"{join.on}{piece}" for piece in pieces[last + 1 :])
    if isinstance(pieces[first], PartialText):
        start += pieces[first].start
    if isinstance(pieces[last], PartialText):
        end = pieces[last].end + end
    return PartialText(start, end)


def starts_with(value: Any, *prefixes: str) -> bool | None:
    """Return whether a text starts with one of the prefixes; ``None`` if that is not known.

    Example:
        >>> starts_with(PartialText("s3://bucket/", ""), "/opt/ml/")
        False
        >>> starts_with(PartialText("", "/x"), "/opt/ml/") is None
        True
    """
    if isinstance(value, str):
        return value.startswith(prefixes)
    if not isinstance(value, PartialText):
        return None
    if value.start.startswith(prefixes):
        return True
    return None if any(prefix.startswith(value.start) for prefix in prefixes) else False


def ends_with(value: Any, *suffixes: str) -> bool | None:
    """Return whether a text ends with one of the suffixes; ``None`` if that is not known."""
    if isinstance(value, str):
        return value.endswith(suffixes)
    if not isinstance(value, PartialText):
        return None
    if value.end.endswith(suffixes):
        return True
    return None if any(suffix.endswith(value.end) for suffix in suffixes) else False
