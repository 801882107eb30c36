"""References: values of a request that are known only when the pipeline runs.

A request is plain data (mappings, sequences, strings, numbers, booleans) with references in it. In the JSON of a
definition a reference is an object with one key: ``{"Get": ...}``, ``{"Std:Join": ...}`` or ``{"Std:JsonGet": ...}``.
Source: the JSON schema of pipeline definitions, version 2020-12-01.

:func:`parse` converts JSON to data with :class:`Reference` objects, and :func:`render` converts it back.
:func:`dagcast.definition.resolve_references.resolve` replaces references by their values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dagcast.definition.values import SCALARS, FrozenDict
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import FieldPath

EXECUTION_VARIABLES = (
    "CurrentDateTime",
    "PipelineArn",
    "PipelineExecutionArn",
    "PipelineExecutionId",
    "PipelineName",
    "ProcessingJobName",
    "StartDateTime",
    "TrainingJobName",
)
"""The variables of an execution. ``ProcessingJobName`` and ``TrainingJobName`` have a value only in the job's own step.
Source: ``ExecutionVariables`` of the SageMaker Python SDK 2.257 and 3.27."""

_STEP = lazy_pattern(r"Steps\.([A-Za-z0-9_-]+)(.*)", re.DOTALL)
_PROPERTY_FILE = lazy_pattern(r"Steps\.([^.]*)\.PropertyFiles\.(.*)", re.DOTALL)


class InvalidReferenceError(ValueError):
    """A part of the JSON of a reference is missing or has the wrong type."""


class Reference:
    """Base of all references."""

    __slots__ = ()

    @property
    def expression(self) -> dict[str, Any]:
        """The JSON of the reference in a definition."""
        raise TypeError(f"{type(self).__name__} has no expression")

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the steps whose results this reference reads."""
        return ()

    @property
    def parts(self) -> tuple[Any, ...]:
        """The values inside this reference, which may be references themselves."""
        return ()


@dataclass(frozen=True)
class ParameterRef(Reference):
    """The value of a pipeline parameter: ``${param.Name}``.

    Example:
        >>> str(ParameterRef("BatchSize"))
        '${param.BatchSize}'
    """

    name: str

    @property
    def expression(self) -> dict[str, Any]:
        return {"Get": f"Parameters.{self.name}"}

    def __str__(self) -> str:
        return f"${{param.{self.name}}}"


@dataclass(frozen=True)
class ExecutionVariable(Reference):
    """A variable of the execution: ``${exec.PipelineExecutionId}``.

    Example:
        >>> str(ExecutionVariable("PipelineExecutionId"))
        '${exec.PipelineExecutionId}'
    """

    name: str

    @property
    def expression(self) -> dict[str, Any]:
        return {"Get": f"Execution.{self.name}"}

    def __str__(self) -> str:
        return f"${{exec.{self.name}}}"


@dataclass(frozen=True)
class StepProperty(Reference):
    """A property of a step: ``${step.train.ModelArtifacts.S3ModelArtifacts}``.

    Attributes:
        step: The name of the step.
        path: The property path below the step in the syntax of definitions, such as ``Outputs['train'].S3Uri``.

    Example:
        >>> str(StepProperty("train", "ModelArtifacts.S3ModelArtifacts"))
        '${step.train.ModelArtifacts.S3ModelArtifacts}'
    """

    step: str
    path: str

    @property
    def expression(self) -> dict[str, Any]:
        dot = "" if self.path.startswith("[") or not self.path else "."
        return {"Get": f"Steps.{self.step}{dot}{self.path}"}

    @property
    def steps(self) -> tuple[str, ...]:
        return (self.step,)

    def __str__(self) -> str:
        return f"${{step.{self.step}.{self.path}}}"


@dataclass(frozen=True)
class JsonGet(Reference):
    """A value in a property file: ``${json.evaluate.EvaluationReport.metrics.mse.value}``.

    Attributes:
        step: The processing step that declares the property file.
        property_file: The name of the property file.
        path: The JSON path of the value in the file.

    Example:
        >>> str(JsonGet("evaluate", "Report", "metrics.mse.value"))
        '${json.evaluate.Report.metrics.mse.value}'
    """

    step: str
    property_file: str
    path: str

    @property
    def expression(self) -> dict[str, Any]:
        return {
            "Std:JsonGet": {
                "PropertyFile": {"Get": f"Steps.{self.step}.PropertyFiles.{self.property_file}"},
                "Path": self.path,
            }
        }

    @property
    def steps(self) -> tuple[str, ...]:
        return (self.step,)

    def __str__(self) -> str:
        return f"${{json.{self.step}.{self.property_file}.{self.path}}}"


@dataclass(frozen=True)
class S3JsonGet(Reference):
    """A value in a JSON object in S3. Only definitions of SDK 3 have it; the compiler writes none.

    Attributes:
        uri: The S3 URI of the object: a string or a reference.
        path: The JSON path of the value in the object.
    """

    uri: Any
    path: str

    @property
    def expression(self) -> dict[str, Any]:
        return {"Std:JsonGet": {"S3Uri": render(self.uri), "Path": self.path}}

    @property
    def steps(self) -> tuple[str, ...]:
        return self.uri.steps if isinstance(self.uri, Reference) else ()

    @property
    def parts(self) -> tuple[Any, ...]:
        return (self.uri,)

    def __str__(self) -> str:
        return f"{self.path} of the JSON object {self.uri}"


@dataclass(frozen=True)
class Join(Reference):
    """Strings and references joined into one string when the pipeline runs.

    Attributes:
        on: The separator.
        values: Literal strings and references, in order. In a definition that was read, other JSON values are possible
            and converted to strings.

    Example:
        >>> str(Join("/", ("s3://bucket", ExecutionVariable("PipelineExecutionId"))))
        's3://bucket/${exec.PipelineExecutionId}'
    """

    on: str
    values: tuple[str | Reference, ...]

    @property
    def expression(self) -> dict[str, Any]:
        return {"Std:Join": {"On": self.on, "Values": [render(value) for value in self.values]}}

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(step for value in self.values if isinstance(value, Reference) for step in value.steps)

    @property
    def parts(self) -> tuple[Any, ...]:
        return self.values

    def __str__(self) -> str:
        return self.on.join(str(value) for value in self.values)


@dataclass(frozen=True)
class UnknownReference(Reference):
    """An invalid ``Get``, which :func:`~dagcast.definition.read.read_definition` reports.

    Attributes:
        get: Its text.
    """

    get: str

    @property
    def expression(self) -> dict[str, Any]:
        return {"Get": self.get}

    def __str__(self) -> str:
        return self.get


def parse(value: Any) -> Any:
    """Return JSON data as frozen data with :class:`Reference` objects; the opposite of :func:`render`.

    Raises:
        InvalidReferenceError: If a part of a reference is missing or has the wrong type.

    >>> parse({"Get": "Parameters.Count"})
    ParameterRef(name='Count')
    """
    if isinstance(value, dict):
        if len(value) == 1:
            ((key, inner),) = value.items()
            parse_form = _FORMS.get(key)
            if parse_form is not None:
                return parse_form(inner)
        return FrozenDict(
            {key: item if type(item) in SCALARS else parse(item) for key, item in value.items()}
        )
    if isinstance(value, (list, tuple)):
        return tuple([item if type(item) in SCALARS else parse(item) for item in value])
    return value


def _parse_get(get: Any) -> Reference:
    if not isinstance(get, str):
        raise InvalidReferenceError(f"Get: expected a string, not {get!r}")
    if match := _STEP.fullmatch(get):
        return StepProperty(match[1], match[2].removeprefix("."))
    scope, _, name = get.partition(".")
    if scope == "Parameters":
        return ParameterRef(name)
    return ExecutionVariable(name) if scope == "Execution" else UnknownReference(get)


def _parse_join(inner: Any) -> Reference:
    values = inner.get("Values") if isinstance(inner, dict) else None
    if not isinstance(values, (list, tuple)):
        raise InvalidReferenceError("Std:Join: expected a list of Values")
    return Join(str(inner.get("On", "")), parse(values))


def _parse_json_get(inner: Any) -> Reference:
    path = inner.get("Path") if isinstance(inner, dict) else None
    if not isinstance(path, str):
        raise InvalidReferenceError("Std:JsonGet: expected a Path")
    if "S3Uri" in inner:
        return S3JsonGet(parse(inner["S3Uri"]), path)
    file = inner.get("PropertyFile")
    get = file.get("Get") if isinstance(file, dict) else None
    match = _PROPERTY_FILE.fullmatch(get) if isinstance(get, str) else None
    if match is None:
        raise InvalidReferenceError("Std:JsonGet: expected the Get of a PropertyFile, or an S3Uri")
    return JsonGet(match[1], match[2], path)


_FORMS: Mapping[str, Callable[[Any], Reference]] = {
    "Get": _parse_get,
    "Std:Join": _parse_join,
    "Std:JsonGet": _parse_json_get,
}


def render(value: Any) -> Any:
    """Return ``value`` as the JSON data of a definition; the opposite of :func:`parse`.

    >>> render((ParameterRef("Count"), 3))
    [{'Get': 'Parameters.Count'}, 3]
    """
    if isinstance(value, dict):
        return {key: item if type(item) in SCALARS else render(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [item if type(item) in SCALARS else render(item) for item in value]
    if isinstance(value, Reference):
        return value.expression
    return value


def references(value: Any) -> Iterator[Reference]:
    """Return every reference in ``value``, in order; a reference comes before those that it contains.

    Example:
        >>> [str(item) for item in references({"Uri": ["s3://bucket", ParameterRef("Folder")]})]
        ['${param.Folder}']
    """
    found: list[Reference] = []
    _collect(value, found)
    return iter(found)


def _collect(value: Any, found: list[Reference]) -> None:
    if isinstance(value, dict):
        for item in value.values():
            if type(item) not in SCALARS:
                _collect(item, found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if type(item) not in SCALARS:
                _collect(item, found)
    elif isinstance(value, Reference):
        found.append(value)
        if value.parts:
            _collect(value.parts, found)


def located_references(value: Any) -> list[tuple[FieldPath, Reference]]:
    """Return every reference in ``value`` with its path; in the place of a join those inside of it."""
    found: list[tuple[FieldPath, Reference]] = []
    _locate(value, found)
    return [(reversed_path[::-1], reference) for reversed_path, reference in found]


def _locate(value: Any, found: list[tuple[FieldPath, Reference]]) -> None:
    """Add references with their paths, last part first: no path is made for a value that holds no reference."""
    items: Iterable[tuple[str | int, Any]]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    elif isinstance(value, Reference) and not value.parts:
        found.append(((), value))
        return
    else:
        found += [((), part) for part in references(value) if not isinstance(part, Join)]
        return
    for part, item in items:
        if type(item) not in SCALARS:
            before = len(found)
            _locate(item, found)
            for index in range(before, len(found)):
                path, reference = found[index]
                found[index] = ((*path, part), reference)
