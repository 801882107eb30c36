"""Find S3 addresses that steps write to or read from and that are prefixes of other addresses.

SageMaker reads an input of the type ``S3Prefix`` by key prefix: ``s3://b/train`` also reads
``s3://b/train_labels/x.csv``. Source: SageMaker API reference, ``S3DataSource``, ``S3DataType``: "all objects that
match the specified key name prefix".

>>> starts_with(("s3://b/train_labels",), ("s3://b/train",))
True
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dagcast.check.steps import StepProblem
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import Join, ParameterRef, Reference
from dagcast.errors import Diagnostic
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


def spell(value: Any, defaults: Mapping[str, Any] = _NO_DEFAULTS) -> Address:
    """Return an S3 address as strings and references.

    Args:
        value: A string or a reference.
        defaults: By parameter: the value that replaces references to the parameter.

    >>> from dagcast.definition.references import ParameterRef
    >>> spell(Join("/", ("s3://b", "x", ParameterRef("P"))))
    ('s3://b/x/', ParameterRef(name='P'))
    """
    parts: list[Any] = []
    _spell(value, defaults, parts)
    return tuple(part for part in parts if part != "")


def _spell(value: Any, defaults: Mapping[str, Any], parts: list[Any]) -> None:
    if isinstance(value, ParameterRef) and defaults.get(value.name) is not None:
        value = defaults[value.name]
    if isinstance(value, Join):
        for index, item in enumerate(value.values):
            if index:
                _spell(value.on, defaults, parts)
            _spell(item, defaults, parts)
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
    return address == folder or starts_with(address, spell(Join("", (*folder, "/"))))


def find_destinations(step: Step, defaults: Mapping[str, Any] = _NO_DEFAULTS) -> Iterator[Destination]:
    """Yield each address that a step writes its results to.

    Args:
        step: The step.
        defaults: The defaults of the parameters, for :func:`spell`.
    """
    outputs = _mapping(step.arguments.get("ProcessingOutputConfig")).get("Outputs")
    for index, output in enumerate(outputs if isinstance(outputs, (list, tuple)) else ()):
        value = _mapping(_mapping(output).get("S3Output")).get("S3Uri")
        path = ("Arguments", "ProcessingOutputConfig", "Outputs", index, "S3Output", "S3Uri")
        yield from _destination(step, path, value, str(_mapping(output).get("OutputName")), defaults)
    for place in _PLACES:
        found: Any = step.arguments
        for part in place:
            found = _mapping(found).get(part)
        yield from _destination(step, ("Arguments", *place), found, None, defaults)


_PLACES: tuple[tuple[str, ...], ...] = (
    ("OutputDataConfig", "S3OutputPath"),
    ("TransformOutput", "S3OutputPath"),
    ("TrainingJobDefinition", "OutputDataConfig", "S3OutputPath"),
)


def _destination(
    step: Step, path: FieldPath, value: Any, name: str | None, defaults: Mapping[str, Any]
) -> Iterator[Destination]:
    if isinstance(value, (str, Reference)):
        address = spell(value, defaults)
        if address and isinstance(address[-1], str):
            address = spell(Join("", (*address[:-1], address[-1].rstrip("/"))))
        yield Destination(step.name, path, name, address, value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def find_sibling_prefixes(definition: Definition) -> Iterator[tuple[Destination, Destination]]:
    """Yield pairs of destinations such that an input that reads the first also reads the second.

    An address with a trailing slash reads only its own folder.

    Args:
        definition: The pipeline.
    """
    defaults = {parameter.name: parameter.default for parameter in definition.parameters}
    found = [item for step in definition.steps for item in find_destinations(step, defaults)]
    # In sorted order, all addresses with a common prefix directly follow the prefix.
    keyed = sorted(((tuple(map(str, item.address)), item) for item in found), key=lambda pair: pair[0])
    texts = ["\0".join(key) for key, _ in keyed]
    for index, (_, first) in enumerate(keyed):
        if _ends_with_slash(spell(first.value, defaults)):
            continue
        for position in range(index + 1, len(keyed)):
            if not texts[position].startswith(texts[index]):
                break
            second = keyed[position][1]
            if starts_with(second.address, first.address) and not is_below(second.address, first.address):
                yield first, second


def address_problems(definition: Definition, code: str | None = None) -> Iterator[StepProblem]:
    """Yield addresses whose prefix matches unexpected objects. Callers report them as warnings: this may be intended.

    Args:
        definition: The pipeline.
        code: The S3 folder with the pipeline's code, if it has staged code.
    """
    for first, second in find_sibling_prefixes(definition):
        if first.name is not None or first.path[1] == "TransformOutput":
            yield StepProblem(
                first.step,
                first.path,
                f"{first} is written to {_text(first.value)}, which {second} starts with as well: an input that "
                "reads the first one reads both",
                "data.sibling-prefix",
                "end the shorter one with a slash",
            )
    defaults = {parameter.name: parameter.default for parameter in definition.parameters}
    results = _PrefixIndex(item for step in definition.steps for item in find_destinations(step, defaults))
    for step in definition.steps:
        for path, value in _inputs(step):
            address = spell(value, defaults)
            result = results.first_longer(address)
            what = None
            if result is not None:
                what = f"the results of this pipeline ({result})"
            elif code is not None and starts_with((code,), address):
                what = "the code of this pipeline"
            if what is not None:
                yield StepProblem(
                    step.name,
                    path,
                    f"it reads everything whose key starts with {_text(value)}, {what} included",
                    "data.own-results",
                    "keep data apart from pipeline.prefix and from the destinations of steps",
                )


class _PrefixIndex:
    """An index of destinations by address prefix. Comparing every input with every destination is too slow."""

    def __init__(self, destinations: Iterable[Destination]) -> None:
        # In sorted order, all addresses with a common prefix directly follow the prefix.
        spelled = ((_joined(item.address), place, item) for place, item in enumerate(destinations))
        self._sorted = sorted(spelled, key=lambda entry: entry[:2])
        self._texts = [text for text, _, _ in self._sorted]
        self._found: dict[Address, Destination | None] = {}

    def first_longer(self, address: Address) -> Destination | None:
        """Return the first destination that starts with ``address`` and is longer, or ``None``."""
        # Cache the result: many steps may read the same address, and all destinations may start with it.
        if address not in self._found:
            self._found[address] = self._find(address)
        return self._found[address]

    def _find(self, address: Address) -> Destination | None:
        start = _joined(address)
        best: tuple[int, Destination] | None = None
        for index in range(bisect_left(self._texts, start), len(self._texts)):
            text, place, item = self._sorted[index]
            if not text.startswith(start):
                break
            fits = starts_with(item.address, address) and item.address != address
            if fits and (best is None or place < best[0]):
                best = place, item
        return best[1] if best is not None else None


def _joined(address: Address) -> str:
    return "\0".join(map(str, address))


def address_warnings(definition: Definition) -> Iterator[Diagnostic]:
    """Yield the :func:`address_problems` of a definition without a config as warnings."""
    for problem in address_problems(definition):
        message = f"step {problem.step!r}: {problem.message}"
        yield Diagnostic(message, None, "warning", code=problem.code, hint=problem.hint)


def _inputs(step: Step) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the addresses that a step reads by prefix, with their paths in the step's entry."""
    for index, item in _items(step.arguments.get("ProcessingInputs")):
        place: FieldPath = ("Arguments", "ProcessingInputs", index, "S3Input")
        yield from _prefix(_mapping(item.get("S3Input")), place)
    for job in ((), ("TrainingJobDefinition",)):
        request = _mapping(step.arguments.get(job[0])) if job else step.arguments
        for index, item in _items(request.get("InputDataConfig")):
            source = _mapping(_mapping(item.get("DataSource")).get("S3DataSource"))
            place = ("Arguments", *job, "InputDataConfig", index, "DataSource", "S3DataSource")
            yield from _prefix(source, place)
    data = _mapping(_mapping(step.arguments.get("TransformInput")).get("DataSource"))
    place = ("Arguments", "TransformInput", "DataSource", "S3DataSource")
    yield from _prefix(_mapping(data.get("S3DataSource")), place)


def _prefix(source: Mapping[str, Any], place: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    if source.get("S3DataType", "S3Prefix") == "S3Prefix" and isinstance(
        source.get("S3Uri"), (str, Reference)
    ):
        yield (*place, "S3Uri"), source["S3Uri"]


def _items(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
        yield index, _mapping(item)


def _ends_with_slash(address: Address) -> bool:
    return bool(address) and isinstance(address[-1], str) and address[-1].endswith("/")


def _text(value: Any) -> str:
    return repr(str(value))
