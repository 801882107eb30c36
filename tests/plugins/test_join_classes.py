"""Any class decorator is applied, or a clear error says which two clash."""

from __future__ import annotations

import inspect
import types
from abc import ABC, ABCMeta
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagcast import PipelineDAGCompiler
from dagcast.errors import PluginError
from dagcast.plugin import hookimpl, mixin
from dagcast.plugins.join_classes import ClassJoinError, apply_decorator
from dagcast.template import DynamicPipelineTemplate
from tests.support.hierarchies import (
    CALLS,
    Decoration,
    Log,
    Meta,
    Mixin,
    build_decorator,
    build_mixin,
    decorations,
    mixins,
)

CONFIG = {"pipeline": {"name": "demo"}, "steps": {"stop": {"type": "Fail", "error_message": "enough"}}}
PLAIN = PipelineDAGCompiler(CONFIG, plugins=[]).compile_definition().definition
HOOK = "decorate_template_class"


class Plugin:
    """A plugin whose decorator has never heard of dagcast."""

    def __init__(self, name: str, decorator: Any) -> None:
        self.name = name
        self.decorator = decorator
        self.calls = 0

    @hookimpl
    def decorate_template_class(self, template_class: type) -> Any:
        self.calls += 1
        return self.decorator(template_class)


def works_without_us(decorator: Any) -> bool:
    """Whether the decorator works on an abstract class by itself."""

    class Bare(ABC):  # noqa: B024
        def __init__(self, **given: Any) -> None:
            self.given = given

    try:
        return isinstance(decorator(Bare), type)
    except Exception:
        return False


def assert_whole(made: type, mixins: tuple[type, ...]) -> None:
    assert isinstance(made, type)
    assert DynamicPipelineTemplate in made.__mro__
    for base in mixins:
        assert base in made.__mro__
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(made, name) == getattr(DynamicPipelineTemplate, name)
    plain = PipelineDAGCompiler(CONFIG, plugins=[]).create_template()
    assert type(plain) is DynamicPipelineTemplate
    assert not isinstance(plain, made)
    assert not issubclass(DynamicPipelineTemplate, made)


def assert_clear(error: PluginError, names: set[str]) -> None:
    assert error.plugin in names
    assert error.hook == HOOK
    assert error.remedy
    assert error.__cause__ is not None or "abstract" in error.problem or "instan" in error.problem
    if isinstance(error.__cause__, ClassJoinError):
        clashing = error.__cause__.clashing
        assert len(clashing) >= 2, error
        assert len(set(clashing)) == len(clashing), error
        for name in clashing:
            assert name in str(error)


def assert_listed_once(listed: list[type], made: type, by_call: bool) -> None:
    """A registering metaclass lists the result, once, and of ours nothing else.

    Python itself calls a metaclass twice for one class where the metaclass of its parent is derived from it and it is
    called by name.
    """
    ours = [each for each in listed if DynamicPipelineTemplate in each.__mro__]
    distinct = list(dict.fromkeys(ours))
    assert by_call or len(distinct) == len(ours), ours
    assert len(distinct) <= 1, ours
    assert not ours or distinct[-1] is made


def outcome(recipe: Decoration) -> str:
    """Compile with a plugin of that recipe; what came of it, checked."""
    built = build_decorator(recipe)
    alone = works_without_us(build_decorator(recipe).decorator)
    plugin = Plugin("alpha", built.decorator)
    compiler = PipelineDAGCompiler(CONFIG, plugins=[plugin])
    made: Any = None
    try:
        made = compiler.create_decorated_class()
        template = compiler.create_template()
    except PluginError as caught:
        error = caught
        assert plugin.calls == 1
    else:
        assert plugin.calls == 1
        assert_whole(made, built.mixins)
        assert type(template) is made
        assert template.generate_definition().definition == PLAIN
        meta = recipe.mixin.meta
        if meta is not None and recipe.style != "a helper between":
            # A metaclass that is made of two may list a class once for each.
            both = meta.base == "ABCMeta before another" and bool(meta.registers)
            assert_listed_once(built.log.metaclass, made, recipe.style in CALLS or both)
            assert_listed_once(built.log.subclass, made, False)
        return "joined by Python itself" if alone else "joined"
    assert_clear(error, {"alpha"})
    assert not recipe.friendly, error
    if made is not None:
        assert_whole(made, built.mixins)
        return "cannot be instantiated, an error"
    if "abstract" in error.problem:
        return "abstract, an error"
    assert not alone, f"Python itself makes this class: {error}"
    return "clash, an error"


def test_every_hierarchy_is_joined_or_refused_with_both_names(record_property: Any) -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=300)
    @given(decorations())
    @example(Decoration(Mixin("plain", 1, Meta(registers="new"))))
    @example(Decoration(Mixin("plain", 3, Meta(registers="init", state="strict"))))
    @example(Decoration(Mixin("enum", 3)))
    @example(Decoration(Mixin("protocol", 2)))
    @example(Decoration(Mixin("init_subclass with a keyword", 2, Meta(keyword=True))))
    def run(recipe: Decoration) -> None:
        counts[outcome(recipe)] += 1

    run()
    record_property("outcomes of one decorator", dict(counts))
    assert counts["joined"] > 0
    assert counts["joined by Python itself"] > 0
    assert counts["clash, an error"] > 0


def test_stacks_of_decorators_are_joined_or_refused(record_property: Any) -> None:
    counts: Counter[str] = Counter()

    @settings(max_examples=150)
    @given(st.lists(decorations(), min_size=2, max_size=3))
    def run(recipes: list[Decoration]) -> None:
        counts[outcome_of_stack(recipes)] += 1

    run()
    record_property("outcomes of two and three decorators", dict(counts))
    assert counts["joined"] > 0
    assert counts["clash, an error"] > 0


def outcome_of_stack(recipes: list[Decoration]) -> str:
    """As :func:`outcome`; what each decorator can do by itself, it may be unable to do above the others."""
    built = [build_decorator(recipe) for recipe in recipes]
    names = [f"plugin-{index}" for index in range(len(recipes))]
    plugins = [Plugin(name, each.decorator) for name, each in zip(names, built, strict=True)]
    compiler = PipelineDAGCompiler(CONFIG, plugins=plugins)
    try:
        template = compiler.create_template()
    except PluginError as caught:
        error = caught
    else:
        assert_whole(type(template), tuple(base for each in built for base in each.mixins))
        assert template.generate_definition().definition == PLAIN
        return "joined"
    assert_clear(error, set(names))
    return "clash, an error"


FRIENDLY = [
    Decoration(Mixin("plain", 1, Meta(registers="new"))),
    Decoration(Mixin("dataclass", 2, Meta(registers="init", call="plain"))),
    Decoration(Mixin("generic", 1, Meta(prepares=True))),
    Decoration(Mixin("protocol", 1)),
    Decoration(Mixin("init_subclass", 2, Meta(state="strict")), style="hides what happens"),
    Decoration(Mixin("ABC", 3), wrapping="parametrised"),
    Decoration(Mixin("empty slots", 1, Meta(cooperative=False)), style="a helper between"),
    Decoration(Mixin("slots", 1, Meta(base="ABCMeta before another")), style="explicit metaclass"),
]


@pytest.mark.parametrize("first", range(len(FRIENDLY)))
@pytest.mark.parametrize("second", range(len(FRIENDLY)))
def test_friendly_decorators_join_above_each_other(first: int, second: int) -> None:
    recipes = [FRIENDLY[first], FRIENDLY[second], FRIENDLY[(first + second + 1) % len(FRIENDLY)]]
    slots = sum(recipe.mixin.kind == "slots" for recipe in recipes)
    if slots > 1:
        assert outcome_of_stack(recipes) == "clash, an error"
    else:
        assert outcome_of_stack(recipes) == "joined"


@given(mixins(), mixins())
def test_mixin_joins_or_refuses(first: Mixin, second: Mixin) -> None:
    logs = (Log(), Log())
    bases = [build_mixin(recipe, log)[0] for recipe, log in zip((first, second), logs, strict=True)]
    for log in logs:
        log.metaclass.clear()
    try:
        made = mixin(DynamicPipelineTemplate, *bases, level=3)
    except ClassJoinError as caught:
        error = caught
    except (TypeError, ValueError, AttributeError, KeyError):
        # The bases need no common metaclass: what fails is Python's own way to join them.
        assert len({type(base) for base in bases if not issubclass(ABCMeta, type(base))}) <= 1
        return
    else:
        assert_whole(made, tuple(bases))
        assert made.level == 3  # type: ignore[attr-defined]
        for recipe, log in zip((first, second), logs, strict=True):
            if recipe.meta is not None and recipe.meta.base != "ABCMeta before another":
                assert log.metaclass in ([], [made])
        return
    assert len(error.clashing) >= 2
    assert all(name in str(error) for name in error.clashing)


def registering(registry: list[type]) -> type:
    class Registering(type):
        def __init__(cls, name: str, bases: Any, namespace: Any) -> None:
            super().__init__(name, bases, namespace)
            registry.append(cls)

    return Registering


@pytest.mark.parametrize("style", ["statement", "reversed", "explicit metaclass", "a helper between"])
def test_a_registering_metaclass_lists_the_result_once_and_nothing_else(style: str) -> None:
    built = build_decorator(Decoration(Mixin("plain", 1, Meta(registers="init")), style=style))
    made = PipelineDAGCompiler(CONFIG, plugins=[Plugin("one", built.decorator)]).create_decorated_class()
    ours = [each for each in built.log.metaclass if each.__name__ != "Helper"]
    assert ours == [made]


def test_a_registering_init_subclass_of_an_earlier_plugin_lists_only_the_result() -> None:
    first = build_decorator(Decoration(Mixin("init_subclass")))
    second = build_decorator(Decoration(Mixin("plain", 1, Meta(registers="new"))))
    plugins = [Plugin("first", first.decorator), Plugin("second", second.decorator)]
    made = PipelineDAGCompiler(CONFIG, plugins=plugins).create_decorated_class()
    assert len(first.log.subclass) == 2
    assert first.log.subclass[1] is made
    assert second.log.metaclass == [made]


def test_instances_of_other_classes_are_not_taken_for_instances_of_the_result() -> None:
    """Each class has its own ABC state, also if its metaclass does not call ABCMeta's constructor."""
    for base in ("type", "ABCMeta", "ABCMeta before another"):
        for cooperative in (True, False) if base == "type" else (True,):
            decoration = Decoration(
                Mixin("plain", 1, Meta(base=base, cooperative=cooperative, registers="new"))
            )
            other = build_decorator(Decoration(Mixin("plain", 1, Meta(registers="new"))))
            plugins = [Plugin("a", build_decorator(decoration).decorator), Plugin("b", other.decorator)]
            compiler = PipelineDAGCompiler(CONFIG, plugins=plugins)
            made = compiler.create_decorated_class()
            for ancestor in made.__mro__[:-1]:
                assert isinstance(compiler.create_template(), ancestor)
            assert_whole(made, other.mixins)


# The words of each refusal


def refusal(decorator: Any) -> ClassJoinError:
    with pytest.raises(PluginError) as caught:
        PipelineDAGCompiler(CONFIG, plugins=[Plugin("alpha", decorator)]).create_decorated_class()
    error = caught.value
    assert (error.plugin, error.hook) == ("alpha", HOOK)
    assert isinstance(error.__cause__, ClassJoinError)
    assert error.remedy == error.__cause__.remedy
    return error.__cause__


class Slots:
    __slots__ = ("a",)


class OtherSlots:
    __slots__ = ("b",)


def test_layouts_that_clash_are_named() -> None:
    def decorator(cls: Any) -> Any:
        class Wrapped(cls, Slots, OtherSlots):
            pass

        return Wrapped

    error = refusal(decorator)
    assert error.clashing == ("DynamicPipelineTemplate", "Slots", "OtherSlots")
    assert "instance lay-out conflict" in str(error)


def test_layouts_that_clash_above_a_joined_metaclass_are_named() -> None:
    class Registered(metaclass=registering([])):
        __slots__ = ("c",)

    def decorator(cls: Any) -> Any:
        class Wrapped(cls, Registered, Slots):
            pass

        return Wrapped

    error = refusal(decorator)
    assert error.clashing[0] == "DynamicPipelineTemplate"
    assert "Slots" in error.clashing
    assert "instance lay-out conflict" in str(error)


def test_orders_that_clash_are_named() -> None:
    class First:
        pass

    class Second(First):
        pass

    def decorator(cls: Any) -> Any:
        class Wrapped(cls, First, Second):
            pass

        return Wrapped

    error = refusal(decorator)
    assert [name.rpartition(".")[2] for name in error.clashing] == [
        "DynamicPipelineTemplate",
        "First",
        "Second",
    ]


def test_metaclasses_without_a_common_descendant_are_named() -> None:
    built = build_decorator(Decoration(Mixin("plain", 1, Meta(final=True))))
    error = refusal(built.decorator)
    assert error.clashing[0] == "abc.ABCMeta"
    assert "Metaclass" in error.clashing[1]
    assert "no common descendant: this metaclass is not to be derived from" in str(error)


def test_a_metaclass_whose_constructor_refuses_is_named() -> None:
    built = build_decorator(Decoration(Mixin("plain", 1, Meta(refuses="joined"))))
    error = refusal(built.decorator)
    assert len(error.clashing) == 2
    assert "abc.ABCMeta" in error.clashing
    assert any("Metaclass" in name for name in error.clashing)
    assert "has too many bases" in str(error)


def test_an_enum_is_named_where_it_ends() -> None:
    decorator = build_decorator(Decoration(Mixin("enum"))).decorator
    compiler = PipelineDAGCompiler(CONFIG, plugins=[Plugin("alpha", decorator)])
    with pytest.raises(PluginError, match=r"'alpha', hook decorate_template_class: .*Enum.*ABCMeta"):
        compiler.create_template()


def test_two_clashes_inside_of_one_decorator_are_joined() -> None:
    audit = build_decorator(Decoration(Mixin("plain", 1, Meta(registers="new"))))
    track = build_decorator(Decoration(Mixin("plain", 1, Meta(registers="new"))))
    plugin = Plugin("alpha", lambda cls: track.decorator(audit.decorator(cls)))
    made = PipelineDAGCompiler(CONFIG, plugins=[plugin]).create_decorated_class()
    assert_whole(made, (*audit.mixins, *track.mixins))
    assert plugin.calls == 1
    assert track.log.metaclass == [made]
    assert audit.log.metaclass == [made.__mro__[1], made] or audit.log.metaclass[0] in made.__mro__


class Undisclosed:
    """Gives the bases of a class, which no variable of the decorator holds."""

    def __init__(self, *mixins: type) -> None:
        self.mixins = mixins

    def below(self, cls: type) -> Any:
        return type("Wrapped", (cls, *self.mixins), {})


@pytest.mark.parametrize(
    "build",
    [
        lambda cls, registered: type("Wrapped", (cls, registered), {}),
        lambda cls, registered: type(registered)("Wrapped", (cls, registered), {}),
        lambda cls, registered: types.new_class("Wrapped", (cls, registered)),
        lambda cls, registered: ABCMeta.__new__(ABCMeta, "Wrapped", (cls, registered), {}),
        lambda cls, registered: Undisclosed(registered).below(cls),
    ],
    ids=["type", "metaclass", "new_class", "ABCMeta", "undisclosed"],
)
def test_a_class_that_is_built_by_a_call_is_refused_and_the_remedy_works(build: Any) -> None:
    registry: list[type] = []
    registered: Any = registering(registry)("Registered", (), {})
    registry.clear()
    error = refusal(lambda cls: build(cls, registered))
    assert error.clashing[0] == "abc.ABCMeta"
    assert error.clashing[1].endswith(("Registering", "another class that the decorator creates"))
    assert "in a class that is built by a call" in str(error)
    assert "dagcast.plugin.mixin(template_class, Mixin)" in error.remedy
    assert "class Wrapped(template_class, metaclass=Meta)" in error.remedy
    assert registry == []

    def in_a_statement(cls: Any) -> Any:
        class Wrapped(cls, metaclass=type(registered)):
            pass

        return Wrapped

    for number, follow in enumerate((lambda cls: mixin(cls, registered), in_a_statement), 1):
        made = PipelineDAGCompiler(CONFIG, plugins=[Plugin("alpha", follow)]).create_decorated_class()
        assert isinstance(made, type(registered))
        assert len(registry) == number


# What a decorator sees


def test_the_class_that_a_decorator_sees_is_a_class() -> None:
    seen: list[tuple[bool, bool, str, Any]] = []

    class Registered(metaclass=registering([])):
        pass

    def decorator(cls: Any) -> Any:
        seen.append((inspect.isclass(cls), isinstance(cls, type), cls.__name__, cls.generate_pipeline))

        class Wrapped(cls, Registered):
            pass

        return Wrapped

    made = PipelineDAGCompiler(CONFIG, plugins=[Plugin("alpha", decorator)]).create_decorated_class()
    assert len(seen) == 1
    assert {entry[:3] for entry in seen} == {(True, True, "DynamicPipelineTemplate")}
    assert all(entry[3] is DynamicPipelineTemplate.generate_pipeline for entry in seen)
    assert made.generate_pipeline is DynamicPipelineTemplate.generate_pipeline


def test_a_metaclass_that_fits_is_used_again() -> None:
    class Fitting(ABCMeta):
        pass

    class Fits(metaclass=Fitting):
        pass

    assert type(mixin(DynamicPipelineTemplate, Fits)) is Fitting
    assert type(mixin(dict, Fits)) is Fitting
    assert type(mixin(dict)) is type


def test_a_decorator_that_needs_nothing_of_this_is_called_once() -> None:
    calls = []

    def decorator(cls: type) -> type:
        calls.append(cls)
        return cls

    assert apply_decorator(decorator, DynamicPipelineTemplate) is DynamicPipelineTemplate
    assert calls == [DynamicPipelineTemplate]


def test_mixin_inside_of_a_hook() -> None:
    registry: list[type] = []

    class Registered(metaclass=registering(registry)):
        pass

    registry.clear()
    plugin = Plugin("alpha", lambda cls: mixin(cls, Registered, level=3))
    made = PipelineDAGCompiler(CONFIG, plugins=[plugin]).create_decorated_class()
    assert registry == [made]
    assert_whole(made, (Registered,))
    assert made.__mro__[1].__mro__[1] is DynamicPipelineTemplate


def test_mixin_with_an_opaque_decorator_in_one_hook() -> None:
    built = build_decorator(Decoration(Mixin("plain", 1, Meta(registers="new"))))

    class Registered(metaclass=registering([])):
        pass

    for decorator in (
        lambda cls: built.decorator(mixin(cls, Registered)),
        lambda cls: mixin(built.decorator(cls), Registered),
    ):
        made = PipelineDAGCompiler(CONFIG, plugins=[Plugin("alpha", decorator)]).create_decorated_class()
        assert_whole(made, (*built.mixins, Registered))
