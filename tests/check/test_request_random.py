"""Bodies drawn from the service model are valid, here and in botocore; a mutated one has a problem at its path."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import botocore.model
import botocore.validate
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dagcast.check.request import check_request
from tests.support.service_strategies import bodies, service_model

SHAPES = [
    ("CreateProcessingJobRequest", "sagemaker"),
    ("CreateTrainingJobRequest", "sagemaker"),
    ("CreateHyperParameterTuningJobRequest", "sagemaker"),
    ("CreateTransformJobRequest", "sagemaker"),
    ("CreateModelInput", "sagemaker"),
    ("CreateModelPackageInput", "sagemaker"),
    ("CreateEndpointConfigInput", "sagemaker"),
    ("CreateEndpointInput", "sagemaker"),
    ("CreateAutoMLJobRequest", "sagemaker"),
    ("CreateAutoMLJobV2Request", "sagemaker"),
    ("StepConfig", "emr"),
    ("StartJobRunRequest", "emr-serverless"),
    ("CreateApplicationRequest", "emr-serverless"),
]
# Drawing from dozens of patterns is slow to start, and says nothing about the checker.
SLOW_TO_DRAW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
every_shape = pytest.mark.parametrize(("shape", "service"), SHAPES)

Path = tuple[str | int, ...]


def check(body: Any, shape: str, service: str) -> list[tuple[Path, str]]:
    problems = check_request(
        body, shape, service=service, parameter_types={}, reference_type=lambda reference: None
    )
    return [(problem.path, problem.code) for problem in problems]


class Place(NamedTuple):
    path: Path
    value: Any
    shape: botocore.model.Shape


def places(value: Any, shape: botocore.model.Shape, path: Path = ()) -> Iterator[Place]:
    """Yield every value in a body with its shape, the body itself first."""
    yield Place(path, value, shape)
    if shape.type_name == "structure":
        for name, item in value.items():
            yield from places(item, shape.members[name], (*path, name))
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from places(item, shape.value, (*path, key))
    elif shape.type_name == "list":
        for position, item in enumerate(value):
            yield from places(item, shape.member, (*path, position))


def replaced(body: Any, path: Path, value: Any) -> Any:
    """Return a copy of the body with one value replaced."""
    if not path:
        return value
    body = copy.deepcopy(body)
    owner = body
    for part in path[:-1]:
        owner = owner[part]
    owner[path[-1]] = value
    return body


@every_shape
@SLOW_TO_DRAW
@given(data=st.data())
def test_bodies_from_the_model_are_valid_here_and_in_botocore(
    shape: str, service: str, data: st.DataObject
) -> None:
    body = data.draw(bodies(shape, service))
    assert check(body, shape, service) == []
    report = botocore.validate.ParamValidator().validate(body, service_model(service).shape_for(shape))
    assert report.generate_report() == ""


@every_shape
@SLOW_TO_DRAW
@given(data=st.data())
def test_a_missing_member_is_found(shape: str, service: str, data: st.DataObject) -> None:
    body = data.draw(bodies(shape, service))
    required = [
        (place, name)
        for place in places(body, service_model(service).shape_for(shape))
        if place.shape.type_name == "structure"
        for name in place.shape.required_members
        if not place.shape.members[name].serialization.get("idempotencyToken")
        and not place.shape.members[name].metadata.get("idempotencyToken")
    ]
    assume(required)
    place, name = data.draw(st.sampled_from(required))
    rest = {other: value for other, value in place.value.items() if other != name}
    assert check(replaced(body, place.path, rest), shape, service) == [
        ((*place.path, name), "request.missing-field")
    ]


@every_shape
@SLOW_TO_DRAW
@given(data=st.data())
def test_a_misspelt_member_is_found_with_its_name(shape: str, service: str, data: st.DataObject) -> None:
    body = data.draw(bodies(shape, service))
    present = [
        (place, name)
        for place in places(body, service_model(service).shape_for(shape))
        if place.shape.type_name == "structure"
        for name in place.value
    ]
    assume(present)
    place, name = data.draw(st.sampled_from(present))
    wrong = data.draw(st.sampled_from([f"{name}x", f"x{name}", name[:-1] + name[-1] * 2, name.swapcase()]))
    assume(wrong not in place.shape.members)
    renamed = {wrong if other == name else other: value for other, value in place.value.items()}
    problems = check_request(
        replaced(body, place.path, renamed),
        shape,
        service=service,
        parameter_types={},
        reference_type=lambda reference: None,
    )
    (unknown,) = [problem for problem in problems if problem.code == "request.unknown-field"]
    assert unknown.path == (*place.path, wrong)
    assert unknown.hint == f"did you mean {name!r}?"
    # A required member is also missing then, and a union is without its one member.
    assert {problem.code for problem in problems} <= {
        "request.unknown-field",
        "request.missing-field",
        "request.union",
    }


WRONG: dict[str, list[Any]] = {
    "structure": ["x", 3, [], True],
    "map": ["x", 3, [], 1.5],
    "list": ["x", 3, {}, False],
    "string": [3, 1.5, True, [], {}],
    "integer": ["3", 1.5, 3.0, True, []],
    "long": ["3", 1.5, True, {}],
    "float": ["1.5", True, [1.5]],
    "double": ["1.5", False, {}],
    "boolean": ["true", 1, 0, []],
    "timestamp": ["soon", True, []],
    "blob": [3, "not base64!", b"bytes", []],
}


@every_shape
@SLOW_TO_DRAW
@given(data=st.data())
def test_a_wrong_type_is_found(shape: str, service: str, data: st.DataObject) -> None:
    body = data.draw(bodies(shape, service))
    place = data.draw(st.sampled_from(list(places(body, service_model(service).shape_for(shape)))))
    wrong = data.draw(st.sampled_from([None, *WRONG[place.shape.type_name]]))
    code = "request.null" if wrong is None else "request.wrong-type"
    assert check(replaced(body, place.path, wrong), shape, service) == [(place.path, code)]


def beyond(place: Place) -> list[tuple[Any, str]]:
    """Return values just outside of the limits of a shape, each with the code of its problem."""
    kind, limits, value = place.shape.type_name, place.shape.metadata, place.value
    least, most = limits.get("min"), limits.get("max")
    if limits.get("enum"):
        return [
            ("no such value", "request.unknown-value"),
            (limits["enum"][0] + "-", "request.unknown-value"),
        ]
    found: list[tuple[Any, str]] = []
    if kind in ("integer", "long", "float", "double"):
        if least is not None:
            found.append((least - 1, "request.out-of-range"))
        if most is not None:
            found.append((most + 1, "request.out-of-range"))
        if kind == "integer":
            found += [(2**31, "request.out-of-range"), (-(2**31) - 1, "request.out-of-range")]
        if kind in ("float", "double"):
            found += [(float("nan"), "request.not-finite"), (float("inf"), "request.not-finite")]
    elif kind == "string":
        if least:
            found.append(("a" * (least - 1), "request.length"))
        if most is not None:
            found.append(("a" * (most + 1), "request.length"))
    elif kind == "list":
        if least and least == len(value):
            found.append((value[:-1], "request.length"))
        if most is not None and value and most < 300:
            found.append((value[:1] * (most + 1), "request.length"))
    elif kind == "map" and least and least == len(value):
        found.append((dict(list(value.items())[1:]), "request.length"))
    return found


@every_shape
@SLOW_TO_DRAW
@given(data=st.data())
def test_a_value_beyond_its_limits_is_found(shape: str, service: str, data: st.DataObject) -> None:
    body = data.draw(bodies(shape, service))
    wrong = [
        (place, value, code)
        for place in places(body, service_model(service).shape_for(shape))
        for value, code in beyond(place)
    ]
    assume(wrong)
    place, value, code = data.draw(st.sampled_from(wrong))
    assert check(replaced(body, place.path, value), shape, service) == [(place.path, code)]
