"""Reads a pipeline definition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagcast.definition.references import is_reference, referenced_step, references
from dagcast.errors import CycleError, DiagnosticSink, InvalidInputError, Location, did_you_mean

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_BRANCHES = ("IfSteps", "ElseSteps")
MAX_DEPTH = 200
"""How deep the JSON of a definition may be nested: far beyond what conditions need, within what Python recurses."""
_HINTS = 20
"""How many mistakes get a hint: each is looked for among all names, and those of a large definition are many."""
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
"""Source: ``ExecutionVariables`` of the SageMaker Python SDK; the names of jobs hold in the step of the job alone."""

TRIGGERS = ("Completed", "Failed", "Stopped", "Any")
"""How a step that another waits for may have to end. Source: ``TriggerCondition`` of the SageMaker Python SDK 3."""


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: Unique in the pipeline.
        type: Its ``Type``.
        arguments: Its ``Arguments``, with references; a condition step's branches are left out.
        body: The whole step, with references; a condition step's branches are left out.
        depends_on: All steps that it waits for: ``DependsOn``, those it refers to, and the condition it stands in.
        inside: The condition step whose branch it stands in.
        branch: ``IfSteps`` or ``ElseSteps``.
        triggers: By name of a step that it waits for: how that has to end, one of :data:`TRIGGERS`; those that have to
            succeed are left out.
    """

    name: str
    type: str
    arguments: Mapping[str, Any]
    body: Mapping[str, Any]
    depends_on: tuple[str, ...] = ()
    inside: str | None = None
    branch: str | None = None
    triggers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """A pipeline definition.

    Attributes:
        steps: By name, in the order written; the steps of branches after their condition.
        parameters: As written, by name.
    """

    steps: Mapping[str, Step]
    parameters: Mapping[str, Mapping[str, Any]]


def read_definition(text: str, file: str = "definition.json") -> Definition:
    """Read a definition; keys that are not known are let be.

    Raises:
        InvalidInputError: With everything that is wrong.
        CycleError: If steps wait for each other.
    """
    sink = DiagnosticSink()
    at = Location(file)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        sink.error(f"this is no JSON: {error}", at, code="definition.invalid-json")
        raise InvalidInputError(sink.errors) from None
    if _deeper_than(data, MAX_DEPTH):
        sink.error(f"this is nested more than {MAX_DEPTH} deep", at, code="definition.too-deep")
        raise InvalidInputError(sink.errors)
    if not isinstance(data, Mapping) or not isinstance(data.get("Steps"), list):
        sink.error("expected an object with a list of Steps", at, code="definition.wrong-type")
        raise InvalidInputError(sink.errors)
    parameters: dict[str, Mapping[str, Any]] = {}
    listed = data.get("Parameters", [])
    if not isinstance(listed, list):
        sink.error("Parameters: expected a list", at, code="definition.wrong-type")
        listed = []
    for number, parameter in enumerate(listed):
        if not isinstance(parameter, Mapping) or not isinstance(parameter.get("Name"), str):
            sink.error(
                f"Parameters[{number}]: expected an object with a Name", at, code="definition.wrong-type"
            )
        elif parameter["Name"] in parameters:
            sink.error(
                f"Parameters[{number}]: {parameter['Name']!r} is there twice", at, code="definition.duplicate"
            )
        else:
            parameters[parameter["Name"]] = parameter
    steps: dict[str, Step] = {}
    for path, step in _steps(data["Steps"], "Steps", inside=None, branch=None, sink=sink, at=at):
        if step.name in steps:
            sink.error(f"{path}: there is a second step {step.name!r}", at, code="definition.duplicate")
        steps[step.name] = step
    for step in steps.values():
        _check_references(step, steps, parameters, sink, at)
    sink.raise_errors()
    _refuse_cycles(steps, at)
    return Definition(steps, parameters)


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


def _steps(
    listed: Any, path: str, *, inside: str | None, branch: str | None, sink: DiagnosticSink, at: Location
) -> Iterator[tuple[str, Step]]:
    if not isinstance(listed, list):
        sink.error(f"{path}: expected a list of steps", at, code="definition.wrong-type")
        return
    for number, body in enumerate(listed):
        here = f"{path}[{number}]"
        if not isinstance(body, Mapping):
            sink.error(f"{here}: expected an object", at, code="definition.wrong-type")
            continue
        name, kind, arguments = body.get("Name"), body.get("Type"), body.get("Arguments", {})
        after = body.get("DependsOn") or []
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            sink.error(
                f"{here}.Name: {name!r} is no step name: letters, digits, - and _",
                at,
                code="definition.invalid-name",
            )
            continue
        if not isinstance(kind, str):
            sink.error(f"{here}.Type: expected a text", at, code="definition.wrong-type")
            continue
        if not isinstance(arguments, Mapping):
            sink.error(f"{here}.Arguments: expected an object", at, code="definition.wrong-type")
            continue
        triggers = _triggers(after)
        if triggers is None:
            sink.error(
                f"{here}.DependsOn: expected a list of names, or of objects with Step and Trigger",
                at,
                code="definition.wrong-type",
                hint=f"a Trigger is one of {', '.join(TRIGGERS)}",
            )
            continue
        branches = {key: arguments[key] for key in _BRANCHES if key in arguments and kind == "Condition"}
        own = {key: value for key, value in arguments.items() if key not in branches}
        rest = {**body, "Arguments": own}
        if not _well_formed(rest):
            sink.error(
                f"{here}: a Get, Std:Join or Std:JsonGet is written wrongly",
                at,
                code="definition.invalid-reference",
            )
            continue
        waits = dict.fromkeys([*([inside] if inside else []), *triggers])
        waits.update(dict.fromkeys(s for get in references(rest) if (s := referenced_step(get))))
        others = {other: trigger for other, trigger in triggers.items() if trigger != "Completed"}
        yield here, Step(name, kind, own, rest, tuple(waits), inside, branch, others)
        for key, inner in branches.items():
            yield from _steps(inner, f"{here}.Arguments.{key}", inside=name, branch=key, sink=sink, at=at)


def _triggers(after: Any) -> dict[str, str] | None:
    """By name: the trigger of each entry of ``DependsOn``; ``None`` if it is no such list."""
    found: dict[str, str] = {}
    for entry in after if isinstance(after, list) else (None,):
        name, trigger = (entry, "Completed") if isinstance(entry, str) else (None, None)
        if isinstance(entry, Mapping):
            name, trigger = entry.get("Step"), entry.get("Trigger", "Completed")
        if not isinstance(name, str) or trigger not in TRIGGERS:
            return None
        found[name] = trigger
    return found


def _well_formed(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_well_formed, value))
    if not isinstance(value, Mapping):
        return True
    if is_reference(value):
        form, inner = next(iter(value.items()))
        if form == "Get":
            return isinstance(inner, str)
        if not isinstance(inner, Mapping):
            return False
        if form == "Std:Join" and not isinstance(inner.get("Values"), list):
            return False
        if form == "Std:JsonGet":
            file = inner.get("PropertyFile")
            get = file.get("Get") if isinstance(file, Mapping) else None
            parts = get.split(".", 3) if isinstance(get, str) else []
            named = len(parts) == 4 and parts[2] == "PropertyFiles"
            if not isinstance(inner.get("Path"), str) or not ("S3Uri" in inner or named):
                return False
    return all(map(_well_formed, value.values()))


def _check_references(
    step: Step,
    steps: Mapping[str, Step],
    parameters: Mapping[str, Any],
    sink: DiagnosticSink,
    at: Location,
) -> None:
    where = f"step {step.name!r}"
    for other in step.depends_on:
        if other not in steps:
            hint = did_you_mean(other, steps) if len(sink.diagnostics) < _HINTS else None
            sink.error(f"{where}: there is no step {other!r}", at, code="reference.unknown-step", hint=hint)
    for get in references(step.body):
        room, _, name = get.partition(".")
        if room == "Parameters" and name not in parameters:
            hint = did_you_mean(name, parameters) if len(sink.diagnostics) < _HINTS else None
            sink.error(
                f"{where}: there is no parameter {name!r}", at, code="reference.unknown-parameter", hint=hint
            )
        elif room == "Execution" and name not in EXECUTION_VARIABLES:
            hint = did_you_mean(name, EXECUTION_VARIABLES)
            sink.error(
                f"{where}: unknown execution variable {name!r}",
                at,
                code="definition.invalid-reference",
                hint=hint,
            )
        elif room not in ("Parameters", "Execution") and referenced_step(get) is None:
            sink.error(f"{where}: {get!r} refers to nothing", at, code="definition.invalid-reference")


def _refuse_cycles(steps: Mapping[str, Step], at: Location) -> None:
    waiting = {name: len(step.depends_on) for name, step in steps.items()}
    after: dict[str, list[str]] = {name: [] for name in steps}
    for name, step in steps.items():
        for other in step.depends_on:
            after[other].append(name)
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        done = ready.pop()
        del waiting[done]
        for name in after[done]:
            waiting[name] -= 1
            if not waiting[name]:
                ready.append(name)
    if not waiting:
        return
    path = [next(iter(waiting))]
    while path[-1] not in path[:-1]:
        path.append(next(other for other in steps[path[-1]].depends_on if other in waiting))
    raise CycleError(path[path.index(path[-1]) :][::-1], at)
