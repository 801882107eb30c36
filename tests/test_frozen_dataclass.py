"""The frozen dataclasses of dagcast behave like the standard library's."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, FrozenInstanceError, field
from functools import cached_property
from typing import Any

import pytest

from dagcast.frozen_dataclass import dataclass as frozen_dataclass


def _classes(dataclass: Any) -> dict[str, Any]:
    """Return one class for each feature, made by a decorator."""

    @dataclass(frozen=True)
    class Base:
        """A base."""

        values: tuple[int, ...]
        name: str = "x"
        made: list[int] = field(default_factory=list)
        note: str = field(default="", compare=False)
        secret: str = field(default="s", repr=False)
        fixed: int = field(default=3, init=False)
        items: list[int] = field(default_factory=lambda: [1], init=False)
        _: KW_ONLY
        keyword: int
        other: int = 4

        @cached_property
        def doubled(self) -> tuple[int, ...]:
            return tuple(value * 2 for value in self.values)

    @dataclass(frozen=True, kw_only=True)
    class Sub(Base):
        """A subclass."""

        more: float = 1.5
        name: str = "y"

    @dataclass(frozen=True)
    class Checked:
        """Its fields are checked."""

        number: int

        def __post_init__(self) -> None:
            if self.number < 0:
                raise ValueError("negative")

    @dataclass(frozen=True)
    class Custom:
        """It has methods of its own."""

        number: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Custom) and self.number % 10 == other.number % 10

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "custom"

    @dataclass(frozen=True, eq=False)
    class Identity:
        """It is equal to itself alone."""

        number: int

    @dataclass(frozen=True)
    class Empty:
        """It has no field."""

    @dataclass(frozen=True)
    class Bare:
        number: int

    return {cls.__name__: cls for cls in (Base, Sub, Checked, Custom, Identity, Empty, Bare)}


OURS, THEIRS = _classes(frozen_dataclass), _classes(dataclasses.dataclass)

MADE: list[Callable[[dict[str, Any]], Any]] = [
    lambda classes: classes["Base"]((1, 2), keyword=1),
    lambda classes: classes["Base"]((1, 2), "a", [5], "note", "t", keyword=1, other=9),
    lambda classes: classes["Sub"](values=(1,), keyword=2, more=3.0),
    lambda classes: classes["Sub"](values=(1,), keyword=2),
    lambda classes: classes["Checked"](1),
    lambda classes: classes["Checked"](number=2),
    lambda classes: classes["Custom"](13),
    lambda classes: classes["Empty"](),
    lambda classes: classes["Bare"](3),
]


@pytest.mark.parametrize("make", MADE)
def test_values_representations_and_copies_are_those_of_the_standard_library(make: Any) -> None:
    ours, theirs = make(OURS), make(THEIRS)
    assert repr(ours) == repr(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert vars(ours) == vars(theirs)
    assert ours == copy.copy(ours) == copy.deepcopy(ours) == make(OURS)
    assert ours != theirs
    for field_of_ours, field_of_theirs in zip(
        dataclasses.fields(ours), dataclasses.fields(theirs), strict=True
    ):
        assert field_of_ours.name == field_of_theirs.name
    assert type(ours).__match_args__ == type(theirs).__match_args__


@pytest.mark.parametrize("name", OURS)
def test_signatures_are_those_of_the_standard_library(name: str) -> None:
    ours, theirs = inspect.signature(OURS[name]), inspect.signature(THEIRS[name])
    assert [str(parameter.kind) for parameter in ours.parameters.values()] == [
        str(parameter.kind) for parameter in theirs.parameters.values()
    ]
    assert list(ours.parameters) == list(theirs.parameters)
    for parameter in ours.parameters.values():
        other = theirs.parameters[parameter.name]
        assert (parameter.default is inspect.Parameter.empty) is (other.default is inspect.Parameter.empty)


def test_equality_and_hash_follow_the_compared_fields() -> None:
    base = OURS["Base"]
    one, same, other = (
        base((1,), keyword=1, made=()),
        base((1,), keyword=1, made=(), note="n"),
        base((2,), keyword=1),
    )
    assert one == same
    assert one != other
    assert one != OURS["Sub"](values=(1,), keyword=1, made=())
    assert OURS["Custom"](13) == OURS["Custom"](23)
    assert hash(OURS["Custom"](13)) == 7
    assert OURS["Checked"](3) == OURS["Checked"](3)
    assert len({OURS["Checked"](3), OURS["Checked"](3), OURS["Checked"](4)}) == 2
    assert OURS["Identity"](1) != OURS["Identity"](1)
    assert OURS["Empty"]() == OURS["Empty"]()
    with pytest.raises(TypeError, match="unhashable"):
        hash(base((1,), keyword=1))


def test_instances_are_frozen_and_cached_properties_work() -> None:
    made = OURS["Sub"](values=(1, 2), keyword=1)
    for name in ("values", "more", "unknown"):
        with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(made, name, 1)
        with pytest.raises(FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(made, name)
    assert made.doubled == (2, 4)
    assert dataclasses.replace(made, values=(5,)).doubled == (10,)
    assert made == OURS["Sub"](values=(1, 2), keyword=1)


def test_later_instances_are_made_like_the_first_ones() -> None:
    """After a few instances a class has an ``__init__`` of its own."""
    for number in range(30):
        ours, theirs = (
            classes["Base"]((number,), "n", keyword=number, other=5) for classes in (OURS, THEIRS)
        )
        assert vars(ours) == vars(theirs)
        for arguments, keywords in (((), {}), (((1,),), {"values": 1, "keyword": 1}), (((1,),), {"k": 1})):
            with pytest.raises(TypeError):
                OURS["Base"](*arguments, **keywords)
        assert OURS["Checked"](number).number == number
        with pytest.raises(ValueError, match="negative"):
            OURS["Checked"](-1)


def test_threads_may_use_a_class_for_the_first_time_together() -> None:
    for _ in range(20):

        @frozen_dataclass(frozen=True)
        class Shared:
            """A class that threads use."""

            number: int
            name: str = "n"

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(Shared, range(40)))
        assert made == [Shared(number) for number in range(40)]


def test_each_instance_gets_a_default_of_its_own() -> None:
    one, other = OURS["Base"]((), keyword=1), OURS["Base"]((), keyword=1)
    assert one.made == other.made == []
    assert one.made is not other.made
    assert one.items is not other.items


@pytest.mark.parametrize("classes", [OURS, THEIRS], ids=["ours", "standard"])
def test_wrong_arguments_are_refused(classes: dict[str, Any]) -> None:
    for arguments, keywords in (
        ((), {}),
        (((1,),), {}),
        (((1,),), {"keyword": 1, "fixed": 2}),
        ((1, 2, 3), {"k": 1}),
    ):
        with pytest.raises(TypeError):
            classes["Base"](*arguments, **keywords)
    with pytest.raises(ValueError, match="negative"):
        classes["Checked"](-1)


@frozen_dataclass(frozen=True)
class Picklable:
    """A class of a module."""

    number: int


def test_instances_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Picklable(3))) == Picklable(3)


def test_a_standard_frozen_dataclass_may_inherit() -> None:
    @dataclasses.dataclass(frozen=True)
    class Sub(Picklable):
        more: str = "m"

    made = Sub(1)
    assert (made.number, made.more) == (1, "m")
    with pytest.raises(FrozenInstanceError):
        made.more = "n"  # type: ignore[misc]
    with pytest.raises(TypeError, match="non-frozen"):

        @dataclasses.dataclass
        class Mutable(Picklable):
            more: str = "m"


def test_a_class_that_is_not_frozen_is_a_standard_dataclass() -> None:
    @frozen_dataclass
    class Plain:
        number: int

    made = Plain(1)
    made.number = 2
    assert made == Plain(2)


def test_every_frozen_dataclass_of_dagcast_uses_it() -> None:
    """A standard frozen dataclass takes half a millisecond of every start."""
    code = (
        "import dataclasses, sys\n"
        "made = []\n"
        "standard = dataclasses._process_class\n"
        "def process(cls, *arguments):\n"
        "    result = standard(cls, *arguments)\n"
        "    init, frozen = arguments[0], arguments[5]\n"
        "    if cls.__module__.startswith('dagcast') and init and frozen:\n"
        "        made.append(cls.__qualname__)\n"
        "    return result\n"
        "dataclasses._process_class = process\n"
        "import dagcast.compiler\n"
        "print(made)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"
