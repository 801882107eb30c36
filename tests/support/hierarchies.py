"""Class hierarchies at random: mixins, their metaclasses, and decorators that join a mixin to a class.

A recipe says how; building it makes new classes, so that no two examples share any. The decorators have never heard of
dagcast.
"""

# ruff: noqa: N804, N805 - a metaclass calls itself mcls, and its classes cls
from __future__ import annotations

import functools
import itertools
import types
from abc import ABC, ABCMeta, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Decorator = Callable[[type], Any]

NUMBERS = itertools.count(1)
"""Tell classes apart that are made by the same lines."""


@dataclass
class Log:
    """What metaclasses and ``__init_subclass__`` registered, in order."""

    metaclass: list[type] = field(default_factory=list)
    subclass: list[type] = field(default_factory=list)


@dataclass(frozen=True)
class Meta:
    """How a metaclass is made.

    Attributes:
        base: What it derives from: ``type``, ``ABCMeta``, or ``ABCMeta`` before a registering metaclass.
        registers: Where it lists its classes: nowhere, in ``__new__`` or in ``__init__``.
        cooperative: Whether it calls ``super()``, or ``type`` itself.
        call: How it makes instances: ``""`` and ``plain`` do, ``singleton`` once, ``other`` gives something else.
        prepares: Whether it has a ``__prepare__`` with a mapping of its own.
        state: State of each class: none, ``lenient`` or ``strict`` about bases that lack it.
        refuses: What its constructor refuses: nothing, classes that have no tag, or every class with two bases.
        guards: Whether its classes refuse to have attributes set.
        final: Whether it refuses to be derived from.
        keyword: Whether its constructor takes only classes with a keyword.
    """

    base: str = "type"
    registers: str = ""
    cooperative: bool = True
    call: str = ""
    prepares: bool = False
    state: str = ""
    refuses: str = ""
    guards: bool = False
    final: bool = False
    keyword: bool = False

    @property
    def friendly(self) -> bool:
        """Whether a common metaclass can be made that also makes instances."""
        return not (
            self.refuses == "joined" or self.guards or self.final or self.call in ("singleton", "other")
        )


class Namespace(dict[str, Any]):
    """What a ``__prepare__`` gives; it takes note of what is set."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []

    def __setitem__(self, key: str, value: Any) -> None:
        self.order.append(key)
        super().__setitem__(key, value)


def build_metaclass(recipe: Meta, log: Log) -> type:
    """A new metaclass."""

    class Registering(type):
        def __new__(mcls: Any, name: str, bases: Any, namespace: Any, **keywords: Any) -> Any:
            made = super().__new__(mcls, name, bases, namespace, **keywords)
            log.metaclass.append(made)
            return made

    ancestors: dict[str, tuple[type, ...]] = {
        "type": (type,),
        "ABCMeta": (ABCMeta,),
        "ABCMeta before another": (ABCMeta, Registering),
    }

    class Metaclass(*ancestors[recipe.base]):  # type: ignore[misc]
        def __new__(mcls: Any, name: str, bases: Any, namespace: Any, **keywords: Any) -> Any:
            if recipe.refuses == "joined" and len(bases) > 1:
                raise ValueError(f"{name} has too many bases")
            tagged = "tag" in namespace or any(hasattr(base, "tag") for base in bases)
            if recipe.refuses == "untagged" and not tagged:
                raise ValueError(f"{name} has no tag")
            if recipe.keyword:
                keywords.pop("mark")
            if recipe.prepares and not isinstance(namespace, Namespace):
                raise TypeError(f"{name} was not prepared")
            if recipe.cooperative:
                made = super().__new__(mcls, name, bases, namespace, **keywords)
            else:
                made = type.__new__(mcls, name, bases, namespace, **keywords)
            if recipe.registers == "new":
                log.metaclass.append(made)
            return made

        def __init__(cls: Any, name: str, bases: Any, namespace: Any, **keywords: Any) -> None:
            super().__init__(name, bases, namespace)
            if recipe.registers == "init":
                log.metaclass.append(cls)
            if recipe.state:
                cls.fields = {}
                for base in bases:
                    if recipe.state == "strict" and isinstance(base, Metaclass):
                        cls.fields.update(vars(base)["fields"])
                    else:
                        cls.fields.update(getattr(base, "fields", {}))
                cls.fields[name] = True

        if recipe.call:

            def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:
                if recipe.call == "other":
                    return object()
                if recipe.call == "plain" or cls not in kept:
                    kept[cls] = super().__call__(*args, **kwargs)
                return kept[cls]

        if recipe.prepares:

            @classmethod
            def __prepare__(mcls: Any, name: str, bases: Any, **keywords: Any) -> Any:
                return Namespace()

        if recipe.guards:

            def __setattr__(cls: Any, name: str, value: Any) -> None:
                raise TypeError("this class is not to be changed")

        if recipe.final:

            def __init_subclass__(mcls: Any, **keywords: Any) -> None:
                raise TypeError("this metaclass is not to be derived from")

    kept: dict[Any, Any] = {}
    Metaclass.__name__ = Metaclass.__qualname__ = f"Metaclass{next(NUMBERS)}"
    return Metaclass


@dataclass(frozen=True)
class Mixin:
    """How a mixin is made.

    Attributes:
        kind: What it is.
        depth: How many classes deep it is.
        meta: Its metaclass; ``None`` for the one its kind has.
    """

    kind: str = "plain"
    depth: int = 1
    meta: Meta | None = None

    @property
    def keywords(self) -> dict[str, str]:
        """The keywords that class statements of derived classes need."""
        label = {"label": "x"} if self.kind == "init_subclass with a keyword" else {}
        return {**label, **({"mark": "x"} if self.meta is not None and self.meta.keyword else {})}


PLAIN_KINDS = (
    "plain",
    "init_subclass",
    "init_subclass with an optional keyword",
    "init_subclass with a keyword",
    "dataclass",
    "frozen dataclass",
    "empty slots",
    "slots",
    "generic",
)
OWN_METACLASS = ("ABC", "abstract", "protocol", "enum", "str enum")


def build_mixin(recipe: Mixin, log: Log) -> tuple[Any, type | None]:
    """A new mixin, and its metaclass if that is a new one as well."""
    metaclass = build_metaclass(recipe.meta, log) if recipe.meta is not None else None
    needs = {"mark": "x"} if recipe.meta is not None and recipe.meta.keyword else {}
    of: dict[str, Any] = {"metaclass": metaclass or type, **needs}
    made: Any
    if recipe.kind == "ABC":

        class AbcMixin(ABC):  # noqa: B024
            tag = "mixin"

        made = AbcMixin
    elif recipe.kind == "abstract":

        class Abstract(ABC):
            @abstractmethod
            def never_written(self) -> None: ...

        made = Abstract
    elif recipe.kind == "protocol":

        class ProtocolMixin(Protocol):
            def hello(self) -> str: ...

        made = ProtocolMixin
    elif recipe.kind == "enum":

        class EnumMixin(Enum):
            def hello(self) -> str:
                return "hello"

        made = EnumMixin
    elif recipe.kind == "str enum":

        class StrEnumMixin(str, Enum):
            pass

        made = StrEnumMixin
    elif recipe.kind == "generic":

        class GenericMixin(Generic[T], **of):
            tag = "mixin"

        made = GenericMixin
    elif recipe.kind in ("dataclass", "frozen dataclass"):

        @dataclass(frozen=recipe.kind == "frozen dataclass")
        class DataMixin(**of):
            tag: str = "mixin"

        made = DataMixin
    elif recipe.kind in ("slots", "empty slots"):

        class SlotsMixin(**of):
            __slots__ = ("level",) if recipe.kind == "slots" else ()
            tag = "mixin"

        made = SlotsMixin
    elif recipe.kind == "init_subclass":

        class SubclassMixin(**of):
            tag = "mixin"

            def __init_subclass__(cls, **keywords: Any) -> None:
                super().__init_subclass__(**keywords)
                log.subclass.append(cls)

        made = SubclassMixin
    elif recipe.kind == "init_subclass with an optional keyword":

        class OptionalMixin(**of):
            tag = "mixin"

            def __init_subclass__(cls, *, label: str = "", **keywords: Any) -> None:
                super().__init_subclass__(**keywords)
                log.subclass.append(cls)

        made = OptionalMixin
    elif recipe.kind == "init_subclass with a keyword":

        class KeywordMixin(**of):
            tag = "mixin"

            def __init_subclass__(cls, *, label: str, **keywords: Any) -> None:
                super().__init_subclass__(**keywords)
                log.subclass.append(cls)

        made = KeywordMixin
    else:

        class PlainMixin(**of):
            tag = "mixin"

        made = PlainMixin
    for level in range(1, recipe.depth):
        made = types.new_class(f"Deeper{level}", (made,), dict(recipe.keywords))
    return made, metaclass


STYLES = (
    "statement",
    "reversed",
    "type",
    "type of the class",
    "new_class",
    "metaclass called",
    "explicit metaclass",
    "explicit metaclass alone",
    "a helper between",
    "reports as its own error",
    "hides what happens",
    "makes it a dataclass",
)
CALLS = ("type", "type of the class", "metaclass called", "new_class")
"""Styles that make the class without a class statement. A clash of metaclasses is then refused."""
WRAPPINGS = ("bare", "parametrised", "wrapped", "sets an attribute")


@dataclass(frozen=True)
class Decoration:
    """How a decorator is made.

    Attributes:
        mixin: What it joins.
        style: How it makes the class.
        wrapping: What stands around that.
    """

    mixin: Mixin
    style: str = "statement"
    wrapping: str = "bare"

    @property
    def clashes(self) -> bool:
        """Whether the metaclass of the mixin derives neither from ABCMeta nor the other way round."""
        if self.mixin.meta is None:
            return "enum" in self.mixin.kind
        return self.mixin.meta.base == "type"

    @property
    def friendly(self) -> bool:
        """Whether it is to work: nothing in it is against what dagcast or Python asks for."""
        if self.mixin.kind in ("abstract", "enum", "str enum"):
            return False
        if self.mixin.meta is not None and not self.mixin.meta.friendly:
            return False
        if self.style in CALLS and self.clashes:
            return False
        if self.mixin.meta is not None and self.mixin.meta.prepares and self.style in CALLS[:3]:
            return False
        if self.style == "makes it a dataclass" and self.mixin.kind == "frozen dataclass":
            return False
        if self.style == "reversed" and "dataclass" in self.mixin.kind:
            return False
        return not (self.mixin.keywords and self.style not in ("statement", "reversed"))


@dataclass(frozen=True)
class Built:
    """A decorator and the classes that it joins.

    Attributes:
        decorator: The decorator.
        mixins: What the result is to be a subclass of.
        log: What was registered.
    """

    decorator: Decorator
    mixins: tuple[type, ...]
    log: Log


def build_decorator(recipe: Decoration) -> Built:
    """A new decorator with new classes."""
    log = Log()
    mixin, metaclass = build_mixin(recipe.mixin, log)
    log.metaclass.clear()
    log.subclass.clear()
    needs = recipe.mixin.keywords

    def join(cls: Any) -> Any:
        style = recipe.style
        if style == "reversed":

            class Wrapped(mixin, cls, **needs):
                pass

            return Wrapped
        if style == "type":
            return type("Wrapped", (cls, mixin), {})
        if style == "type of the class":
            return type(cls)("Wrapped", (cls, mixin), {})
        if style == "new_class":
            return types.new_class("Wrapped", (cls, mixin))
        if style == "metaclass called":
            return type(mixin)("Wrapped", (cls, mixin), {})
        if style == "explicit metaclass":

            class Explicit(cls, mixin, metaclass=metaclass or type):
                pass

            return Explicit
        if style == "explicit metaclass alone":

            class Alone(cls, metaclass=metaclass or type):
                tag = "alone"

            return Alone
        if style == "a helper between":

            class Helper(cls):
                pass

            class Outer(Helper, mixin, **needs):
                pass

            return Outer
        if style == "reports as its own error":
            try:

                class Reported(cls, mixin):
                    pass
            except TypeError as error:
                raise RuntimeError("this class cannot be decorated") from error
            return Reported
        if style == "hides what happens":
            try:

                class Hidden(cls, mixin):
                    pass
            except BaseException as error:
                raise RuntimeError(f"this class cannot be decorated: {error}") from None
            return Hidden

        class Plain(cls, mixin, **needs):
            pass

        if style == "makes it a dataclass":
            return dataclass(init=False, eq=False)(Plain)
        return Plain

    joins = recipe.style != "explicit metaclass alone"
    return Built(_wrapped(join, recipe.wrapping), (mixin,) if joins else (), log)


def _wrapped(join: Decorator, wrapping: str) -> Decorator:
    if wrapping == "wrapped":

        @functools.wraps(join)
        def outer(cls: type) -> Any:
            return join(cls)

        return outer
    if wrapping == "parametrised":

        def configured(author: str) -> Decorator:
            def decorate(cls: type) -> Any:
                made = join(cls)
                made.author = author
                return made

            return decorate

        return configured("me")
    if wrapping == "sets an attribute":

        def marking(cls: Any) -> Any:
            cls.marked_before = cls.__name__
            made = join(cls)
            type.__setattr__(made, "marked_after", True)
            return made

        return marking
    return join


def metas() -> st.SearchStrategy[Meta]:
    """Metaclasses; most have few quirks, so that there are some that work."""
    rarely = st.sampled_from([False, False, False, False, False, False, False, True])
    made = st.builds(
        Meta,
        base=st.sampled_from(["type", "type", "ABCMeta", "ABCMeta before another"]),
        registers=st.sampled_from(["", "new", "init"]),
        cooperative=st.booleans(),
        call=st.sampled_from(["", "", "", "plain", "plain", "singleton", "other"]),
        prepares=st.booleans(),
        state=st.sampled_from(["", "", "lenient", "strict"]),
        refuses=st.sampled_from(["", "", "", "untagged", "joined"]),
        guards=rarely,
        final=rarely,
        keyword=rarely,
    )
    # Classes of an ABCMeta that never saw them are broken by themselves.
    return made.filter(lambda meta: meta.cooperative or meta.base == "type")


def mixins() -> st.SearchStrategy[Mixin]:
    """Mixins of every kind, one to three classes deep."""
    depth = st.integers(1, 3)
    own = st.builds(Mixin, kind=st.sampled_from(OWN_METACLASS), depth=depth)
    other = st.builds(Mixin, kind=st.sampled_from(PLAIN_KINDS), depth=depth, meta=st.none() | metas())
    return st.one_of(other, other, other, own).filter(_buildable)


def decorations() -> st.SearchStrategy[Decoration]:
    """Decorators of every style."""
    return st.builds(
        Decoration, mixin=mixins(), style=st.sampled_from(STYLES), wrapping=st.sampled_from(WRAPPINGS)
    )


def _buildable(recipe: Mixin) -> bool:
    """Whether Python makes the mixin at all, without anything of ours."""
    try:
        build_mixin(recipe, Log())
    except (TypeError, ValueError, KeyError):
        return False
    return True
