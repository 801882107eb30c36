"""Check a request body against the service model.

The SDK sends bodies unchecked, and the service reports one problem at a time, some of them only when the step runs.
:func:`check_request` reports all problems of a body at once: unknown and missing members, wrong types, values outside
of enums, patterns, sizes and ranges, invalid unions, and references of a type that the member does not accept.

The check of a shape is compiled when it is first needed, and cached for the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from dagcast.check.problems import ProblemCollector, RequestProblem
from dagcast.check.scalars import Checker, format_count, make_key_checker, make_scalar_checker
from dagcast.definition.references import ParameterRef, Reference
from dagcast.errors import did_you_mean
from dagcast.paths import FieldPath, is_within, to_path
from dagcast.sagemaker.service_model import ModelShape, ServiceModel, load_shapes

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
    parameter_values: Mapping[str, tuple[Any, ...]] = MappingProxyType({}),
) -> list[RequestProblem]:
    """Return every problem of a request body.

    Enums and patterns are those of the installed botocore, so a value that is newer than it is a problem.

    Args:
        value: The body: mappings, lists or tuples, strings, numbers, booleans, and references.
        shape: The shape of the body, such as ``CreateTrainingJobRequest``.
        service: botocore's name of the service.
        path: The path of the body, such as ``("Arguments",)``; messages put it before the paths of fields.
        parameter_types: The type of each declared pipeline parameter by name. A reference to any other parameter
            is valid.
        ignore_required: Required members that may be missing because the pipeline sets them: names, or paths of
            nested members without list indexes (``("TrainingJobDefinitions", "DefinitionName")``).
        forbidden: Members that the service has and pipelines do not accept, named in the same way, each with the
            reason.
        reference_type: Returns the kind of shape (``string``, ``integer``, ``float``, ``boolean``, ``timestamp``,
            ...) of a step property or a value of a property file, or ``None`` if it is unknown. Every member that is
            a single value accepts a reference of unknown type.
        parameter_values: The default and the allowed values of each declared parameter: where a parameter is
            the whole value of a field, each of them has to be valid there.

    Returns:
        The problems in the order of the body; empty if the body is valid.

    Raises:
        ServiceModelError: If the installed botocore does not know the service or the shape.

    Example:
        >>> body = {"ModelName": "churn", "PrimaryContainer": {"Imag": "a:1"}}
        >>> for problem in check_request(
        ...     body, "CreateModelInput", parameter_types={}, reference_type=lambda _: None
        ... ):
        ...     print(f"{problem.message} ({problem.hint})")
        PrimaryContainer.Imag is not a field of ContainerDefinition (did you mean 'Image'?)
    """
    collector = ProblemCollector(path, parameter_types, reference_type, parameter_values=parameter_values)
    _checkers(service).checker(shape)(value, (), collector)
    problems = collector.problems
    if problems and ignore_required:
        optional = _to_paths(tuple(ignore_required))
        problems = [
            problem
            for problem in problems
            if problem.code != "request.missing-field" or _without_indexes(problem.path) not in optional
        ]
    if forbidden:
        refused = {
            found: reason
            for name, reason in forbidden.items()
            for found in _find_members(value, to_path(name))
        }
    else:
        refused = {}
    if refused:
        # A forbidden member has to be removed, so other problems in it are not reported.
        problems = [
            problem for problem in problems if not any(is_within(problem.path, found) for found in refused)
        ]
        collector = ProblemCollector(path, parameter_types, reference_type, problems)
        for found, reason in refused.items():
            collector.report(found, f"{{}} cannot be set: {reason}", "request.forbidden-field", "remove it")
    return problems


@cache
def _checkers(service: str) -> _Checkers:
    return _Checkers(load_shapes(service))


class _Checkers:
    """The compiled checks of one service model.

    Two threads may compile the same check at the same time; the results are equal, and one of them is kept.
    """

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._compiled: dict[str, Checker] = {}
        self._accepted: dict[str, set[str]] = {}

    def checker(self, name: str) -> Checker:
        """Return the check of a shape."""
        found = self._compiled.get(name)
        if found is None:
            found = self._compiled[name] = self._compile(name, self._model.shape(name))
        return found

    def _compile(self, name: str, shape: ModelShape) -> Checker:
        kind: str = shape["type"]
        if shape.get("document"):
            return _accept_anything
        if kind == "structure":
            return self._structure(name, shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        return make_scalar_checker(name, shape, self.accepted(name))

    def accepted(self, name: str) -> set[str]:
        """Return the strings that the check of a shape accepted; steps of a pipeline repeat most values."""
        return self._accepted.setdefault(name, set())

    def _structure(self, shape_name: str, shape: ModelShape) -> Checker:
        members: Mapping[str, ModelShape] = shape["members"]
        # botocore and the pipeline fill in idempotency tokens.
        required = tuple(
            name for name in shape.get("required", ()) if not members[name].get("idempotencyToken")
        )
        needs = frozenset(required)
        is_union: bool = shape.get("union", False)
        # Compiled when a value has the member, since a shape may contain itself.
        compiled: dict[str, tuple[Checker, set[str]]] = {}

        def check(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
            if not isinstance(value, dict):
                collector.report_mismatch(value, path, "structure")
                return
            for name, item in value.items():
                found = compiled.get(name)
                if found is None:
                    member = members.get(name)
                    if member is None:
                        message = f"{{}} is not a field of {shape_name}"
                        hint = did_you_mean(str(name), members)
                        collector.report((*path, str(name)), message, "request.unknown-field", hint)
                        continue
                    found = compiled[name] = (
                        _accept_anything if member.get("jsonvalue") else self.checker(member["shape"]),
                        self.accepted(member["shape"]),
                    )
                check_member, accepted = found
                if type(item) is not str or item not in accepted:
                    check_member(item, (*path, name), collector)
                    if type(item) is ParameterRef:
                        collector.check_parameter(item, (*path, name), check_member)
            if not needs <= value.keys():
                for name in required:
                    if name not in value:
                        collector.report((*path, name), "{} is missing", "request.missing-field")
            if is_union:
                given = [name for name in value if name in members]
                if len(given) != 1:
                    _report_union(given, members, path, collector)

        return check

    def _list(self, shape: ModelShape) -> Checker:
        item_shape: str = shape["member"]["shape"]
        least, most = shape.get("min", 0), shape.get("max", math.inf)
        accepted = self.accepted(item_shape)

        def check(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
            if not isinstance(value, (list, tuple)):
                collector.report_mismatch(value, path, "list")
                return
            if not least <= len(value) <= most:
                collector.report(
                    path,
                    f"{{}} must have {format_count(least, most, 'item')}, and has {len(value)}",
                    "request.length",
                )
            check_item = self.checker(item_shape)
            for position, item in enumerate(value):
                if type(item) is not str or item not in accepted:
                    check_item(item, (*path, position), collector)
                    if type(item) is ParameterRef:
                        collector.check_parameter(item, (*path, position), check_item)

        return check

    def _map(self, shape: ModelShape) -> Checker:
        key_shape: str = shape["key"]["shape"]
        value_shape: str = shape["value"]["shape"]
        least, most = shape.get("min", 0), shape.get("max", math.inf)
        check_key = make_key_checker(key_shape, self._model.shape(key_shape), self.accepted(key_shape))

        def check(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
            if not isinstance(value, dict):
                collector.report_mismatch(value, path, "map")
                return
            if not least <= len(value) <= most:
                message = f"{{}} must have {format_count(least, most, 'key')}, and has {len(value)}"
                collector.report(path, message, "request.length")
            check_item = self.checker(value_shape)
            for key, item in value.items():
                below = (*path, str(key))
                check_key(key, below, collector)
                check_item(item, below, collector)
                if type(item) is ParameterRef:
                    collector.check_parameter(item, below, check_item)

        return check


def _accept_anything(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
    """Accept any value, for members that are JSON of any form."""


def _report_union(
    given: list[str], members: Mapping[str, ModelShape], path: FieldPath, collector: ProblemCollector
) -> None:
    wanted = ", ".join(members)
    has = f"has {' and '.join(given)}" if given else "has none"
    collector.report(path, f"{{}} must have exactly one of {wanted}, and {has}", "request.union")


@cache
def _to_paths(members: tuple[str | FieldPath, ...]) -> frozenset[FieldPath]:
    return frozenset(map(to_path, members))


def _without_indexes(path: FieldPath) -> FieldPath:
    return tuple([part for part in path if isinstance(part, str)])


def _find_members(value: object, names: FieldPath, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Yield the path of each member that ``names`` leads to in ``value``, in every item of the lists on the way."""
    if isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from _find_members(item, names, (*path, position))
    elif isinstance(value, dict) and names[0] in value:
        found = (*path, names[0])
        if len(names) == 1:
            yield found
        else:
            yield from _find_members(value[names[0]], names[1:], found)
