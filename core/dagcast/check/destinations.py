"""The S3 addresses that steps write to, and which of them are prefixes of others.

SageMaker reads an input of the type ``S3Prefix`` by key prefix: ``s3://b/train`` also reads
``s3://b/train_labels/x.csv``. Source: SageMaker API reference, ``S3DataSource``, ``S3DataType``: "all objects that
match the specified key name prefix".

>>> starts_with(("s3://b/train_labels",), ("s3://b/train",))
True
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from dagcast.definition.model import Definition, Step
from dagcast.definition.references import Join, ParameterRef, Reference
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.sagemaker.data_fields import data_fields
from dagcast.sagemaker.path_patterns import find_values

_NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})

Address = tuple[Any, ...]
"""An S3 address as a sequence of literal strings and references. Adjacent strings are merged."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """An address that a step writes to.

    Attributes:
        step: The name of the step.
        path: The path of the address, relative to the step's entry in the definition.
        name: The name of the output, if outputs of the step have names.
        address: The address, without a trailing slash.
        value: The address as written in the request.
        per_job: Whether each job writes below the address, under its own name.
    """

    step: str
    path: FieldPath
    name: str | None
    address: Address
    value: Any
    per_job: bool = False

    def __str__(self) -> str:
        return f"output {self.name!r} of step {self.step!r}" if self.name else f"step {self.step!r}"


def flatten_address(value: Any, defaults: Mapping[str, Any] = _NO_DEFAULTS) -> Address:
    """Return an S3 address as strings and references.

    Args:
        value: A string or a reference.
        defaults: By parameter: the value that replaces references to the parameter.

    >>> from dagcast.definition.references import ParameterRef
    >>> flatten_address(Join("/", ("s3://b", "x", ParameterRef("P"))))
    ('s3://b/x/', ParameterRef(name='P'))
    """
    if type(value) is str:
        return (value,) if value else ()
    parts: list[Any] = []
    _flatten(value, defaults, parts)
    return tuple([part for part in parts if part != ""])


def _flatten(value: Any, defaults: Mapping[str, Any], parts: list[Any]) -> None:
    if isinstance(value, ParameterRef) and defaults.get(value.name) is not None:
        value = defaults[value.name]
    if isinstance(value, Join):
        for index, item in enumerate(value.values):
            if index:
                _flatten(value.on, defaults, parts)
            _flatten(item, defaults, parts)
    elif isinstance(value, Reference):
        parts.append(value)
    elif parts and isinstance(parts[-1], str):
        parts[-1] += str(value)
    else:
        parts.append(str(value))


def starts_with(address: Address, start: Address) -> bool:
    """Return whether ``start`` is a prefix of ``address`` for all values of their references.

    Args:
        address: The longer address.
        start: The shorter address. Equal addresses start with each other.
    """
    if not start:
        return True
    *before, last = start
    if len(address) < len(start) or address[: len(before)] != tuple(before):
        return False
    part = address[len(before)]
    if isinstance(last, str):
        return isinstance(part, str) and part.startswith(last)
    return bool(part == last)


def is_below(address: Address, folder: Address) -> bool:
    """Return whether ``address`` equals ``folder`` or is inside it. A slash separates the folder from its content."""
    return address == folder or starts_with(address, flatten_address(Join("", (*folder, "/"))))


def find_destinations(step: Step, defaults: Mapping[str, Any] = _NO_DEFAULTS) -> Iterator[Destination]:
    """Yield each address that a step writes its results to.

    Args:
        step: The step.
        defaults: The defaults of the parameters, for :func:`flatten_address`.
    """
    fields = data_fields(step.definition_type)
    for patterns, per_job in ((fields.writes, False), (fields.job_outputs, True)):
        for pattern in patterns:
            # The step's entry is not made for it: all these fields are in the request.
            for path, value in find_values(step.arguments, pattern[1:]):
                if isinstance(value, (str, Reference)):
                    address = _without_slash(flatten_address(value, defaults))
                    name = _output_name(step.arguments, path)
                    yield Destination(
                        step=step.name,
                        path=("Arguments", *path),
                        name=name,
                        address=address,
                        value=value,
                        per_job=per_job,
                    )


def _output_name(arguments: Mapping[str, Any], path: FieldPath) -> str | None:
    """Return the name of the output of a processing job that an address belongs to; ``None`` for other addresses."""
    if path[0] != "ProcessingOutputConfig":
        return None
    return str(arguments["ProcessingOutputConfig"]["Outputs"][path[2]].get("OutputName"))


def find_all_destinations(definition: Definition) -> list[Destination]:
    """Return the addresses that the steps of a pipeline write to, with the defaults of parameters filled in."""
    defaults = definition.parameter_defaults()
    return [item for step in definition.steps for item in find_destinations(step, defaults)]


def _without_slash(address: Address) -> Address:
    if not _ends_with_slash(address):
        return address
    return tuple([part for part in (*address[:-1], address[-1].rstrip("/")) if part != ""])


def find_sibling_prefixes(definition: Definition) -> Iterator[tuple[Destination, Destination]]:
    """Yield pairs of destinations such that an input that reads the first also reads the second.

    An address with a trailing slash reads only its own folder.

    Args:
        definition: The pipeline.
    """
    defaults = definition.parameter_defaults()
    found = find_all_destinations(definition)
    # In sorted order, all addresses with a common prefix directly follow the prefix.
    keyed = sorted(((tuple(map(str, item.address)), item) for item in found), key=lambda pair: pair[0])
    texts = ["\0".join(key) for key, _ in keyed]
    for index in range(len(keyed) - 1):
        if not texts[index + 1].startswith(texts[index]):
            continue
        first = keyed[index][1]
        if _ends_with_slash(flatten_address(first.value, defaults)):
            continue
        for position in range(index + 1, len(keyed)):
            if not texts[position].startswith(texts[index]):
                break
            second = keyed[position][1]
            if starts_with(second.address, first.address) and not is_below(second.address, first.address):
                yield first, second


def _ends_with_slash(address: Address) -> bool:
    return bool(address) and isinstance(address[-1], str) and address[-1].endswith("/")
