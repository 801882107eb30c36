"""Decorators of the template class, made with real libraries. None has support for dagcast.

Each function is a decorator. ``@works`` says that the decorated class compiles; ``@refused`` says which words the error
holds. A library that is not installed is skipped.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import enum
import functools
import threading
import typing
from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

Decorator = Callable[[Any], Any]
REJECTED = "rejects class 'Wrapped'"
NOT_A_SUBCLASS = "is not a subclass of the class that it was given"
NO_INSTANCE = "cannot be instantiated"
BUILT_BY_A_CALL = "clash in a class that is built by a call"


@dataclass(frozen=True)
class Variant:
    """A decorator and what is expected: ``problem`` is ``None`` if it works."""

    decorator: Decorator
    problem: str | None = None


VARIANTS: dict[str, Variant] = {}


def works(decorator: Decorator) -> Decorator:
    VARIANTS[decorator.__name__] = Variant(decorator)
    return decorator


def refused(problem: str) -> Callable[[Decorator], Decorator]:
    def note(decorator: Decorator) -> Decorator:
        VARIANTS[decorator.__name__] = Variant(decorator, problem)
        return decorator

    return note


def library(name: str) -> Any:
    return pytest.importorskip(name)


def derive(cls: Any, *bases: Any, **keywords: Any) -> Any:
    class Wrapped(cls, *bases, **keywords):
        pass

    return Wrapped


class Meta(type):
    """A metaclass that clashes with ABCMeta."""


class Registered(metaclass=Meta):
    """A mixin with it."""


# attrs


@refused(NOT_A_SUBCLASS)
def attrs_define_copies_the_class(cls: Any) -> Any:
    return library("attrs").define(cls)


@works
def attrs_define_in_place(cls: Any) -> Any:
    return library("attrs").define(slots=False, init=False, eq=False)(cls)


@works
def attrs_define_below_with_slots(cls: Any) -> Any:
    attrs = library("attrs")

    @attrs.define(init=False, eq=False)
    class Wrapped(cls, Registered):
        owner: str = "risk"

    return Wrapped


@works
def attrs_mixin(cls: Any) -> Any:
    attrs = library("attrs")

    @attrs.define(slots=False)
    class Owned(Registered):
        owner: str = "risk"

    return derive(cls, Owned)


@refused("FrozenInstanceError")
def attrs_frozen(cls: Any) -> Any:
    return library("attrs").frozen(init=False, slots=False)(derive(cls, Registered))


@works
def attrs_make_class(cls: Any) -> Any:
    return library("attrs").make_class("Made", {}, bases=(cls,), init=False, eq=False, slots=False)


@refused(BUILT_BY_A_CALL)
def attrs_make_class_with_a_mixin(cls: Any) -> Any:
    return library("attrs").make_class("Made", {}, bases=(cls, Registered), init=False)


# dataclasses


@works
def dataclass_in_place(cls: Any) -> Any:
    return dataclass(init=False, eq=False)(cls)


@works
def dataclass_below(cls: Any) -> Any:
    @dataclass(init=False, eq=False)
    class Wrapped(cls, Registered):
        owner: str = "risk"

    return Wrapped


@works
def dataclass_made(cls: Any) -> Any:
    return dataclasses.make_dataclass("Made", [], bases=(cls,), init=False, eq=False)


@refused(NO_INSTANCE)
def dataclass_that_is_frozen(cls: Any) -> Any:
    return dataclass(frozen=True, init=False)(derive(cls, Registered))


@refused(NO_INSTANCE)
def dataclass_that_writes_a_constructor(cls: Any) -> Any:
    return dataclass(derive(cls, Registered))


# pydantic


@refused(NO_INSTANCE)
def pydantic_model(cls: Any) -> Any:
    pydantic = library("pydantic")

    class Owned(pydantic.BaseModel):
        owner: str = "risk"

    return derive(cls, Owned)


@refused("does not hold its constructor arguments: dag is another")
def pydantic_model_first(cls: Any) -> Any:
    pydantic = library("pydantic")

    class Wrapped(pydantic.BaseModel, cls):
        owner: str = "risk"

    return Wrapped


@works
def pydantic_options_with_a_local_type(cls: Any) -> Any:
    """Annotations are resolved in the frame of the class statement."""
    pydantic = library("pydantic")

    class Team(pydantic.BaseModel):
        name: str = "risk"

    class Options(pydantic.BaseModel):
        team: Team

    class Wrapped(cls, Registered):
        options = Options(team=Team())

    assert Wrapped.options.team.name == "risk"
    return Wrapped


@works
def pydantic_validate_call(cls: Any) -> Any:
    pydantic = library("pydantic")

    class Wrapped(cls, Registered):
        @pydantic.validate_call
        def level(self, number: int) -> int:
            return number

    return Wrapped


@works
def pydantic_dataclass_mixin(cls: Any) -> Any:
    @library("pydantic.dataclasses").dataclass
    class Owned(Registered):
        owner: str = "risk"

    return derive(cls, Owned)


# SQLAlchemy


@works
def sqlalchemy_declarative_base_class(cls: Any) -> Any:
    orm = library("sqlalchemy.orm")
    sqlalchemy = library("sqlalchemy")

    class Base(orm.DeclarativeBase):
        pass

    class Wrapped(cls, Base):
        __tablename__ = "templates"
        id = orm.mapped_column(sqlalchemy.Integer, primary_key=True)

    return Wrapped


@works
def sqlalchemy_declarative_base_function(cls: Any) -> Any:
    orm = library("sqlalchemy.orm")
    sqlalchemy = library("sqlalchemy")

    class Wrapped(cls, orm.declarative_base()):
        __tablename__ = "templates"
        id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)

    return Wrapped


@works
def sqlalchemy_abstract_base(cls: Any) -> Any:
    orm = library("sqlalchemy.orm")

    class Wrapped(cls, orm.declarative_base()):
        __abstract__ = True

    return Wrapped


@works
def sqlalchemy_registry_mapped(cls: Any) -> Any:
    orm = library("sqlalchemy.orm")
    sqlalchemy = library("sqlalchemy")

    class Wrapped(cls, Registered):
        __tablename__ = "templates"
        id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)

    return orm.registry().mapped(Wrapped)


@works
def sqlalchemy_declarative_mixin(cls: Any) -> Any:
    return library("sqlalchemy.orm").declarative_mixin(derive(cls, Registered))


@works
def sqlalchemy_hybrid_property(cls: Any) -> Any:
    hybrid = library("sqlalchemy.ext.hybrid")

    class Wrapped(cls, Registered):
        @hybrid.hybrid_property
        def steps(self) -> int:
            return len(self.dag.nodes)

    return Wrapped


# Django


def django() -> Any:
    found = library("django")
    conf = library("django.conf")
    if not conf.settings.configured:
        conf.settings.configure(INSTALLED_APPS=[], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
        found.setup()
    return found


@works
def django_abstract_model(cls: Any) -> Any:
    django()
    models = library("django.db.models")

    class Wrapped(cls, models.Model):
        class Meta:
            abstract = True
            app_label = "templates"

    Wrapped._meta.abstract = False
    return Wrapped


@works
def django_form(cls: Any) -> Any:
    django()
    return derive(cls, library("django.forms").Form)


@works
def django_view(cls: Any) -> Any:
    django()
    return derive(cls, library("django.views").View, Registered)


@works
def django_method_decorator(cls: Any) -> Any:
    django()
    utils = library("django.utils.decorators")

    def plain(function: Any) -> Any:
        return functools.wraps(function)(lambda *args, **given: function(*args, **given))

    return utils.method_decorator(plain, name="generate_pipeline")(derive(cls, Registered))


@works
def django_cached_property(cls: Any) -> Any:
    django()

    class Wrapped(cls, Registered):
        @library("django.utils.functional").cached_property
        def steps(self) -> int:
            return len(self.dag.nodes)

    return Wrapped


@works
def django_deconstructible(cls: Any) -> Any:
    django()
    return library("django.utils.deconstruct").deconstructible(derive(cls, Registered))


# traitlets and param


@works
def traitlets_has_traits(cls: Any) -> Any:
    traitlets = library("traitlets")

    class Wrapped(cls, traitlets.HasTraits):
        owner = traitlets.Unicode("risk")

    return Wrapped


@refused("The 'config' trait of a DynamicPipelineTemplate instance expected a Config")
def traitlets_configurable(cls: Any) -> Any:
    return derive(cls, library("traitlets.config").Configurable)


@works
def traitlets_beside_another_metaclass(cls: Any) -> Any:
    return derive(derive(cls, Registered), library("traitlets").HasTraits)


@refused(NO_INSTANCE)
def traitlets_first_takes_no_arguments(cls: Any) -> Any:
    traitlets = library("traitlets")

    class Wrapped(traitlets.HasTraits, cls):
        config = traitlets.Unicode("not a config")

    return Wrapped


@works
def param_parameterized(cls: Any) -> Any:
    param = library("param")

    class Wrapped(cls, param.Parameterized):
        owner = param.String("risk")

    return Wrapped


# zope.interface


@works
def zope_implementer(cls: Any) -> Any:
    interface = library("zope.interface")

    class Template(interface.Interface):
        def generate_pipeline() -> Any:
            """Return the pipeline."""

    made = interface.implementer(Template)(derive(cls, Registered))
    assert Template.implementedBy(made)
    return made


@works
def zope_implementer_on_the_class_itself(cls: Any) -> Any:
    interface = library("zope.interface")

    class Template(interface.Interface):
        pass

    return interface.implementer(Template)(cls)


@works
def zope_provider(cls: Any) -> Any:
    interface = library("zope.interface")

    class Factory(interface.Interface):
        pass

    assert Factory.__module__ == __name__
    return interface.provider(Factory)(derive(cls, Registered))


@refused("zope.interface")
def zope_interface_as_a_base(cls: Any) -> Any:
    return derive(cls, library("zope.interface").Interface)


# wrapt


@works
def wrapt_proxy_of_a_mixin(cls: Any) -> Any:
    return derive(cls, library("wrapt").ObjectProxy(Registered))


@works
def wrapt_proxy_of_the_class(cls: Any) -> Any:
    return derive(library("wrapt").ObjectProxy(cls), Registered)


@works
def wrapt_callable_proxy_of_a_mixin(cls: Any) -> Any:
    return derive(cls, library("wrapt").CallableObjectProxy(Registered))


@works
def wrapt_decorated_mixin(cls: Any) -> Any:
    wrapt = library("wrapt")

    @wrapt.decorator
    def traced(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return wrapped(*args, **kwargs)

    return derive(cls, traced(Registered))


@works
def wrapt_decorated_method(cls: Any) -> Any:
    wrapt = library("wrapt")

    @wrapt.decorator
    def traced(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return wrapped(*args, **kwargs)

    class Wrapped(cls, Registered):
        @traced
        def compile_into(self, sink: Any) -> Any:
            return super().compile_into(sink)

    return Wrapped


@refused("expected a class")
def wrapt_decorator_on_the_class(cls: Any) -> Any:
    wrapt = library("wrapt")

    @wrapt.decorator
    def traced(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return wrapped(*args, **kwargs)

    return traced(derive(cls, Registered))


# Checkers of types


@works
def beartype_on_the_class(cls: Any) -> Any:
    return library("beartype").beartype(cls)


@works
def beartype_below(cls: Any) -> Any:
    @library("beartype").beartype
    class Wrapped(cls, Registered):
        def level(self, number: int) -> int:
            return number

    return Wrapped


@works
def typeguard_on_the_class(cls: Any) -> Any:
    return library("typeguard").typechecked(cls)


@works
def typeguard_below(cls: Any) -> Any:
    @library("typeguard").typechecked
    class Wrapped(cls, Registered):
        def level(self, number: int) -> int:
            return number

    return Wrapped


# msgspec, protobuf, ctypes


@refused("whose metaclass is StructMetaAndABCMeta, cannot be instantiated")
def msgspec_struct(cls: Any) -> Any:
    msgspec = library("msgspec")

    class Owned(msgspec.Struct):
        owner: str = "risk"

    return derive(cls, Owned)


@works
def msgspec_struct_in_an_attribute(cls: Any) -> Any:
    msgspec = library("msgspec")

    class Owned(msgspec.Struct):
        owner: str = "risk"

    class Wrapped(cls):
        owned = Owned()

    return Wrapped


@refused("A Message class can only inherit from Message")
def protobuf_message(cls: Any) -> Any:
    return derive(cls, library("google.protobuf.timestamp_pb2").Timestamp)


@works
def protobuf_message_in_an_attribute(cls: Any) -> Any:
    class Wrapped(cls):
        started = library("google.protobuf.timestamp_pb2").Timestamp(seconds=1)

    return Wrapped


@works
def ctypes_structure(cls: Any) -> Any:
    return derive(cls, ctypes.Structure)


@works
def ctypes_union(cls: Any) -> Any:
    return derive(cls, ctypes.Union)


# typing and enum


@refused("cannot inherit from both a TypedDict type and a non-TypedDict base class")
def typed_dict(cls: Any) -> Any:
    class Owned(typing.TypedDict):
        owner: str

    return derive(cls, Owned)


@refused(NO_INSTANCE)
def named_tuple(cls: Any) -> Any:
    class Owned(typing.NamedTuple):
        owner: str = "risk"

    return derive(cls, Owned)


@works
def protocol(cls: Any) -> Any:
    class Owned(typing.Protocol):
        def owner(self) -> str: ...

    return derive(cls, typing.runtime_checkable(Owned))


@works
def generic(cls: Any) -> Any:
    class Box(typing.Generic[typing.TypeVar("T")], metaclass=Meta):  # type: ignore[misc]
        pass

    return derive(cls, Box[int])


@refused(NO_INSTANCE)
def enum_without_members(cls: Any) -> Any:
    return derive(cls, enum.Enum)


@refused("cannot extend")
def enum_with_members(cls: Any) -> Any:
    return derive(cls, enum.Enum("Level", ["LOW"]))


@refused(NO_INSTANCE)
def enum_flag(cls: Any) -> Any:
    return derive(cls, enum.Flag)


# six


@refused(BUILT_BY_A_CALL)
def six_with_metaclass(cls: Any) -> Any:
    six = library("six")
    return derive(six.with_metaclass(Meta, cls))


@works
def six_with_a_metaclass_that_fits(cls: Any) -> Any:
    fitting = type("Fitting", (type(cls),), {})
    return derive(library("six").with_metaclass(fitting, cls))


@works
def six_as_the_remedy_says(cls: Any) -> Any:
    class Wrapped(cls, metaclass=Meta):
        pass

    return Wrapped


@refused(BUILT_BY_A_CALL)
def six_add_metaclass(cls: Any) -> Any:
    return library("six").add_metaclass(Meta)(cls)


@works
def six_python_2_unicode_compatible(cls: Any) -> Any:
    return library("six").python_2_unicode_compatible(derive(cls, Registered))


# decorator, marshmallow, peewee, injector, graphene


@works
def decorator_decorated_method(cls: Any) -> Any:
    decorator = library("decorator")

    @decorator.decorator
    def traced(function: Any, *args: Any, **given: Any) -> Any:
        return function(*args, **given)

    class Wrapped(cls, Registered):
        @traced
        def compile_into(self, sink: Any) -> Any:
            return super().compile_into(sink)

    return Wrapped


@works
def marshmallow_schema(cls: Any) -> Any:
    marshmallow = library("marshmallow")

    class Owned(marshmallow.Schema):
        owner = marshmallow.fields.String()

    return derive(cls, Owned)


@works
def peewee_model(cls: Any) -> Any:
    peewee = library("peewee")

    class Owned(peewee.Model):
        owner = peewee.CharField(null=True)

    return derive(cls, Owned)


@works
def injector_singleton(cls: Any) -> Any:
    return library("injector").singleton(derive(cls, Registered))


@refused("__init__() got an unexpected keyword argument 'dag'")
def graphene_object_type(cls: Any) -> Any:
    graphene = library("graphene")

    class Owned(graphene.ObjectType):
        owner = graphene.String()

    return derive(cls, Owned)


# The standard library


@works
def mock_patch_object(cls: Any) -> Any:
    return mock.patch.object(Registered, "owner", "risk", create=True)(derive(cls, Registered))


@works
def context_decorator(cls: Any) -> Any:
    class Timed(contextlib.ContextDecorator, Registered):
        pass

    return derive(cls, Timed)


@works
def user_dict(cls: Any) -> Any:
    return derive(cls, UserDict, Registered)


@works
def plain_dict(cls: Any) -> Any:
    return derive(cls, dict)


@works
def plain_exception(cls: Any) -> Any:
    return derive(cls, Exception, Registered)


@works
def total_ordering(cls: Any) -> Any:
    @functools.total_ordering
    class Wrapped(cls, Registered):
        def __lt__(self, other: object) -> bool:
            return False

    return Wrapped


@works
def thread_local(cls: Any) -> Any:
    return derive(cls, threading.local)
