"""References: the values of a request that are known only when the pipeline runs.

A request is plain data (mappings, sequences, strings, numbers, booleans) with references in it. Their
spelling in the pipeline definition is what the service documents for the pipeline definition JSON schema:
``{"Get": ...}``, ``{"Std:Join": ...}`` and ``{"Std:JsonGet": ...}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn


class Reference:
    """Base of all references."""

    __slots__ = ()

    @property
    def expression(self) -> dict[str, Any]:
        """The reference as the pipeline definition spells it."""
        raise TypeError(f"{type(self).__name__} has no expression")

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the steps whose results this reference reads."""
        return ()


@dataclass(frozen=True)
class ParameterRef(Reference):
    """The value of a pipeline parameter: ``${param.Name}``."""

    name: str

    @property
    def expression(self) -> dict[str, Any]:
        return {"Get": f"Parameters.{self.name}"}

    def __str__(self) -> str:
        return f"${{param.{self.name}}}"


@dataclass(frozen=True)
class ExecutionVariable(Reference):
    """A variable of the execution: ``${exec.PipelineExecutionId}``."""

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
        path: The property path below the step, as the definition spells it, such as ``Outputs['train'].S3Uri``.
    """

    step: str
    path: str

    @property
    def expression(self) -> dict[str, Any]:
        return {"Get": f"Steps.{self.step}.{self.path}"}

    @property
    def steps(self) -> tuple[str, ...]:
        return (self.step,)

    def __str__(self) -> str:
        return f"${{step.{self.step}.{self.path}}}"


@dataclass(frozen=True)
class JsonGet(Reference):
    """A value out of a property file: ``${json.evaluate.EvaluationReport.metrics.mse.value}``.

    Attributes:
        step: The processing step that declares the property file.
        property_file: The name of the property file.
        path: The JSON path of the value in the file.
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
class Join(Reference):
    """Strings and references joined into one string when the pipeline runs.

    Attributes:
        on: The separator.
        values: Literal strings and references, in order.
    """

    on: str
    values: tuple[str | Reference, ...]

    @property
    def expression(self) -> dict[str, Any]:
        return {"Std:Join": {"On": self.on, "Values": [render(value) for value in self.values]}}

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(step for value in self.values if isinstance(value, Reference) for step in value.steps)

    def __str__(self) -> str:
        return self.on.join(str(value) for value in self.values)


class FrozenError(TypeError):
    """Something that is frozen was to be changed."""


class FrozenDict(dict[str, Any]):
    """A mapping that cannot be changed; JSON-ready and as fast to read as a ``dict``."""

    __slots__ = ()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise FrozenError("this mapping is frozen: make a changed copy with thaw() and freeze()")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return (FrozenDict, (dict(self),))


_SCALARS = frozenset({str, int, float, bool, type(None)})
"""The types of most values in a request. They hold no others, which spares a call for each."""


def freeze(value: Any) -> Any:
    """``value`` with every mapping and sequence in it frozen, at any depth."""
    if isinstance(value, FrozenDict):
        return value
    if isinstance(value, dict):
        return FrozenDict(
            {key: item if type(item) in _SCALARS else freeze(item) for key, item in value.items()}
        )
    if isinstance(value, list):
        return tuple([item if type(item) in _SCALARS else freeze(item) for item in value])
    if isinstance(value, tuple):
        frozen = tuple([freeze(item) for item in value])
        # What is frozen already stays the same object, so that a change can be found by identity.
        return value if all(a is b for a, b in zip(frozen, value, strict=True)) else frozen
    return value


def thaw(value: Any) -> Any:
    """A copy of ``value`` made of ordinary dicts and lists, to be changed freely; references stay."""
    if isinstance(value, dict):
        return {key: item if type(item) in _SCALARS else thaw(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(item) for item in value]
    return value


def render(value: Any) -> Any:
    """``value`` as the pipeline definition spells it: plain JSON data, references as expressions."""
    if isinstance(value, dict):
        return {key: item if type(item) in _SCALARS else render(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [item if type(item) in _SCALARS else render(item) for item in value]
    if isinstance(value, Reference):
        return value.expression
    return value


def references(value: Any) -> Iterator[Reference]:
    """Every reference inside ``value``, in order, those inside joins included (each join first)."""
    found: list[Reference] = []
    _collect(value, found)
    return iter(found)


def _collect(value: Any, found: list[Reference]) -> None:
    if isinstance(value, dict):
        for item in value.values():
            if type(item) not in _SCALARS:
                _collect(item, found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if type(item) not in _SCALARS:
                _collect(item, found)
    elif isinstance(value, Reference):
        found.append(value)
        if isinstance(value, Join):
            _collect(value.values, found)
