"""``dataclass``: the standard library's, with class statements that take a third of the time.

``dataclasses.dataclass(frozen=True)`` writes the source of six methods for each class and compiles each of them: half a
millisecond a class, a quarter of the start of a small compile. Here all frozen classes share five of the methods, and
only ``__init__`` is written for each, when the class is first used: a third of the classes that a small compile defines
never is. See ``docs/decisions/frozen-dataclasses.md``.

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
from functools import partial
from operator import attrgetter
from threading import RLock
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

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


_FACTS: Final = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")
_COMPLETING: Final = RLock()
_FIRST_INSTANCES: Final = 8
"""A small compile makes fewer instances of two thirds of its classes."""


class _Unwritten:
    """Stands for an attribute of a dataclass that is not complete, and completes the class when it is first read.

    Args:
        complete: Completes the class, which replaces this object.
        name: The name of the attribute.
    """

    def __init__(self, complete: Callable[[], None], name: str) -> None:
        self._complete = complete
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        self._complete()
        return getattr(owner if instance is None else instance, self._name)


def _freeze(cls: type, *, eq: bool, init: bool, kw_only: bool = False) -> type:
    own = vars(cls)
    names = {"__init__": init, "__repr__": True, "__eq__": eq, "__hash__": eq}
    methods = {name for name, wanted in names.items() if wanted and name not in own}
    # Python gives a class that defines __eq__ alone a __hash__ of None.
    if eq and own.get("__hash__", _FROM_FACTORY) is None:
        methods.add("__hash__")
    # A subclass inherits the methods that refuse; the standard decorator does not accept others in a frozen class.
    inherits = any("__dataclass_fields__" in vars(base) for base in cls.__mro__[1:])
    if not inherits:
        _refuse_changes(cls)
    complete = partial(_complete, cls, methods, inherits=inherits, kw_only=kw_only)
    for name in (*methods, *_FACTS):
        setattr(cls, name, _Unwritten(complete, name))
    return cls


def _complete(cls: type, methods: set[str], *, inherits: bool, kw_only: bool) -> None:
    """Collect the fields of a class and write its methods, once."""
    with _COMPLETING:
        if not isinstance(vars(cls)["__match_args__"], _Unwritten):
            return  # another thread was first
        _collect_fields(cls, frozen=inherits, kw_only=kw_only)
        fields = dataclasses.fields(cls)
        made = {**_make_comparison(fields), "__repr__": _make_repr(fields)}
        if "__init__" in methods:
            made["__init__"] = _FirstInit(cls, fields)
        for name in methods:
            setattr(cls, name, made[name])
        _refuse_changes(cls)
        cls.__dataclass_params__.frozen = True  # type: ignore[attr-defined]
        positional = [field.name for field in fields if field.init and not field.kw_only]
        cls.__match_args__ = tuple(positional)  # type: ignore[attr-defined, misc]


def _collect_fields(cls: type, *, frozen: bool, kw_only: bool) -> None:
    """Let the standard library collect the fields. Without methods to write, it does nothing else."""
    annotations = vars(cls).get("__annotations__", {})
    texts = {name: text for name, text in annotations.items() if isinstance(text, str)}
    if any(special in text for text in texts.values() for special in _SPECIAL):
        texts = {}
    if not cls.__doc__:
        # It would write the signature, for which it would need __init__.
        cls.__doc__ = cls.__name__
    # In the text of each annotation it looks for three special types, which takes longer than all else.
    for name in texts:
        annotations[name] = object
    try:
        dataclasses.dataclass(init=False, repr=False, eq=False, frozen=frozen, kw_only=kw_only)(cls)
    finally:
        annotations.update(texts)
    for name, text in texts.items():
        cls.__dataclass_fields__[name].type = text  # type: ignore[attr-defined]


_SPECIAL: Final = ("ClassVar", "InitVar", "KW_ONLY")


def _refuse_changes(cls: type) -> None:
    cls.__setattr__ = _refuse_to_set  # type: ignore[assignment, method-assign]
    cls.__delattr__ = _refuse_to_delete  # type: ignore[assignment, method-assign]


class _FirstInit:
    """``__init__`` of the first instances of a class. Writing one takes as long as a hundred instances made here.

    Args:
        cls: The class.
        fields: Its fields.
    """

    def __init__(self, cls: type, fields: tuple[dataclasses.Field[Any], ...]) -> None:
        self._cls = cls
        self._fields = fields
        self._names = tuple(field.name for field in fields if field.init and not field.kw_only)
        self._left = _FIRST_INSTANCES

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None or self._left <= 0:
            written = _make_init(self._cls, self._fields)
            self._cls.__init__ = written  # type: ignore[misc]
            return written if instance is None else MethodType(written, instance)
        self._left -= 1
        return partial(self._fill, instance)

    def _fill(self, instance: Any, *arguments: Any, **keywords: Any) -> None:
        given = {**dict(zip(self._names, arguments, strict=False)), **keywords}
        members = {}
        for field in self._fields:
            if field.init and field.name in given:
                members[field.name] = given.pop(field.name)
            elif field.default_factory is not dataclasses.MISSING:
                members[field.name] = field.default_factory()
            elif field.init and field.default is not dataclasses.MISSING:
                members[field.name] = field.default
            elif field.init:
                break
        else:
            if (
                not given
                and len(arguments) <= len(self._names)
                and not keywords.keys() & self._names[: len(arguments)]
            ):
                instance.__dict__.update(members)
                if hasattr(self._cls, "__post_init__"):
                    instance.__post_init__()
                return
        # Python says what is wrong with the arguments.
        _make_init(self._cls, self._fields)(instance, *arguments, **keywords)


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
