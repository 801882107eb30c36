"""``dataclass``: the standard library's, with class statements that take a third of the time.

``dataclasses.dataclass(frozen=True)`` writes the source of six methods for each class and compiles each of them: half a
millisecond a class, a quarter of the start of a small compile. Here all frozen classes share five of the methods, and
only ``__init__`` is written for each. See ``docs/decisions/frozen-dataclasses.md``.

A class has everything of a standard dataclass: ``fields``, ``replace``, ``asdict``, subclasses and patterns work.

>>> @dataclass(frozen=True)
... class Point:
...     x: int
...     y: int = 0
>>> Point(1), Point(1) == Point(x=1, y=0)
(Point(x=1, y=0), True)
>>> Point(1).x = 2
Traceback (most recent call last):
...
dataclasses.FrozenInstanceError: cannot assign to field 'x'
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, **options):
        """Make a class a dataclass; options as for ``dataclasses.dataclass``."""
        if not options.pop("frozen", False):
            return dataclasses.dataclass(cls, **options)
        eq, init = options.pop("eq", True), options.pop("init", True)

        def decorate(cls: type) -> type:
            return _freeze(cls, eq=eq, init=init, **options)

        return decorate if cls is None else decorate(cls)


_FROM_FACTORY: Any = object()
"""The default of an argument whose field has a ``default_factory``."""


def _freeze(cls: type, *, eq: bool, init: bool, kw_only: bool = False) -> type:
    custom = {name for name in ("__init__", "__repr__", "__eq__") if name in cls.__dict__}
    # Python gives a class that defines only __eq__ a __hash__ of None.
    if cls.__dict__.get("__hash__") is not None:
        custom.add("__hash__")
    # Without methods to write, this only collects the fields. A subclass of a frozen class has to be declared frozen.
    inherits = any(dataclasses.is_dataclass(base) for base in cls.__mro__[1:])
    dataclasses.dataclass(init=False, repr=False, eq=False, frozen=inherits, kw_only=kw_only)(cls)
    cls.__dataclass_params__.frozen = True  # type: ignore[attr-defined]
    fields = dataclasses.fields(cls)
    methods = _make_comparison(fields) if eq else {}
    methods["__repr__"] = _make_repr(fields)
    if init and "__init__" not in custom:
        methods["__init__"] = _make_init(cls, fields)
    for name, method in methods.items():
        if name not in custom:
            setattr(cls, name, method)
    cls.__setattr__ = _refuse_to_set  # type: ignore[assignment, method-assign]
    cls.__delattr__ = _refuse_to_delete  # type: ignore[assignment, method-assign]
    return cls


def _make_init(cls: type, fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    """Return ``__init__``: the one method that is written for each class, since constructors are called most."""
    given = [field for field in fields if field.init]
    keywords = [field.name for field in given if field.kw_only]
    parameters = [field.name for field in given if not field.kw_only]
    signature = ", ".join(["self", *parameters, *(["*"] if keywords else []), *keywords])
    # __setattr__ refuses, so values are written into the instance's mapping.
    lines = [f"def __init__({signature}):", " __members__ = self.__dict__"]
    namespace: dict[str, Any] = {"__from_factory__": _FROM_FACTORY}
    defaults: dict[str, Any] = {}
    for field in fields:
        name, value = field.name, field.name
        if field.default_factory is not dataclasses.MISSING:
            defaults[name] = _FROM_FACTORY
            namespace[f"__make_{name}__"] = field.default_factory
            made = f"__make_{name}__()"
            value = f"{made} if {name} is __from_factory__ else {name}" if field.init else made
        elif field.default is not dataclasses.MISSING:
            defaults[name] = field.default
            if not field.init:
                continue  # the class has the value
        lines.append(f" __members__[{name!r}] = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    exec("\n".join(lines), namespace)
    init = namespace["__init__"]
    init.__qualname__, init.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    init.__annotations__ = {**{field.name: field.type for field in given}, "return": None}
    init.__defaults__ = tuple([defaults[name] for name in parameters if name in defaults])
    init.__kwdefaults__ = {name: defaults[name] for name in keywords if name in defaults}
    return init


def _make_repr(fields: tuple[dataclasses.Field[Any], ...]) -> Any:
    names = [field.name for field in fields if field.repr]

    def represent(self: Any) -> str:
        shown = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{type(self).__qualname__}({shown})"

    return represent


def _make_comparison(fields: tuple[dataclasses.Field[Any], ...]) -> dict[str, Any]:
    names = [field.name for field in fields if field.compare]
    compared: Callable[[Any], Any] = attrgetter(*names) if names else lambda _: ()

    def is_equal(self: Any, other: object) -> Any:
        return compared(self) == compared(other) if type(other) is type(self) else NotImplemented

    def compute_hash(self: Any) -> int:
        found: int = hash(compared(self))
        return found

    return {"__eq__": is_equal, "__hash__": compute_hash}


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
