"""Decorators that do what nobody expects of one: each is applied, or refused in words that say why."""

from __future__ import annotations

import abc
import copy
import dataclasses
import enum
import functools
import inspect
import threading
import types
import typing
import weakref
from collections import namedtuple
from collections.abc import Callable
from typing import Any, Generic, NoReturn, Protocol, TypeVar, runtime_checkable

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import PluginError
from dagcast.plugin import hookimpl
from dagcast.template import DynamicPipelineTemplate

CONFIG = {"pipeline": {"name": "demo"}, "steps": {"stop": {"type": "Fail", "error_message": "enough"}}}
PLAIN = PipelineDAGCompiler(CONFIG, plugins=[]).compile_definition().definition
Decorator = Callable[[type], Any]
T = TypeVar("T")


class Plugin:
    """A plugin whose decorator has never heard of dagcast."""

    def __init__(self, decorator: Decorator, name: str = "alpha") -> None:
        self.name = name
        self.decorator = decorator

    @hookimpl
    def decorate_template_class(self, template_class: type) -> Any:
        return self.decorator(template_class)


class Registering(type):
    """A metaclass that clashes with ABCMeta."""


class Mixin(metaclass=Registering):
    """Joined to a class, it needs a common metaclass."""


JOINED: dict[str, Callable[[], Decorator]] = {}
REFUSED: dict[str, tuple[Callable[[], Decorator], str]] = {}


def joined(make: Callable[[], Decorator]) -> Callable[[], Decorator]:
    JOINED[make.__name__] = make
    return make


def refused(problem: str) -> Callable[[Callable[[], Decorator]], Callable[[], Decorator]]:
    def note(make: Callable[[], Decorator]) -> Callable[[], Decorator]:
        REFUSED[make.__name__] = (make, problem)
        return make

    return note


def joining(*bases: Any, **keywords: Any) -> Decorator:
    """A decorator that writes a class statement with these bases after the class."""

    def decorate(cls: type) -> type:
        class Wrapped(cls, *bases, **keywords):  # type: ignore[misc]
            pass

        return Wrapped

    return decorate


def with_metaclass(metaclass: type, **keywords: Any) -> Any:
    return metaclass("Made", (), {}, **keywords)


# Ways to make a class: a call is not seen, a class statement is

BY_A_CALL = "and tests.plugins.test_hostile_decorators.Registering clash in a class that is built by a call"


@joined
def by_calling_the_type_of_the_class() -> Decorator:
    return lambda cls: type(cls)(cls.__name__, (cls,), {})


@refused(BY_A_CALL)
def by_calling_the_type_of_the_class_with_a_mixin() -> Decorator:
    return lambda cls: type(cls)(cls.__name__, (cls, Mixin), {})


@refused(BY_A_CALL)
def by_calling_type() -> Decorator:
    return lambda cls: type("Made", (cls, Mixin), {})


@refused(BY_A_CALL)
def by_new_class() -> Decorator:
    return lambda cls: types.new_class("Made", (cls, Mixin))


@refused(BY_A_CALL)
def by_new_class_with_a_metaclass() -> Decorator:
    return lambda cls: types.new_class("Made", (cls, Mixin), {"metaclass": Registering})


@refused(BY_A_CALL)
def by_prepare_class() -> Decorator:
    def decorate(cls: type) -> type:
        metaclass, namespace, keywords = types.prepare_class("Made", (cls, Mixin))
        made: type = metaclass("Made", (cls, Mixin), namespace, **keywords)
        return made

    return decorate


@refused(BY_A_CALL)
def by_new_of_the_metaclass_of_the_class() -> Decorator:
    return lambda cls: type(cls).__new__(type(cls), "Made", (cls, Mixin), {})


@joined
def by_new_of_abcmeta_for_the_metaclass_of_the_class() -> Decorator:
    return lambda cls: abc.ABCMeta.__new__(type(cls), "Made", (cls,), {})


@refused(BY_A_CALL)
def by_new_of_abcmeta_alone() -> Decorator:
    return lambda cls: abc.ABCMeta.__new__(abc.ABCMeta, "Made", (cls, Mixin), {})


@joined
def thirty_deep_each_with_a_metaclass_of_its_own() -> Decorator:
    def decorate(cls: type) -> type:
        for index in range(30):
            metaclass = type(f"Meta{index}", (type,), {})
            both = type("Both", (type(cls), metaclass), {})
            cls = types.new_class("Made", (cls, with_metaclass(metaclass)), {"metaclass": both})
        return cls

    return decorate


@joined
def two_mixins_whose_metaclasses_clash_with_each_other_too() -> Decorator:
    return joining(with_metaclass(type("One", (type,), {})), with_metaclass(type("Two", (type,), {})))


# Tools of the standard library as decorators


@joined
def functools_wraps_on_the_class() -> Decorator:
    return lambda cls: functools.wraps(cls, updated=())(joining(Mixin)(cls))


@refused("object has no attribute 'update'")
def functools_wraps_that_updates_the_namespace() -> Decorator:
    return lambda cls: functools.update_wrapper(joining(Mixin)(cls), cls)


@refused("expected a class")
def functools_wraps_on_a_function() -> Decorator:
    return lambda cls: functools.wraps(cls, updated=())(lambda **given: cls(**given))


@refused("cannot be instantiated: TypeError")
def dataclass_that_writes_a_constructor() -> Decorator:
    return dataclasses.dataclass


@joined
def dataclass_without_a_constructor() -> Decorator:
    return dataclasses.dataclass(init=False)


@refused("which is not a subclass of the class that it was given")
def dataclass_with_slots_which_is_another_class() -> Decorator:
    return dataclasses.dataclass(init=False, slots=True)


@joined
def dataclass_with_slots_below_the_class() -> Decorator:
    def decorate(cls: type) -> type:
        class Wrapped(cls, Mixin):  # type: ignore[misc]
            level: int = 1

        return dataclasses.dataclass(slots=True, init=False)(Wrapped)

    return decorate


@refused("FrozenInstanceError")
def dataclass_that_is_frozen() -> Decorator:
    return lambda cls: dataclasses.dataclass(frozen=True, init=False)(joining(Mixin)(cls))


@joined
def total_ordering_below_the_class() -> Decorator:
    def decorate(cls: type) -> type:
        @functools.total_ordering
        class Wrapped(cls, Mixin):  # type: ignore[misc]
            def __lt__(self, other: object) -> bool:
                return False

        return Wrapped

    return decorate


@joined
def typing_final() -> Decorator:
    return typing.final


@joined
def a_protocol_that_is_checked_at_run_time() -> Decorator:
    class Generates(Protocol):
        def generate_pipeline(self) -> Any: ...

    return joining(runtime_checkable(Generates))


@joined
def a_protocol_with_a_metaclass_of_its_own() -> Decorator:
    class Meta(type(Protocol)):  # type: ignore[misc]
        pass

    class Level(Protocol, metaclass=Meta):
        level: int

    return joining(Level)


@refused("Protocols can only inherit from other protocols")
def the_class_as_a_protocol() -> Decorator:
    return joining(Protocol)


@refused("only be applied to protocol classes")
def runtime_checkable_on_the_class() -> Decorator:
    def decorate(cls: type) -> Any:
        try:
            return runtime_checkable(cls)
        except TypeError:
            # Releases of Python say it each in their own words.
            raise TypeError("it can only be applied to protocol classes") from None

    return decorate


@joined
def a_generic_with_a_metaclass() -> Decorator:
    class Box(Generic[T], metaclass=Registering):
        pass

    return joining(Box[int])


@refused("expected a class")
def an_alias_of_a_generic() -> Decorator:
    return lambda cls: joining(Generic[T])(cls)[int]  # type: ignore[index]


@joined
def singledispatch_and_abc_that_register_it() -> Decorator:
    class Interface(abc.ABC):  # noqa: B024
        pass

    @functools.singledispatch
    def show(value: Any) -> str:
        return ""

    def decorate(cls: type) -> type:
        Interface.register(cls)
        show.register(cls)(lambda value: "template")
        return joining(Mixin)(cls)

    return decorate


# Enums, tuples, and other bases with a mind of their own


@refused("cannot be instantiated")
def an_enum_without_members() -> Decorator:
    return joining(enum.Enum)


@refused("cannot extend")
def an_enum_with_members() -> Decorator:
    return joining(enum.Enum("Level", ["LOW"]))


@refused("cannot be instantiated")
def a_named_tuple() -> Decorator:
    return joining(namedtuple("Pair", "one two"))


@refused("cannot be instantiated")
def an_int() -> Decorator:
    return joining(int)


@joined
def an_exception() -> Decorator:
    return joining(Exception)


@refused("instance lay-out conflict")
def slots_of_two_mixins() -> Decorator:
    bases = [Registering(name, (), {"__slots__": (name.lower(),)}) for name in ("One", "Two")]
    return joining(*bases)


@joined
def slots_of_one_mixin() -> Decorator:
    return joining(Registering("One", (), {"__slots__": ("one", "__dict__")}))


# Metaclasses with keywords, and __init_subclass__


class Marked(abc.ABCMeta):
    """Derived from ABCMeta, with a keyword that it needs."""

    def __new__(mcs, name: str, bases: Any, namespace: Any, *, mark: str, **more: Any) -> Any:
        made = super().__new__(mcs, name, bases, namespace, **more)
        made.mark = mark  # type: ignore[attr-defined]
        return made

    def __init__(cls, name: str, bases: Any, namespace: Any, *, mark: str, **more: Any) -> None:
        super().__init__(name, bases, namespace)


class MarkedPlainly(type):
    """The same, and it clashes with ABCMeta."""

    def __new__(mcs, name: str, bases: Any, namespace: Any, *, mark: str, **more: Any) -> Any:
        made = super().__new__(mcs, name, bases, namespace, **more)
        made.mark = mark  # type: ignore[attr-defined]
        return made

    def __init__(cls, name: str, bases: Any, namespace: Any, *, mark: str, **more: Any) -> None:
        super().__init__(name, bases, namespace)


@joined
def a_metaclass_below_abcmeta_with_a_keyword() -> Decorator:
    return joining(with_metaclass(Marked, mark="x"), mark="y")


@joined
def a_metaclass_beside_abcmeta_with_a_keyword() -> Decorator:
    return joining(with_metaclass(MarkedPlainly, mark="x"), mark="y")


@joined
def init_subclass_with_a_keyword() -> Decorator:
    class Level(Mixin):
        def __init_subclass__(cls, *, level: int, **more: Any) -> None:
            super().__init_subclass__(**more)

    return joining(Level, level=1)


def raising(error: BaseException) -> Any:
    def init_subclass(cls: type, **more: Any) -> None:
        raise error

    return Registering("Raising", (), {"__init_subclass__": classmethod(init_subclass)})


@refused("RuntimeError: no subclasses")
def init_subclass_that_raises() -> Decorator:
    return joining(raising(RuntimeError("no subclasses")))


@refused("SystemExit: 3")
def init_subclass_that_exits() -> Decorator:
    return joining(raising(SystemExit(3)))


@refused("GeneratorExit")
def init_subclass_that_raises_no_exception() -> Decorator:
    return joining(raising(GeneratorExit()))


# Metaclasses that answer oddly


def metaclass(**body: Any) -> Any:
    return type("Odd", (type,), body)


@refused("gave 42, which is not an instance of it")
def a_call_that_gives_something_else() -> Decorator:
    return joining(with_metaclass(metaclass(__call__=lambda cls, *args, **given: 42)))


@refused("gave None, which is not an instance of it")
def a_call_that_forgets_to_return() -> Decorator:
    return joining(with_metaclass(metaclass(__call__=lambda cls, *args, **given: None)))


@refused("frozen class")
def attributes_that_cannot_be_set() -> Decorator:
    def refuse(cls: type, name: str, value: Any) -> None:
        raise AttributeError("frozen class")

    return joining(with_metaclass(metaclass(__setattr__=refuse)))


@refused("cannot be used: AttributeError")
def a_name_that_cannot_be_set() -> Decorator:
    return joining(with_metaclass(metaclass(__name__=property(lambda cls: "another"))))


@joined
def classes_that_equal_everything() -> Decorator:
    return joining(with_metaclass(metaclass(__eq__=lambda cls, other: True, __hash__=None)))


@joined
def checks_that_always_say_no() -> Decorator:
    def no(cls: type, other: Any) -> bool:
        return False

    return joining(with_metaclass(metaclass(__instancecheck__=no, __subclasscheck__=no)))


# Decorators that look at the class first


@joined
def one_that_asks_whether_it_is_a_template_class() -> Decorator:
    def decorate(cls: type) -> type:
        if not (inspect.isclass(cls) and issubclass(cls, DynamicPipelineTemplate)):
            raise TypeError("give me a template class")
        return joining(Mixin)(cls)

    return decorate


@joined
def one_that_reads_the_source() -> Decorator:
    def decorate(cls: type) -> type:
        assert "class DynamicPipelineTemplate" in inspect.getsource(cls)
        return joining(Mixin)(cls)

    return decorate


@joined
def one_that_walks_the_ancestors() -> Decorator:
    def decorate(cls: type) -> type:
        assert DynamicPipelineTemplate in cls.__mro__
        assert cls.__bases__
        assert cls.mro()
        return joining(Mixin)(cls)

    return decorate


@joined
def one_that_looks_for_its_subclass() -> Decorator:
    def decorate(cls: type) -> type:
        made = joining(Mixin)(cls)
        assert made in cls.__subclasses__()
        return made

    return decorate


@joined
def one_that_shows_copies_and_compares_it() -> Decorator:
    def decorate(cls: type) -> type:
        assert repr(cls)
        assert str(cls)
        assert hash(cls) == hash(cls)
        assert cls == copy.copy(cls)
        assert cls not in (int, Mixin)
        assert vars(cls)
        assert dir(cls)
        assert weakref.ref(cls)() is cls
        return joining(Mixin)(copy.deepcopy(cls))

    return decorate


@joined
def one_that_sets_an_attribute_first() -> Decorator:
    def decorate(cls: Any) -> type:
        cls.author = "team"
        made: Any = joining(Mixin)(cls)
        assert made.author == "team"
        return made  # type: ignore[no-any-return]

    return decorate


# Decorators that remember


def remembering(cache: Any, key: Callable[[type], Any]) -> Decorator:
    def decorate(cls: type) -> Any:
        if key(cls) not in cache:
            cache[key(cls)] = joining(Mixin)(cls)
        return cache[key(cls)]

    return decorate


@joined
def by_identity() -> Decorator:
    return remembering({}, id)


@joined
def by_class() -> Decorator:
    return remembering({}, lambda cls: cls)


@joined
def by_weak_reference() -> Decorator:
    return remembering(weakref.WeakKeyDictionary(), lambda cls: cls)


@joined
def by_lru_cache() -> Decorator:
    return functools.lru_cache(joining(Mixin))


# Decorators that catch, and that never end


def catching(
    kind: type[BaseException],
    then: Callable[[type, BaseException], Any],
    join: Decorator = lambda cls: type("Made", (cls, Mixin), {}),
) -> Decorator:
    """Joins a mixin by a call, which fails, and then does something else."""

    def decorate(cls: type) -> Any:
        try:
            return join(cls)
        except kind as error:
            return then(cls, error)

    return decorate


@joined
def one_that_falls_back_to_the_class() -> Decorator:
    return catching(Exception, lambda cls, _: cls)


@refused("it raised ValueError: wrapped, after: the metaclasses abc.ABCMeta and tests.")
def one_that_catches_even_what_ends_the_call() -> Decorator:
    def wrapped(cls: type, error: BaseException) -> NoReturn:
        raise ValueError("wrapped") from error

    return catching(BaseException, wrapped)


@refused("it returned nothing")
def one_that_swallows_everything() -> Decorator:
    return catching(BaseException, lambda cls, error: None)


@joined
def one_that_catches_everything_and_need_not() -> Decorator:
    return catching(BaseException, lambda cls, error: None, joining(Mixin))


@refused("it raised RuntimeError: it did not work, after: the metaclasses abc.ABCMeta and tests.")
def one_that_hides_the_conflict_behind_an_error_of_its_own() -> Decorator:
    def hidden(cls: type, error: BaseException) -> NoReturn:
        raise RuntimeError("it did not work") from None

    return catching(TypeError, hidden)


@refused("RecursionError")
def one_that_calls_itself() -> Decorator:
    def decorate(cls: type) -> Any:
        return decorate(joining(Mixin)(cls))

    return decorate


@refused("expected a class")
def one_that_is_a_generator() -> Decorator:
    def decorate(cls: type) -> Any:
        yield cls

    return decorate


# What it gives and says cannot even be shown


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it has no text")

    def __repr__(self) -> str:
        raise RuntimeError("it has no text")


@refused("expected a class")
def a_result_that_cannot_be_shown() -> Decorator:
    return lambda cls: UnspeakableError()


@refused("it raised UnspeakableError: <UnspeakableError whose text is unavailable")
def an_error_that_cannot_be_shown() -> Decorator:
    def decorate(cls: type) -> type:
        raise UnspeakableError

    return decorate


@refused("x... (10,000,000 characters)")
def an_error_that_fills_the_screen() -> Decorator:
    def decorate(cls: type) -> type:
        raise ValueError("x" * 10_000_000)

    return decorate


def compiler(decorator: Decorator) -> PipelineDAGCompiler:
    return PipelineDAGCompiler(CONFIG, plugins=[Plugin(decorator)])


@pytest.mark.parametrize("name", JOINED)
def test_it_is_applied(name: str) -> None:
    ours = compiler(JOINED[name]())
    made: Any = ours.create_decorated_class()
    template = ours.create_template()
    assert type(template) is made
    assert DynamicPipelineTemplate in type.mro(made)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(made, attribute) == getattr(DynamicPipelineTemplate, attribute)
    assert template.generate_definition().definition == PLAIN
    assert PipelineDAGCompiler(CONFIG, plugins=[]).compile_definition().definition == PLAIN


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name: str) -> None:
    make, problem = REFUSED[name]
    with pytest.raises(PluginError) as caught:
        compiler(make()).create_template()
    error = caught.value
    assert (error.plugin, error.hook) == ("alpha", "decorate_template_class")
    assert problem in error.problem
    assert error.remedy
    assert len(str(error)) < 1_500


def test_an_interrupt_inside_of_a_decorator_is_the_users() -> None:
    with pytest.raises(KeyboardInterrupt):
        compiler(joining(raising(KeyboardInterrupt()))).create_template()


def test_a_decorator_may_wait_for_a_thread_that_decorates_another_class() -> None:
    finished: list[str] = []

    def patient(cls: type) -> type:
        other = PipelineDAGCompiler(CONFIG, plugins=[Plugin(joining(Mixin), "beta")])
        thread = threading.Thread(
            target=lambda: finished.append(other.compile_definition().definition), daemon=True
        )
        thread.start()
        thread.join(timeout=60)
        return cls

    assert compiler(patient).compile_definition().definition == PLAIN
    assert finished == [PLAIN]
