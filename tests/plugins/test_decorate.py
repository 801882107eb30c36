"""Decorated classes: a fold in order, one class for each plugins and metadata, whatever the threads do."""

from __future__ import annotations

import functools
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from dagcast import PipelineDAGCompiler
from dagcast.errors import PluginError
from dagcast.plugin import hookimpl
from dagcast.plugins.configured import ConfiguredPlugin, NoOptions
from dagcast.plugins.decorate import ClassCache
from dagcast.plugins.load import adopt_plugin
from dagcast.plugins.plugin_set import PluginSet
from dagcast.template import DynamicPipelineTemplate

CONFIG = {"pipeline": {"name": "demo"}, "steps": {"stop": {"type": "Fail", "error_message": "enough"}}}


class Marking:
    """Wraps the class and leaves its name on it."""

    def __init__(self, name: str = "marking") -> None:
        self.name = name
        self.made: list[type] = []

    @hookimpl
    def decorate_template_class(self, template_class: Any, metadata: Any) -> type:
        class Wrapped(template_class):
            marks = (*getattr(template_class, "marks", ()), self.name)
            seen = metadata

        self.made.append(Wrapped)
        return Wrapped


class Returning:
    """Returns what it is told to."""

    name = "returning"

    def __init__(self, result: Any) -> None:
        self.result = result

    @hookimpl
    def decorate_template_class(self, template_class: Any) -> Any:
        return self.result(template_class)


def compiler(*plugins: Any) -> PipelineDAGCompiler:
    return PipelineDAGCompiler(CONFIG, plugins=plugins)


def plugin_set(*plugins: Any) -> PluginSet:
    return PluginSet(tuple(ConfiguredPlugin(adopt_plugin(each), NoOptions()) for each in plugins))


def marks(made: Any) -> tuple[str, ...]:
    found: tuple[str, ...] = made.marks
    return found


# The fold


def test_the_first_decorates_innermost() -> None:
    plugins = [Marking("a"), Marking("b"), Marking("c")]
    assert marks(compiler(*plugins).create_decorated_class()) == ("a", "b", "c")
    assert marks(compiler(*reversed(plugins)).create_decorated_class()) == ("c", "b", "a")


def test_each_gets_what_the_one_before_returned() -> None:
    first, second = Marking("a"), Marking("b")
    made = compiler(first, second).create_decorated_class()
    assert first.made[0] in made.__mro__
    assert second.made == [made]


def test_without_plugins_it_is_the_class_itself() -> None:
    assert compiler().create_decorated_class() is DynamicPipelineTemplate


def test_name_module_and_doc_stay() -> None:
    for made in (
        compiler(Marking()).create_decorated_class(),
        compiler(Marking(), Marking("b")).create_decorated_class(),
    ):
        for name in ("__name__", "__qualname__", "__module__", "__doc__"):
            assert getattr(made, name) == getattr(DynamicPipelineTemplate, name)


def test_a_decorator_that_wraps_three_deep() -> None:
    inner = Marking("x")

    def three(cls: type) -> Any:
        return functools.reduce(lambda made, _: inner.decorate_template_class(made, {}), range(3), cls)

    made = compiler(Returning(three)).create_decorated_class()
    assert marks(made) == ("x", "x", "x")
    assert made.__name__ == "DynamicPipelineTemplate"


def test_the_same_decorator_in_two_plugins() -> None:
    decorator = Marking("twice")
    first, second = (
        Returning(lambda cls: decorator.decorate_template_class(cls, {})),
        Returning(lambda cls: decorator.decorate_template_class(cls, {})),
    )
    second.name = "second"
    assert marks(compiler(first, second).create_decorated_class()) == ("twice", "twice")


def test_a_decorator_that_returns_the_same_class() -> None:
    made = compiler(Returning(lambda cls: cls), Marking("a")).create_decorated_class()
    assert marks(made) == ("a",)


def test_a_decorator_that_sets_an_attribute_leaves_the_template_class_alone() -> None:
    def setting(cls: Any) -> Any:
        cls.added = 1
        cls.generate_definition = lambda self: "changed"
        return cls

    made = compiler(Returning(setting)).create_decorated_class()
    assert made.added == 1  # type: ignore[attr-defined]
    assert not hasattr(DynamicPipelineTemplate, "added")
    assert compiler().create_template().generate_definition() != "changed"


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (lambda cls: None, "it returned nothing"),
        (lambda cls: functools.partial(cls), "expected a class"),
        (lambda cls: lambda **given: cls(**given), "expected a class"),
        (lambda cls: object(), "expected a class"),
        (lambda cls: cls.__mro__[2], "not a subclass of the class that it was given"),
        (lambda cls: type("Other", (), {}), "not a subclass of the class that it was given"),
    ],
)
def test_what_is_not_a_class_of_ours_is_refused(result: Any, problem: str) -> None:
    with pytest.raises(PluginError, match=problem) as caught:
        compiler(Returning(result)).create_decorated_class()
    assert caught.value.hook == "decorate_template_class"


def test_a_virtual_subclass_is_not_a_subclass() -> None:
    def registered(cls: Any) -> Any:
        class Virtual:
            pass

        cls.register(Virtual)
        return Virtual

    with pytest.raises(PluginError, match="not a subclass of the class that it was given"):
        compiler(Returning(registered)).create_decorated_class()


def test_an_instance_is_refused() -> None:
    """What is at the bottom of it all: decorating an instance in place of the class."""

    def instantiating(cls: Any) -> Any:
        return cls(dag=None, config=None)

    with pytest.raises(PluginError, match="expected a class; return the class itself"):
        compiler(Returning(instantiating)).create_decorated_class()


# Instances


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"__init__": lambda self: None}, "TypeError"),
        ({"__init__": lambda self, **given: None}, "does not hold its constructor arguments"),
        ({"__new__": lambda cls, **given: object()}, "which is not an instance of it"),
        ({"dag": property(lambda self: None)}, "AttributeError"),
        ({"__slots__": (), "__setattr__": lambda self, name, value: 1 / 0}, "ZeroDivisionError"),
    ],
)
def test_a_class_that_makes_no_whole_instance_is_refused(body: dict[str, Any], problem: str) -> None:
    plugin = Returning(
        lambda cls: type("Wrapped", (cls,), body) if type(cls) is type else type(cls)("W", (cls,), body)
    )
    with pytest.raises(PluginError, match=problem) as caught:
        compiler(plugin).create_template()
    assert (caught.value.plugin, caught.value.hook) == ("returning", "decorate_template_class")


def test_every_plugin_that_decorated_is_named_where_any_may_be_to_blame() -> None:
    plugin = Returning(lambda cls: type(cls)("W", (cls,), {"__init__": lambda self: None}))
    with pytest.raises(PluginError, match=r"plugin 'outer'.*also decorated by 'returning' and 'inner'"):
        compiler(Marking("inner"), plugin, Marking("outer")).create_template()


def test_an_instance_of_an_earlier_compile_is_not_handed_out_for_a_later_one() -> None:
    kept: list[Any] = []

    def singleton(cls: Any) -> Any:
        class Once(cls):
            def __new__(made, **given: Any) -> Any:
                if not kept:
                    kept.append(super().__new__(made))
                return kept[0]

            def __init__(self, **given: Any) -> None:
                if not hasattr(self, "dag"):
                    super().__init__(**given)

        return Once

    made = compiler(Returning(singleton))
    made.create_template()
    with pytest.raises(PluginError, match="do not cache instances"):
        made.create_template()


def test_a_class_may_add_arguments_of_its_own() -> None:
    class Adding:
        @hookimpl
        def decorate_template_class(self, template_class: Any) -> type:
            class Wrapped(template_class):
                def __init__(self, *, author: str, **given: Any) -> None:
                    super().__init__(**given)
                    self.author = author

            return Wrapped

        @hookimpl
        def build_template_params(self, params: Any) -> dict[str, Any]:
            return {"author": "someone"}

    template: Any = compiler(Adding()).create_template()
    assert template.author == "someone"
    assert compiler(Adding()).create_template(author="me").author == "me"  # type: ignore[attr-defined]


# The cache


def test_ten_thousand_with_one_metadata_make_one_class() -> None:
    plugin = Marking()
    made = compiler(plugin)
    classes = {id(made.create_decorated_class(author="me", labels=["a", {"b": 1}])) for _ in range(10_000)}
    assert len(classes) == 1
    assert len(plugin.made) == 1


def test_a_hundred_compilers_share_a_class() -> None:
    plugin = Marking()
    assert len({compiler(plugin).create_decorated_class() for _ in range(100)}) == 1
    assert len(plugin.made) == 1


def test_compilers_that_are_given_a_plugins_class_share_a_class() -> None:
    made = []

    class Counting(Marking):
        name = "counting"

        def __init__(self) -> None:
            super().__init__("counting")
            made.append(self)

    assert len({compiler(Counting).create_decorated_class() for _ in range(20)}) == 1
    assert len(made) == 20
    assert sum(len(each.made) for each in made) == 1


def test_equal_objects_are_not_the_same_plugin() -> None:
    @dataclass
    class Equal(Marking):
        level: int = 1

        def __post_init__(self) -> None:
            super().__init__("equal")

        __hash__ = None  # type: ignore[assignment]

    one, two = Equal(), Equal()
    assert one == two
    first, second = (compiler(each).create_decorated_class() for each in (one, two))
    assert (one.made, two.made) == ([first], [second])


def test_options_tell_classes_apart() -> None:
    class Optioned:
        name = "optioned"

        class Options(BaseModel):
            model_config = ConfigDict(extra="forbid", frozen=True)
            level: int = 1

        @hookimpl
        def options_model(self) -> type[BaseModel]:
            return self.Options

        @hookimpl
        def decorate_template_class(self, template_class: Any, options: Any) -> type:
            class Wrapped(template_class):
                level = options.level

            return Wrapped

    plugin = Optioned()

    def of(**options: Any) -> Any:
        config = {**CONFIG, "plugins": {"options": {"optioned": options}}}
        return PipelineDAGCompiler(config, plugins=[plugin]).create_decorated_class()

    assert (of().level, of(level=2).level) == (1, 2)
    assert of() is of(level=1)


class Same:
    """Shows itself like every other of its kind."""

    def __repr__(self) -> str:
        return "same"


def test_metadata_that_only_looks_the_same_is_distinguished() -> None:
    plugin = Marking()
    values = [1, True, 1.0, "1", [1], {"a": 1}, {"a": True}, Same(), Same(), -0.0, 0.0]
    classes = [compiler(plugin).create_decorated_class(value=value) for value in values]
    assert len(set(classes)) == len(values)
    again = [compiler(plugin).create_decorated_class(value=value) for value in values]
    assert again == classes
    for made, value in zip(classes, values, strict=True):
        seen = made.seen["value"]  # type: ignore[attr-defined]
        assert seen == value or isinstance(value, list)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100)
@given(st.lists(st.dictionaries(st.text("abc", min_size=1, max_size=2), JSON, max_size=3), max_size=8))
def test_a_class_is_made_for_each_metadata_and_only_then(all_metadata: list[dict[str, Any]]) -> None:
    plugin = Marking()
    plugins, cache = plugin_set(plugin), ClassCache()
    for metadata in [*all_metadata, *all_metadata]:
        made: Any = cache.get(DynamicPipelineTemplate, plugins, metadata)
        assert repr(_sorted(made.seen)) == repr(_sorted(metadata))
    assert len(plugin.made) == len({repr(_sorted(metadata)) for metadata in all_metadata})


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {"mapping": sorted((key, _sorted(item)) for key, item in value.items())}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_classes_that_nobody_asks_for_any_more_are_let_go() -> None:
    plugin = Marking()
    plugins, cache = plugin_set(plugin), ClassCache()
    first = weakref.ref(cache.get(DynamicPipelineTemplate, plugins, {"number": 0}))
    for number in range(1, 1024 + 1):
        cache.get(DynamicPipelineTemplate, plugins, {"number": number})
    assert len(plugin.made) == 1024 + 1
    plugin.made.clear()
    gc.collect()
    assert first() is None
    cache.get(DynamicPipelineTemplate, plugins, {"number": 1024})
    assert plugin.made == []


def test_a_decorator_that_failed_is_asked_again() -> None:
    results: list[Any] = [lambda cls: None, lambda cls: cls]
    made = compiler(Returning(lambda cls: results.pop(0)(cls)))
    with pytest.raises(PluginError):
        made.create_decorated_class()
    assert issubclass(made.create_decorated_class(), DynamicPipelineTemplate)


# Threads


def test_threads_with_different_metadata_never_see_each_others_class() -> None:
    class Registering(type):
        def __init__(cls, name: str, bases: Any, namespace: Any) -> None:
            super().__init__(name, bases, namespace)
            registry.append(cls)

    registry: list[type] = []

    class Registered(metaclass=Registering):
        pass

    class Opaque:
        name = "opaque"

        @hookimpl
        def decorate_template_class(self, template_class: Any, metadata: Any) -> type:
            class Wrapped(template_class, Registered):
                author = metadata["author"]

            return Wrapped

    registry.clear()
    shared = compiler(Opaque())
    start = threading.Barrier(64)

    def work(number: int) -> tuple[int, Any, list[Any]]:
        start.wait(timeout=60)
        author = f"author-{number}"
        made = [shared.create_decorated_class(author=author) for _ in range(3)]
        template = shared.create_template(metadata={"author": author})
        definition = template.generate_definition()
        assert definition.report.metadata == {"author": author}
        return number, type(template), made

    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(work, range(64)))
    for number, used, made in results:
        assert used.author == f"author-{number}"
        assert all(each is used for each in made)
    assert len({used for _, used, _ in results}) == 64
    assert sorted(map(id, registry)) == sorted(id(used) for _, used, _ in results)


def test_threads_with_one_metadata_make_one_class() -> None:
    plugin = Marking()
    start = threading.Barrier(64)

    def work(_: int) -> type:
        made = compiler(plugin)
        start.wait(timeout=60)
        return made.create_decorated_class(author="me")

    with ThreadPoolExecutor(64) as pool:
        assert len(set(pool.map(work, range(64)))) == 1
    assert len(plugin.made) == 1
