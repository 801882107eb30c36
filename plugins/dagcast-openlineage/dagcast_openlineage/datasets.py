"""Find the datasets that steps read and write, and name them as OpenLineage does.

An S3 URI is a dataset with namespace ``s3://bucket`` and the key as its name. A value that is unknown before an
execution is a placeholder (``${exec.PipelineExecutionId}``); a parameter is its default. Data without an address
before it exists, such as the archive of a trained model, is named ``pipeline.step/port`` in the namespace of the jobs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from dagcast.plugin import (
    FieldPattern,
    Join,
    OutputPort,
    ParameterRef,
    PipelineSpec,
    Reference,
    StepProperty,
    StepSpec,
    data_fields,
    find_values,
    parse_property_path,
)

DATA_KINDS = frozenset(
    {"dataset", "model", "report", "statistics", "constraints", "bias-report", "explainability-report"}
)
"""The kinds of output ports that are data; the other kinds are names."""

NAMING_KEYS = ("OutputName", "InputName", "ChannelName")
"""The members that property paths such as ``Outputs['train']`` use to select an item of a list."""

_URI = re.compile(r"(?P<namespace>[a-z][a-z0-9+.-]*://[^/]+)/*(?P<name>.*?)/*", re.DOTALL)
_PROPERTY_ROOTS = MappingProxyType({"EMR": ("Config.", "StepConfig.HadoopJarStep.")})
"""By type: the prefix of a property path, and what the request has in its place, where they differ."""


@dataclass(frozen=True)
class DatasetName:
    """The name of a dataset in OpenLineage.

    Attributes:
        namespace: Its place, such as ``s3://bucket``.
        name: Its name, unique in the namespace.
    """

    namespace: str
    name: str


@dataclass(frozen=True)
class StepData:
    """The datasets of one step.

    Attributes:
        inputs: The datasets that it reads, in the order of the request, without duplicates.
        outputs: The datasets that it writes, in the order of the ports, then of the request, without duplicates.
    """

    inputs: tuple[DatasetName, ...]
    outputs: tuple[DatasetName, ...]


def find_datasets(
    spec: PipelineSpec, ports: Mapping[str, tuple[OutputPort, ...]], namespace: str
) -> dict[str, StepData]:
    """Return the datasets that each step reads and writes, by name of the step.

    Args:
        spec: The pipeline.
        ports: The output ports of each step.
        namespace: The namespace of datasets without an address.
    """
    naming = _Naming(spec, ports, namespace)
    inputs: dict[str, list[DatasetName]] = {step.name: [] for step in spec.steps}
    outputs: dict[str, list[DatasetName]] = {step.name: [] for step in spec.steps}
    code = frozenset(staged.uri for staged in spec.staged)
    for step in spec.steps:
        data = data_fields(step.definition_type)
        data_ports = [port.value for port in ports.get(step.name, ()) if port.kind in DATA_KINDS]
        outputs[step.name] += [
            naming.dataset(value) for value in (*data_ports, *_values(step, data.writes + data.job_outputs))
        ]
        for value in _values(step, data.reads + data.reports):
            if _is_code(value, code):
                continue
            inputs[step.name].append(naming.dataset(value))
            # A property without a port is still an output of the other step.
            if isinstance(value, StepProperty) and value.step in outputs:
                outputs[value.step].append(naming.dataset(value))
    return {name: StepData(_unique(inputs[name]), _unique(outputs[name])) for name in inputs}


def _values(step: StepSpec, patterns: Iterable[FieldPattern]) -> Iterator[Any]:
    """Yield every value that is set at one of the patterns."""
    entry: dict[str, Any] = {"Arguments": step.arguments, **step.fields}
    for pattern in patterns:
        yield from (value for _, value in find_values(entry, pattern) if value)


def _is_code(value: Any, code: Iterable[str]) -> bool:
    """Return whether a URI is that of staged code or of a folder with staged code."""
    return isinstance(value, str) and any(
        uri == value or uri.startswith(f"{value.rstrip('/')}/") for uri in code
    )


def _unique(names: Iterable[DatasetName]) -> tuple[DatasetName, ...]:
    return tuple(dict.fromkeys(names))


class _Naming:
    def __init__(
        self, spec: PipelineSpec, ports: Mapping[str, tuple[OutputPort, ...]], namespace: str
    ) -> None:
        self.pipeline = spec.name
        self.namespace = namespace
        self.steps = {step.name: step for step in spec.steps}
        self.defaults = spec.parameter_defaults()
        self.port_names = {(name, port.value): port.name for name, found in ports.items() for port in found}
        self._known: dict[Any, DatasetName] = {}

    def dataset(self, value: Any) -> DatasetName:
        """Return the dataset of a URI or of a reference to one."""
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = self._named(value)
        return known

    def _named(self, value: Any) -> DatasetName:
        if isinstance(value, StepProperty):
            requested = self._requested(value)
            if requested is not None:
                return self.dataset(requested)
            port = self.port_names.get((value.step, value), value.path)
            return DatasetName(self.namespace, f"{self.pipeline}.{value.step}/{port}")
        text = self._text(value)
        uri = _URI.fullmatch(text)
        if uri is None:
            return DatasetName(self.namespace, f"{self.pipeline}/{text}")
        return DatasetName(uri["namespace"], uri["name"] or "/")

    def _text(self, value: Any) -> str:
        """Return a value as text, with placeholders for values that are unknown before an execution."""
        if isinstance(value, ParameterRef):
            default = self.defaults.get(value.name)
            return str(value if default is None else default)
        if isinstance(value, Join):
            return value.on.join(self._text(part) for part in value.values)
        if isinstance(value, StepProperty):
            requested = self._requested(value)
            return str(value) if requested is None else self._text(requested)
        return str(value)

    def _requested(self, reference: StepProperty) -> Any:
        """Return the value of a property in the other step's request, if the property repeats a part of it."""
        step = self.steps.get(reference.step)
        if step is None:
            return None
        value: Any = step.arguments
        for part in _parts(step, reference.path):
            value = _child(value, part)
        return value if isinstance(value, (str, Reference)) else None


def _parts(step: StepSpec, path: str) -> tuple[str | int, ...]:
    """Return the parts of a property path, from the root of the request."""
    root = _PROPERTY_ROOTS.get(step.definition_type)
    if root is not None and path.startswith(root[0]):
        path = root[1] + path.removeprefix(root[0])
    return _split(path)


@lru_cache(maxsize=1024)
def _split(path: str) -> tuple[str | int, ...]:
    return tuple(segment.value for segment in parse_property_path(path) or ())


def _child(value: Any, part: str | int) -> Any:
    """Return the item of a mapping or list that a part of a path selects; ``None`` for a missing item."""
    if isinstance(value, dict):
        return value.get(part)
    if not isinstance(value, (list, tuple)):
        return None
    if isinstance(part, int):
        return value[part] if part < len(value) else None
    for item in value:
        if isinstance(item, dict) and any(item.get(key) == part for key in NAMING_KEYS):
            return item
    return None
