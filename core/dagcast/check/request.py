"""Checking a request body against the service model, before the service does.

The SDK sends what it is given, and the service answers one problem at a time, some of them only when the step
runs. Here a whole body is checked at once: unknown and missing members, types, enums, patterns, sizes,
ranges, unions, and whether each reference can be what its place needs.

A check is compiled from a shape the first time it is needed, and then kept for the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from dagcast.check.problems import Findings, RequestProblem
from dagcast.check.scalars import Checker, key_checker, scalar_checker, size
from dagcast.definition.references import Reference
from dagcast.errors import did_you_mean
from dagcast.paths import FieldPath, is_within, to_path
from dagcast.sagemaker.service_model import ServiceModel, Shape, load_shapes

__all__ = ["RequestProblem", "check_request"]


def check_request(
    value: object,
    shape: str,
    *,
    service: str = "sagemaker",
    path: FieldPath = (),
    parameter_types: Mapping[str, str],
    ignore_required: Iterable[str | FieldPath] = (),
    forbidden: Mapping[str | FieldPath, str] | None = None,
    reference_type: Callable[[Reference], str | None],
) -> list[RequestProblem]:
    """Everything that the service would refuse about a request body.

    Enums and patterns are those of the installed botocore. A value that is newer than it is reported, too.

    Args:
        value: The body: mappings, lists or tuples, strings, numbers, booleans, and references.
        shape: The shape of the body, such as ``CreateTrainingJobRequest``.
        service: botocore's name of the service.
        path: Where the body stands, such as ``("Arguments",)``: messages begin their paths with it.
        parameter_types: The type of each declared pipeline parameter by name. A reference to any other
        passes.
        ignore_required: Members that may be missing although the service requires them, because the pipeline
            sets them: names, and paths for members further down. Positions in lists are left out
            (``("TrainingJobDefinitions", "DefinitionName")``).
        forbidden: Members that must not be there although the service has them, named in the same way, each
            with the reason why.
        reference_type: Gives the kind of shape (``string``, ``integer``, ``float``, ``boolean``,
            ``timestamp``, ...) of a step property or a value from a property file, or ``None`` where it is
            not known. A reference whose type is not known fits every single value.

    Returns:
        The problems in the order of the body; empty if the body is fine.

    Raises:
        ServiceModelError: If the installed botocore does not know the service or the shape.
    """
    findings = Findings(path, parameter_types, reference_type)
    _checkers(service).checker(shape)(value, (), findings)
    problems = findings.problems
    if ignore_required:
        may_miss = _paths(tuple(ignore_required))
        problems = [
            problem
            for problem in problems
            if problem.code != "request.missing-field" or _member(problem.path) not in may_miss
        ]
    if forbidden:
        refused = {
            found: reason for name, reason in forbidden.items() for found in _places(value, to_path(name))
        }
        # What stands in such a member has to go; what else is wrong with it is of no interest.
        problems = [
            problem for problem in problems if not any(is_within(problem.path, found) for found in refused)
        ]
        findings = Findings(path, parameter_types, reference_type, problems)
        for found, reason in refused.items():
            findings.report(found, f"{{}} cannot be set: {reason}", "request.forbidden-field", "remove it")
    return problems


@cache
def _checkers(service: str) -> _Checkers:
    return _Checkers(load_shapes(service))


class _Checkers:
    """The compiled checks of one service model.

    Two threads may compile the same check at the same time; both are the same, and one of them stays.
    """

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._compiled: dict[str, Checker] = {}

    def checker(self, name: str) -> Checker:
        """The check of the shape of that name."""
        found = self._compiled.get(name)
        if found is None:
            found = self._compiled[name] = self._compile(name, self._model.shape(name))
        return found

    def _compile(self, name: str, shape: Shape) -> Checker:
        kind: str = shape["type"]
        if shape.get("document"):
            return _accept_anything
        if kind == "structure":
            return self._structure(name, shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        return scalar_checker(name, shape)

    def _structure(self, shape_name: str, shape: Shape) -> Checker:
        members: Mapping[str, Shape] = shape["members"]
        # botocore fills an idempotency token in, and so does the pipeline.
        required = tuple(
            name for name in shape.get("required", ()) if not members[name].get("idempotencyToken")
        )
        needs = frozenset(required)
        is_union: bool = shape.get("union", False)
        # Members are compiled one by one as they are met, since shapes may contain themselves.
        compiled: dict[str, Checker] = {}

        def check(value: Any, path: FieldPath, findings: Findings) -> None:
            if not isinstance(value, dict):
                findings.mismatch(value, path, "structure")
                return
            for name, item in value.items():
                check_member = compiled.get(name)
                if check_member is None:
                    member = members.get(name)
                    if member is None:
                        message = f"{{}} is not a field of {shape_name}"
                        hint = did_you_mean(str(name), members)
                        findings.report((*path, str(name)), message, "request.unknown-field", hint)
                        continue
                    check_member = compiled[name] = (
                        _accept_anything if member.get("jsonvalue") else self.checker(member["shape"])
                    )
                check_member(item, (*path, name), findings)
            if not needs <= value.keys():
                for name in required:
                    if name not in value:
                        findings.report((*path, name), "{} is missing", "request.missing-field")
            if is_union:
                given = [name for name in value if name in members]
                if len(given) != 1:
                    _report_union(given, members, path, findings)

        return check

    def _list(self, shape: Shape) -> Checker:
        item_shape: str = shape["member"]["shape"]
        least, most = shape.get("min", 0), shape.get("max", math.inf)

        def check(value: Any, path: FieldPath, findings: Findings) -> None:
            if not isinstance(value, (list, tuple)):
                findings.mismatch(value, path, "list")
                return
            if not least <= len(value) <= most:
                findings.report(
                    path,
                    f"{{}} must have {size(least, most, 'item')}, and has {len(value)}",
                    "request.length",
                )
            check_item = self.checker(item_shape)
            for position, item in enumerate(value):
                check_item(item, (*path, position), findings)

        return check

    def _map(self, shape: Shape) -> Checker:
        key_shape: str = shape["key"]["shape"]
        value_shape: str = shape["value"]["shape"]
        least, most = shape.get("min", 0), shape.get("max", math.inf)
        check_key = key_checker(key_shape, self._model.shape(key_shape))

        def check(value: Any, path: FieldPath, findings: Findings) -> None:
            if not isinstance(value, dict):
                findings.mismatch(value, path, "map")
                return
            if not least <= len(value) <= most:
                message = f"{{}} must have {size(least, most, 'key')}, and has {len(value)}"
                findings.report(path, message, "request.length")
            check_item = self.checker(value_shape)
            for key, item in value.items():
                below = (*path, str(key))
                check_key(key, below, findings)
                check_item(item, below, findings)

        return check


def _accept_anything(value: Any, path: FieldPath, findings: Findings) -> None:
    """Passes what the service takes as JSON of any form."""


def _report_union(
    given: list[str], members: Mapping[str, Shape], path: FieldPath, findings: Findings
) -> None:
    wanted = ", ".join(members)
    has = f"has {' and '.join(given)}" if given else "has none"
    findings.report(path, f"{{}} must have exactly one of {wanted}, and {has}", "request.union")


@cache
def _paths(members: tuple[str | FieldPath, ...]) -> frozenset[FieldPath]:
    return frozenset(map(to_path, members))


def _member(path: FieldPath) -> FieldPath:
    return tuple([part for part in path if isinstance(part, str)])


def _places(value: object, names: FieldPath, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Where in ``value`` the member of those names stands; lists on the way are looked through."""
    if isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from _places(item, names, (*path, position))
    elif isinstance(value, dict) and names[0] in value:
        found = (*path, names[0])
        if len(names) == 1:
            yield found
        else:
            yield from _places(value[names[0]], names[1:], found)
