"""Configs from Python that no file can hold: nested too deep, part of themselves, or shared many times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.compiling import JOB, config, only_error

NESTINGS: dict[str, Callable[[Any], Any]] = {
    "mappings": lambda value: {"a": value},
    "lists": lambda value: [value],
    "tuples": lambda value: (value,),
}


def step(request: Any) -> dict[str, Any]:
    return config({"a": {"type": "Processing", **JOB, "request": {"x": request}}})


@pytest.mark.parametrize("nest", NESTINGS.values(), ids=NESTINGS)
@pytest.mark.parametrize("levels", [100, 20_000])
def test_data_is_nested_100_levels_deep_at_most(nest: Callable[[Any], Any], levels: int) -> None:
    value: Any = 1
    for _ in range(levels):
        value = nest(value)
    error = only_error(step(value))
    assert error.code == "document.too-deep"
    assert str(error.location).startswith("<config>.steps.a.request.x")


@pytest.mark.parametrize("field", ["conditions", "request", "hyperparameters"])
def test_data_that_holds_itself_is_refused(field: str) -> None:
    loop: dict[str, Any] = {}
    loop["not"] = loop
    source = config({"a": {"type": "Condition", field: [loop] if field == "conditions" else loop}})
    assert only_error(source).code in ("document.recursive", "document.too-deep")


def test_a_list_that_is_part_of_many_others_is_counted_each_time() -> None:
    value: Any = ["x"]
    for _ in range(60):
        value = [value, value]
    assert only_error(step(value)).code == "document.too-large"


def test_a_list_that_is_part_of_two_steps_is_in_both() -> None:
    shared = {"A": "${param.Nope}"}
    source = config({name: {"type": "Processing", **JOB, "environment": shared} for name in ("a", "b")})
    error = only_error(source)
    assert [str(place) for place in (error.location, *error.also)] == [
        "<config>.steps.a.environment.A",
        "<config>.steps.b.environment.A",
    ]
