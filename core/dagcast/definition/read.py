"""Read pipeline definitions: the opposite of :mod:`dagcast.definition.write`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, get_args

from dagcast.dag import topological_order
from dagcast.definition.dependencies import BRANCHES, TRIGGERS
from dagcast.definition.describe_file import describe_file
from dagcast.definition.model import Definition, ParameterSpec, ParameterType, Step, is_step_name
from dagcast.definition.references import (
    EXECUTION_VARIABLES,
    ExecutionVariable,
    InvalidReferenceError,
    ParameterRef,
    UnknownReference,
    parse,
)
from dagcast.definition.values import FrozenDict, freeze
from dagcast.errors import DiagnosticSink, InvalidInputError, Location, did_you_mean

MAX_DEPTH = 200
"""The most levels of nesting in the JSON of a definition: far more than conditions need, and within Python's recursion
limit."""
_MAX_HINTS = 20
"""The most errors with a hint: finding the nearest of many names takes time."""
_PARAMETER_TYPES = get_args(ParameterType)
_OWN_KEYS = frozenset({"Name", "Type", "Arguments", "DependsOn"})
"""The keys of a step's entry that are attributes of :class:`Step`."""
_TEXTS = ("DisplayName", "Description")
"""Further such keys, if their value is a non-empty string."""


def read_definition(text: str, file: str = "definition.json") -> Definition:
    """Read the JSON of a definition.

    Unknown keys of a step are kept in its ``fields``. Other unknown keys are ignored.

    Args:
        text: The JSON text.
        file: The file's name in errors.

    Returns:
        The definition; its steps have no cycles.

    Raises:
        InvalidInputError: With every error in the definition.
        CycleError: If steps wait for each other.
    """
    sink = DiagnosticSink()
    reader = _Reader(sink, Location(file))
    definition = reader.read(text)
    sink.raise_errors()
    edges = (
        (other, name)
        for name, dependencies in definition.dependencies.items()
        for other in dependencies.steps
    )
    topological_order(definition.dependencies, edges, Location(file))
    return definition


class _Reader:
    def __init__(self, sink: DiagnosticSink, location: Location) -> None:
        self._sink = sink
        self._location = location
        self._parameters: dict[str, ParameterSpec] = {}
        self._steps: dict[str, Step] = {}
        self._invalid: set[str] = set()
        """The names of steps with errors: references to them are not reported as unknown."""

    def read(self, text: str) -> Definition:
        data = self._parse_json(text)
        self._read_parameters(data.get("Parameters", []))
        self._read_steps(data["Steps"], "Steps")
        definition = Definition(
            parameters=tuple(self._parameters.values()),
            steps=tuple(self._steps.values()),
            experiment=self._read_experiment(data.get("PipelineExperimentConfig")),
        )
        for step in definition.steps:
            self._check_references(step, definition.dependencies[step.name].steps)
        return definition

    def _error(self, message: str, *, code: str, hint: str | None = None) -> None:
        self._sink.error(message, self._location, code=code, hint=hint)

    def _parse_json(self, text: str) -> dict[str, Any]:
        try:
            data: Any = json.loads(text)
            too_deep = _deeper_than(data, MAX_DEPTH)
        except ValueError as error:
            self._error(f"invalid JSON: {error}", code="definition.invalid-json")
            raise InvalidInputError(self._sink.errors) from None
        except RecursionError:
            data, too_deep = None, True
        if too_deep:
            self._error(f"the JSON is nested more than {MAX_DEPTH} deep", code="definition.too-deep")
            raise InvalidInputError(self._sink.errors)
        if not isinstance(data, dict) or not isinstance(data.get("Steps"), list):
            self._error(
                "expected an object with a list of Steps",
                code="definition.wrong-type",
                hint=describe_file(data),
            )
            raise InvalidInputError(self._sink.errors)
        return data

    def _read_parameters(self, entries: Any) -> None:
        if not isinstance(entries, list):
            self._error("Parameters: expected a list", code="definition.wrong-type")
            return
        for number, entry in enumerate(entries):
            where = f"Parameters[{number}]"
            if not isinstance(entry, dict) or not isinstance(entry.get("Name"), str):
                self._error(f"{where}: expected an object with a Name", code="definition.wrong-type")
                continue
            name, kind, enum = entry["Name"], entry.get("Type", "String"), entry.get("EnumValues")
            if name in self._parameters:
                self._error(f"{where}: duplicate parameter {name!r}", code="definition.duplicate")
            elif kind not in _PARAMETER_TYPES:
                message = f"{where}.Type: expected one of {', '.join(_PARAMETER_TYPES)}, got {kind!r}"
                self._error(message, code="definition.wrong-type")
            else:
                allowed = freeze(enum) if isinstance(enum, list) else ()
                self._parameters[name] = ParameterSpec(name, kind, entry.get("DefaultValue"), allowed)

    def _read_experiment(self, data: Any) -> FrozenDict | None:
        try:
            experiment = parse(data)
        except InvalidReferenceError as error:
            self._error(f"PipelineExperimentConfig: {error}", code="definition.invalid-reference")
            return None
        if experiment is not None and not isinstance(experiment, FrozenDict):
            self._error("PipelineExperimentConfig: expected an object", code="definition.wrong-type")
            return None
        return experiment

    def _read_steps(self, entries: Any, where: str) -> None:
        if not isinstance(entries, list):
            self._error(f"{where}: expected a list of steps", code="definition.wrong-type")
            return
        for number, entry in enumerate(entries):
            here = f"{where}[{number}]"
            if not isinstance(entry, dict):
                self._error(f"{here}: expected an object", code="definition.wrong-type")
                continue
            name, branches = entry.get("Name"), _branches(entry)
            if not isinstance(name, str) or not is_step_name(name):
                message = f"{here}.Name: invalid step name {name!r}: expected letters, digits, - and _"
                self._error(message, code="definition.invalid-name")
                continue
            step = self._read_step(name, entry, branches, here)
            if step is None:
                self._invalid.add(name)
                continue
            if name in self._steps:
                self._error(f"{here}: duplicate step {name!r}", code="definition.duplicate")
            self._steps[name] = step
            for key, inner in branches.items():
                self._read_steps(inner, f"{here}.Arguments.{key}")

    def _read_step(
        self, name: str, entry: dict[str, Any], branches: dict[str, Any], where: str
    ) -> Step | None:
        """Return the step of one entry, without the steps of its branches; ``None`` after reporting an error."""
        kind, arguments = entry.get("Type"), entry.get("Arguments", {})
        if not isinstance(kind, str):
            self._error(f"{where}.Type: expected a string", code="definition.wrong-type")
            return None
        if not isinstance(arguments, dict):
            self._error(f"{where}.Arguments: expected an object", code="definition.wrong-type")
            return None
        triggers = _parse_depends_on(entry.get("DependsOn") or [])
        if triggers is None:
            self._error(
                f"{where}.DependsOn: expected a list of names, or of objects with Step and Trigger",
                code="definition.wrong-type",
                hint=f"a Trigger is one of {', '.join(TRIGGERS)}",
            )
            return None
        texts = {key: entry[key] for key in _TEXTS if isinstance(entry.get(key), str) and entry[key]}
        if branches:
            arguments = {key: value for key, value in arguments.items() if key not in branches}
        rest = {key: value for key, value in entry.items() if key not in _OWN_KEYS and key not in texts}
        try:
            own = FrozenDict({key: parse(value) for key, value in arguments.items()})
            fields = FrozenDict({key: parse(value) for key, value in rest.items()})
        except InvalidReferenceError as error:
            self._error(f"{where}: {error}", code="definition.invalid-reference")
            return None
        return Step(
            name=name,
            definition_type=kind,
            arguments=own,
            fields=fields,
            depends_on=tuple(triggers),
            triggers=FrozenDict({other: how for other, how in triggers.items() if how != "Completed"}),
            display_name=texts.get("DisplayName"),
            description=texts.get("Description"),
            if_steps=_step_names(branches.get("IfSteps")),
            else_steps=_step_names(branches.get("ElseSteps")),
        )

    def _check_references(self, step: Step, waits_for: tuple[str, ...]) -> None:
        where = f"step {step.name!r}"
        for other in waits_for:
            if other not in self._steps and other not in self._invalid:
                self._error(
                    f"{where}: unknown step {other!r}",
                    code="reference.unknown-step",
                    hint=self._hint(other, self._steps),
                )
        for reference in step.references():
            if isinstance(reference, ParameterRef) and reference.name not in self._parameters:
                hint = self._hint(reference.name, self._parameters)
                self._error(
                    f"{where}: unknown parameter {reference.name!r}",
                    code="reference.unknown-parameter",
                    hint=hint,
                )
            elif isinstance(reference, ExecutionVariable) and reference.name not in EXECUTION_VARIABLES:
                hint = self._hint(reference.name, EXECUTION_VARIABLES)
                self._error(
                    f"{where}: unknown execution variable {reference.name!r}",
                    code="definition.invalid-reference",
                    hint=hint,
                )
            elif isinstance(reference, UnknownReference):
                self._error(
                    f"{where}: {reference.get!r} refers to nothing", code="definition.invalid-reference"
                )

    def _hint(self, name: str, known: Iterable[str]) -> str | None:
        return did_you_mean(name, known) if len(self._sink.diagnostics) < _MAX_HINTS else None


def _deeper_than(data: Any, limit: int) -> bool:
    level = [data]
    for _ in range(limit):
        level = [
            inner
            for value in level
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _branches(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the branches of a condition step by key; empty for other steps."""
    arguments = entry.get("Arguments")
    if entry.get("Type") != "Condition" or not isinstance(arguments, dict):
        return {}
    return {key: arguments[key] for key in BRANCHES if key in arguments}


def _step_names(entries: Any) -> tuple[str, ...]:
    """Return the names of the steps of a branch, without those of invalid entries, which are reported."""
    named = (
        [entry.get("Name") for entry in entries if isinstance(entry, dict)]
        if isinstance(entries, list)
        else ()
    )
    return tuple(name for name in named if isinstance(name, str))


def _parse_depends_on(entries: Any) -> dict[str, str] | None:
    """Return the triggers in ``DependsOn`` by the names of steps; ``None`` if it is invalid."""
    found: dict[str, str] = {}
    for entry in entries if isinstance(entries, list) else (None,):
        name, trigger = (entry, "Completed") if isinstance(entry, str) else (None, None)
        if isinstance(entry, dict):
            name, trigger = entry.get("Step"), entry.get("Trigger", "Completed")
        if not isinstance(name, str) or trigger not in TRIGGERS:
            return None
        found[name] = trigger
    return found
