"""While a decorator runs, its thread's class statements join metaclasses. Nothing else in the process changes."""

from __future__ import annotations

import builtins
import contextlib
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import PluginError
from dagcast.plugin import hookimpl, mixin
from dagcast.template import DynamicPipelineTemplate

CONFIG = {"pipeline": {"name": "demo"}, "steps": {"stop": {"type": "Fail", "error_message": "enough"}}}
T = TypeVar("T")
Decorator = Callable[[Any], Any]


class Plugin:
    """A plugin whose decorator has never heard of dagcast."""

    def __init__(self, decorator: Decorator, name: str = "alpha") -> None:
        self.name = name
        self.decorator = decorator

    @hookimpl
    def decorate_template_class(self, template_class: type) -> Any:
        return self.decorator(template_class)


class Meta(type):
    """Clashes with ABCMeta."""


class OtherMeta(type):
    """Clashes with both."""


class Mixin(metaclass=Meta):
    """Joined to the template class, it needs a common metaclass."""


class OtherMixin(metaclass=OtherMeta):
    """The same with another metaclass."""


def decorate(*decorators: Decorator) -> Any:
    plugins = [Plugin(decorator, f"plugin-{index}") for index, decorator in enumerate(decorators)]
    return PipelineDAGCompiler(CONFIG, plugins=plugins).create_decorated_class()


def wrap(cls: Any) -> Any:
    class Wrapped(cls, Mixin):
        pass

    return Wrapped


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    before = builtins.__build_class__
    yield
    assert builtins.__build_class__ is before


def clashes() -> bool:
    try:

        class Both(Mixin, OtherMixin):  # type: ignore[metaclass]
            pass
    except TypeError as error:
        return str(error).startswith(
            "metaclass conflict: the metaclass of a derived class must be a (non-strict)"
        )
    return False


# Effects


def test_effects_before_the_class_statement_happen_once() -> None:
    registry: list[type] = []
    runs: list[int] = []

    def instrument(cls: Any) -> Any:
        registry.append(cls)
        old = cls.__init__

        def init(self: Any, *args: Any, **given: Any) -> None:
            old(self, *args, **given)
            runs.append(1)

        cls.__init__ = init
        return wrap(cls)

    compiler = PipelineDAGCompiler(CONFIG, plugins=[Plugin(instrument)])
    template: Any = compiler.create_template()
    assert len(registry) == 1
    assert registry[0] in type(template).__mro__
    assert issubclass(registry[0], DynamicPipelineTemplate)
    assert runs == [1]


def test_a_decorator_that_may_be_applied_once_to_a_name() -> None:
    seen: set[str] = set()

    def once(cls: Any) -> Any:
        if cls.__name__ in seen:
            raise ValueError(f"{cls.__name__} is registered twice")
        seen.add(cls.__name__)
        return wrap(cls)

    compiler = PipelineDAGCompiler(CONFIG, plugins=[Plugin(once)])
    assert compiler.create_template().generate_definition().report.pipeline == "demo"
    assert compiler.create_template().generate_definition().report.pipeline == "demo"
    other = PipelineDAGCompiler(CONFIG, plugins=[Plugin(once)])
    with pytest.raises(
        PluginError, match="it raised ValueError: DynamicPipelineTemplate is registered twice"
    ):
        other.create_template()


@pytest.mark.parametrize("at", ["before", "in the body", "after"])
def test_the_decorators_own_error_is_the_one_that_is_shown(at: str) -> None:
    def failing(cls: Any) -> Any:
        if at == "before":
            raise LookupError("no owner")

        class Wrapped(cls, Mixin):
            if at == "in the body":
                raise LookupError("no owner")

        raise LookupError("no owner")

    with pytest.raises(
        PluginError, match=r"hook decorate_template_class: it raised LookupError: no owner; report"
    ):
        decorate(failing)


def test_a_conflict_that_the_decorator_handles_is_not_reported() -> None:
    def careful(cls: Any) -> Any:
        with contextlib.suppress(TypeError):
            type("Wrapped", (cls, Mixin), {})
        raise LookupError("no owner")

    with pytest.raises(PluginError, match="it raised LookupError: no owner; report"):
        decorate(careful)


# Which statements


def test_two_clashes_in_one_hook() -> None:
    def audit(cls: Any) -> Any:
        class Audited(cls, Mixin):
            pass

        return Audited

    def track(cls: Any) -> Any:
        class Tracked(cls, OtherMixin):
            pass

        return Tracked

    made = decorate(lambda cls: track(audit(cls)))
    assert isinstance(made, Meta)
    assert isinstance(made, OtherMeta)
    assert made.__mro__.index(OtherMixin) > made.__mro__.index(Mixin) > 0
    assert decorate(audit, track, audit)


def test_a_statement_without_the_class_clashes_as_in_python() -> None:
    found: list[bool] = []

    def helper(cls: Any) -> Any:
        found.append(clashes())
        return wrap(cls)

    assert decorate(helper)
    assert found == [True]

    def failing(cls: Any) -> Any:
        class Both(Mixin, OtherMixin):  # type: ignore[metaclass]
            pass

        return cls

    with pytest.raises(PluginError, match="it raised TypeError: metaclass conflict"):
        decorate(failing)


def test_metaclass_keywords_and_starred_arguments() -> None:
    def explicit(cls: Any) -> Any:
        class Wrapped(cls, metaclass=Meta):
            pass

        return Wrapped

    def starred(cls: Any) -> Any:
        class Wrapped(*(cls, Mixin), **{"metaclass": OtherMeta}):
            pass

        return Wrapped

    def by_function(cls: Any) -> Any:
        def build(name: str, bases: Any, namespace: Any) -> Any:
            return type(cls)(name, bases, namespace)

        class Wrapped(cls, metaclass=build):
            pass

        return Wrapped

    assert isinstance(decorate(explicit), Meta)
    assert isinstance(decorate(starred), Meta)
    assert isinstance(decorate(starred), OtherMeta)
    assert issubclass(decorate(by_function), DynamicPipelineTemplate)


def test_bases_are_resolved_once() -> None:
    asked: list[Any] = []

    class Lazy:
        def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
            asked.append(bases)
            return (Meta("Made", (), {}),)

    lazy = Lazy()

    def lazily(cls: Any) -> Any:
        class Wrapped(cls, lazy):  # type: ignore[misc]
            pass

        return Wrapped

    made = decorate(lazily)
    assert len(asked) == 1
    assert made.__orig_bases__[1] is lazy
    assert made.__bases__[1].__name__ == "Made"


def test_generic_bases_keep_their_arguments() -> None:
    class Box(Generic[T], metaclass=Meta):
        pass

    def boxed(cls: Any) -> Any:
        class Wrapped(cls, Box[int]):
            pass

        return Wrapped

    assert decorate(boxed).__orig_bases__[1] == Box[int]


class Proxy:
    """Says that it is the class that it wraps, as the proxies of wrapt do."""

    def __init__(self, wrapped: type) -> None:
        self.wrapped = wrapped

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.wrapped)

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (self.wrapped,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


def test_a_proxy_of_a_mixin_is_taken_where_python_takes_it() -> None:
    proxy: Any = Proxy(Mixin)

    def wrapped(cls: Any) -> Any:
        class Wrapped(cls, proxy):
            pass

        return Wrapped

    for made in (decorate(wrapped), decorate(lambda cls: mixin(cls, proxy))):
        assert Mixin in made.__mro__
        assert made.__orig_bases__[1] is proxy


def test_the_frame_of_the_statement_is_the_decorators() -> None:
    """Libraries look for types of annotations and for the module there; pydantic and zope.interface do."""
    callers: list[str] = []

    class Looking(type):
        def __new__(mcs, name: str, bases: Any, namespace: Any) -> Any:
            callers.append(sys._getframe(1).f_code.co_name)
            return super().__new__(mcs, name, bases, namespace)

        def __init__(cls, name: str, bases: Any, namespace: Any) -> None:
            callers.append(sys._getframe(1).f_code.co_name)
            super().__init__(name, bases, namespace)

    class Looked(metaclass=Looking):
        pass

    def looked(cls: Any) -> Any:
        class Unrelated(Looked):
            pass

        class Wrapped(cls, Looked):
            pass

        return Wrapped

    callers.clear()
    decorate(looked)
    assert callers == ["looked"] * 4


# What is refused


def test_a_mixin_that_is_first_and_hides_the_templates_method_is_named() -> None:
    class Contract(ABC):
        @abstractmethod
        def generate_pipeline(self) -> Any: ...

    def mixin_first(cls: Any) -> Any:
        class Wrapped(Contract, cls):
            pass

        return Wrapped

    def template_first(cls: Any) -> Any:
        class Wrapped(cls, Contract):
            pass

        return Wrapped

    with pytest.raises(PluginError) as caught:
        decorate(mixin_first)
    assert "plugin 'plugin-0', hook decorate_template_class" in str(caught.value)
    assert "'generate_pipeline' of " in caught.value.problem
    assert "Contract hides the template's own" in caught.value.problem
    assert "class Wrapped(template_class, Mixin)" in caught.value.remedy
    assert Contract in decorate(template_first).__mro__


def test_an_abstract_method_that_nobody_has_is_missing() -> None:
    class Contract(ABC):
        @abstractmethod
        def owner(self) -> str: ...

    def contracted(cls: Any) -> Any:
        class Wrapped(Contract, cls):
            pass

        return Wrapped

    with pytest.raises(PluginError, match="its class is abstract: missing owner; implement these methods"):
        decorate(contracted)


def test_a_metaclass_that_rejects_the_joined_class_is_named_and_the_remedy_works() -> None:
    class Strict(type):
        def __new__(mcs, name: str, bases: Any, namespace: Any) -> Any:
            if any(not isinstance(base, Strict) for base in bases):
                raise TypeError("all bases must be strict")
            return super().__new__(mcs, name, bases, namespace)

    class Record(metaclass=Strict):
        level = 3

    def derive(cls: Any) -> Any:
        class Wrapped(cls, Record):
            pass

        return Wrapped

    for decorator in (derive, lambda cls: mixin(cls, Record)):
        with pytest.raises(PluginError) as caught:
            decorate(decorator)
        assert "abc.ABCMeta and " in caught.value.problem
        assert "Strict" in caught.value.problem
        assert "TypeError: all bases must be strict" in caught.value.problem
        assert "mixin" not in caught.value.remedy
        assert "hold an instance of it in an attribute" in caught.value.remedy

    def hold(cls: Any) -> Any:
        class Wrapped(cls):
            record = Record()

        return Wrapped

    assert decorate(hold).record.level == 3


# Other replacements, threads and nesting


def test_what_stood_in_builtins_before_is_called_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    original = builtins.__build_class__

    def counting(function: Any, name: str, *bases: Any, **keywords: Any) -> Any:
        built.append(name)
        return original(function, name, *bases, **keywords)

    monkeypatch.setattr(builtins, "__build_class__", counting)
    assert isinstance(decorate(wrap), Meta)
    assert builtins.__build_class__ is counting
    assert built == ["Wrapped"]
    monkeypatch.undo()


def test_a_replacement_that_the_decorator_puts_on_top_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    monkeypatch.setattr(builtins, "__build_class__", builtins.__build_class__)

    def installing(cls: Any) -> Any:
        below = builtins.__build_class__

        def counting(function: Any, name: str, *bases: Any, **keywords: Any) -> Any:
            built.append(name)
            return below(function, name, *bases, **keywords)

        monkeypatch.setattr(builtins, "__build_class__", counting)
        return wrap(cls)

    assert isinstance(decorate(installing), Meta)
    mine = builtins.__build_class__
    assert clashes()
    assert built == ["Wrapped", "Both"]
    assert isinstance(decorate(wrap), Meta)
    assert builtins.__build_class__ is mine
    monkeypatch.undo()


def test_a_failing_decorator_leaves_nothing_behind() -> None:
    before = builtins.__build_class__
    for failure in (ValueError("no"), KeyboardInterrupt(), SystemExit(2)):

        def failing(cls: Any, failure: BaseException = failure) -> Any:
            raise failure

        with pytest.raises((PluginError, KeyboardInterrupt)):
            decorate(failing)
        assert builtins.__build_class__ is before
        assert clashes()


def test_a_decorator_that_compiles_another_pipeline() -> None:
    def nested(cls: Any) -> Any:
        other = PipelineDAGCompiler(CONFIG, plugins=[Plugin(wrap, "inner")])
        assert isinstance(other.create_decorated_class(), Meta)

        class Wrapped(cls, OtherMixin):
            pass

        return Wrapped

    assert isinstance(decorate(nested), OtherMeta)


def test_statements_of_other_threads_are_pythons_own() -> None:
    """64 threads: half decorate, half execute class statements that clash."""
    inside = threading.Barrier(64, timeout=60)

    def decorating(_: int) -> bool:
        def patient(cls: Any) -> Any:
            inside.wait()
            made = wrap(cls)
            inside.wait()
            return made

        return isinstance(decorate(patient), Meta)

    def watching(_: int) -> bool:
        inside.wait()
        clashed = [clashes() for _ in range(20)]
        inside.wait()
        return all(clashed)

    with ThreadPoolExecutor(64) as pool:
        jobs = [pool.submit(decorating if number % 2 else watching, number) for number in range(64)]
        assert all(job.result(timeout=120) for job in jobs)


def test_a_thread_that_the_decorator_starts_is_not_marked() -> None:
    found: list[bool] = []

    def starting(cls: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append(clashes()), daemon=True)
        thread.start()
        thread.join(timeout=60)
        return wrap(cls)

    assert isinstance(decorate(starting), Meta)
    assert found == [True]


def test_importing_dagcast_replaces_nothing() -> None:
    program = """
import builtins
before = builtins.__build_class__
import dagcast.plugin
assert builtins.__build_class__ is before
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
