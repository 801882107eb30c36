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

_NO_DEFAULTS: Mapping[str, Any] = MappingProxyType({})

Address = tuple[Any, ...]
"""An S3 address as a sequence of literal strings and references. Adjacent strings are merged."""


@dataclass(frozen=True)
class Destination:
    """An address that a step writes to.

    Attributes:
        step: The name of the step.
        path: The path of the address, relative to the step's entry in the definition.
        name: The name of the output, if outputs of the step have names.
        address: The address, without a trailing slash.
        value: The address as written in the request.
    """

    step: str
    path: FieldPath
    name: str | None
    address: Address
    value: Any

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
    arguments = step.arguments
    if "ProcessingOutputConfig" in arguments:
        outputs = as_mapping(arguments["ProcessingOutputConfig"]).get("Outputs")
        for index, output in enumerate(outputs if isinstance(outputs, (list, tuple)) else ()):
            value = as_mapping(as_mapping(output).get("S3Output")).get("S3Uri")
            if isinstance(value, (str, Reference)):
                path = ("Arguments", "ProcessingOutputConfig", "Outputs", index, "S3Output", "S3Uri")
                name = str(as_mapping(output).get("OutputName"))
                yield Destination(
                    step.name, path, name, _without_slash(flatten_address(value, defaults)), value
                )
    for place in _PLACES:
        if place[0] in arguments:
            found: Any = arguments
            for part in place:
                found = as_mapping(found).get(part)
            if isinstance(found, (str, Reference)):
                address = _without_slash(flatten_address(found, defaults))
                yield Destination(step.name, ("Arguments", *place), None, address, found)


def find_all_destinations(definition: Definition) -> list[Destination]:
    """Return the addresses that the steps of a pipeline write to, with the defaults of parameters filled in."""
    defaults = definition.parameter_defaults()
    return [item for step in definition.steps for item in find_destinations(step, defaults)]


_PLACES: tuple[tuple[str, ...], ...] = (
    ("OutputDataConfig", "S3OutputPath"),
    ("TransformOutput", "S3OutputPath"),
    ("TrainingJobDefinition", "OutputDataConfig", "S3OutputPath"),
)


def _without_slash(address: Address) -> Address:
    if not _ends_with_slash(address):
        return address
    return tuple([part for part in (*address[:-1], address[-1].rstrip("/")) if part != ""])


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping of a definition; an empty one for any other value, which a definition from JSON may contain."""
    return value if isinstance(value, dict) else {}


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
