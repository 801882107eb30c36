"""Decorated template classes: a fold over the plugins, made once for each combination of plugins and metadata."""

from __future__ import annotations

import inspect
import threading
from abc import ABCMeta
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from dagcast.definition.values import FrozenDict
from dagcast.errors import InvalidInputError, PluginError
from dagcast.plugins.configured import ConfiguredPlugin, PluginSet
from dagcast.plugins.join_classes import ClassJoinError, apply_decorator
from dagcast.plugins.safe_inspect import format_exception, is_instance, safe_repr

HOOK = "decorate_template_class"
PARAMS_HOOK = "build_template_params"
MAX_CACHED_CLASSES = 1024
"""Most decorated classes kept. A process that compiles for more pipelines than that makes the oldest anew."""


@dataclass
class _Slot:
    """The place of one decorated class, while it is made and afterwards."""

    made: type | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass
class ClassCache:
    """Decorated classes by template class, plugins and metadata. Safe in threads."""

    _slots: OrderedDict[Any, _Slot] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, template_class: type, plugins: PluginSet, metadata: Mapping[str, Any]) -> type:
        """The decorated class; made if it is not there yet, by one thread at a time.

        Raises:
            PluginError: If a plugin cannot decorate the class, or returns something else.
        """
        decorating = tuple(plugins.implementing(HOOK))
        if not decorating:
            return template_class
        key = (template_class, tuple(_identity(plugin) for plugin in decorating), _key(metadata))
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            if len(self._slots) > MAX_CACHED_CLASSES:
                self._slots.popitem(last=False)
        # A decorator may wait for another thread, which may ask for another class.
        with slot.lock:
            if slot.made is None:
                slot.made = decorate(template_class, decorating, metadata)
            return slot.made


CLASS_CACHE = ClassCache()
"""The cache of this process: compilers that agree on plugins and metadata share a class, however many there are."""


def decorate(
    template_class: type, plugins: tuple[ConfiguredPlugin, ...], metadata: Mapping[str, Any]
) -> type:
    """Let each plugin decorate the class that the one before it returned.

    The result keeps name, qualified name, module and docstring of the template class. What a decorator sets on the
    class that it is given stays with the result: the first gets a subclass made for it.

    Raises:
        PluginError: If a plugin cannot decorate the class, or returns something that is not a subclass of it.
    """
    decorated: type = type(template_class)(
        template_class.__name__, (template_class,), _same_body(template_class)
    )
    for plugin in plugins:
        decorated = _decorate_once(plugin, decorated, metadata)
    type.__setattr__(decorated, "decorated_metadata", FrozenDict(metadata))
    return decorated


def instantiate(
    template_class: type,
    params: Mapping[str, Any],
    plugins: PluginSet,
    given: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """An instance of a template class, which plugins may have decorated.

    Args:
        template_class: The class.
        params: The arguments of its constructor, ``metadata`` among them.
        plugins: The plugins that decorated it.
        given: By name of an argument: the plugin that gave it.

    Raises:
        PluginError: If a class that plugins decorated does not make an instance of these arguments, or an argument
            that a plugin gave is not one of the class.
    """
    decorating = tuple(plugins.implementing(HOOK))
    try:
        template = template_class(**params)
    except InvalidInputError:
        raise
    except KeyboardInterrupt:
        raise
    # A constructor that a decorator added is foreign code.
    except BaseException as error:
        unexpected = is_instance(error, TypeError) and "unexpected keyword argument" in format_exception(
            error
        )
        for name, owner in given.items():
            if unexpected and f"'{' '.join(name.split())}'" in format_exception(error):
                plugin = next(item for item in plugins.plugins if item.name == owner)
                problem = f"it gives {name!r}, which the template's constructor does not take"
                raise plugin.error(
                    problem, "leave it out, or decorate a class that takes it", PARAMS_HOOK
                ) from error
        if not decorating:
            raise
        made_by = (
            f", whose metaclass is {type(template_class).__name__},"
            if type(template_class) is not ABCMeta
            else ""
        )
        problem = f"the decorated class{made_by} cannot be instantiated: {format_exception(error)}"
        raise _blame(
            decorating, problem, "let __init__ pass on all arguments: super().__init__(**kwargs)"
        ) from error
    if decorating and not any(ancestor is template_class for ancestor in _ancestors(type(template))):
        problem = f"instantiating the decorated class gave {safe_repr(template)}, which is no instance of it"
        raise _blame(decorating, problem, "let the metaclass's __call__ return an instance of the class")
    # The metadata is made anew for each compile: an instance that holds another one is not of this compile.
    if decorating and getattr(template, "metadata", None) is not params["metadata"]:
        problem = "the decorated class gave an instance that does not hold the arguments it was made with"
        remedy = "call super().__init__(**kwargs), and let no metaclass keep instances for later calls"
        raise _blame(decorating, problem, remedy)
    return template


def _blame(decorating: tuple[ConfiguredPlugin, ...], problem: str, remedy: str) -> PluginError:
    """An error that names every plugin that decorated the class; the outermost one first."""
    *others, outermost = decorating
    if others:
        problem += f"; it is decorated as well by {' and '.join(str(plugin) for plugin in reversed(others))}"
    return outermost.error(problem, remedy, HOOK)


def _decorate_once(plugin: ConfiguredPlugin, template_class: type, metadata: Mapping[str, Any]) -> type:
    try:
        result = apply_decorator(
            lambda cls: plugin.call_unguarded(HOOK, template_class=cls, metadata=metadata), template_class
        )
    except ClassJoinError as error:
        raise plugin.error(str(error), error.remedy, HOOK) from error
    except KeyboardInterrupt:
        raise
    # The rest of what a decorator may raise: it is foreign code.
    except BaseException as error:
        plugin.reraise(error, HOOK)
    if result is None:
        raise plugin.error("it returned nothing", "end the hook with: return the class", HOOK)
    if not is_instance(result, type):
        raise plugin.error(
            f"it returned {safe_repr(result)}, expected a class", "return the class itself", HOOK
        )
    try:
        _check_result(plugin, template_class, result)
        for name, value in _same_name(template_class).items():
            type.__setattr__(result, name, value)
    except PluginError:
        raise
    # A foreign metaclass answers for its classes what it likes.
    except Exception as error:
        problem = f"its class, whose metaclass is {type(result).__name__}, cannot be used: {format_exception(error)}"
        raise plugin.error(
            problem, "let the metaclass leave the attributes of classes alone", HOOK
        ) from error
    return result


def _ancestors(made: type) -> tuple[type, ...]:
    """The ``__mro__`` as Python has it, whatever a metaclass says."""
    ancestors: tuple[type, ...] = type.__dict__["__mro__"].__get__(made)
    return ancestors


def _check_result(plugin: ConfiguredPlugin, template_class: type, result: type) -> None:
    # A decorator may have been given a twin with another metaclass: a subclass of the class all the same.
    if not any(ancestor is template_class for ancestor in _ancestors(result)):
        problem = f"it returned {result.__qualname__}, which is not a subclass of the class that it was given"
        raise plugin.error(problem, "derive the new class from template_class", HOOK)
    if inspect.isabstract(result):
        missing = ", ".join(sorted(getattr(result, "__abstractmethods__", ())))
        problem = f"its class is abstract, it lacks {missing}"
        raise plugin.error(problem, "implement these methods in the class that the hook returns", HOOK)


def _same_body(template_class: type) -> dict[str, Any]:
    return {
        "__module__": template_class.__module__,
        "__qualname__": template_class.__qualname__,
        "__doc__": template_class.__doc__,
    }


def _same_name(template_class: type) -> dict[str, Any]:
    return {**_same_body(template_class), "__name__": template_class.__name__}


class _Same:
    """Keeps an object as part of a key, where it equals only itself."""

    __slots__ = ("item",)

    def __init__(self, item: Any) -> None:
        self.item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.item is other.item

    def __hash__(self) -> int:
        return id(self.item)


def _identity(plugin: ConfiguredPlugin) -> tuple[Any, ...]:
    return (plugin.name, _Same(plugin.loaded.given), plugin.options_digest)


def _key(value: Any) -> Any:
    """Metadata as a part of a key: JSON data by its value, whatever else Python gave by its identity."""
    if is_instance(value, Mapping):
        return ("mapping", frozenset((key, _key(item)) for key, item in value.items()))
    if is_instance(value, list, tuple):
        return ("sequence", tuple(_key(item) for item in value))
    if value is None or is_instance(value, str, bool, int, float):
        return (type(value), repr(value))
    return _Same(value)
