"""Decorate the template class by each plugin in turn. A class is cached by its plugins and metadata."""

from __future__ import annotations

import inspect
import threading
from abc import ABCMeta
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dagcast.definition.values import FrozenDict
from dagcast.errors import InvalidInputError, PluginError, did_you_mean, nearest
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.safe_inspect import (
    ancestors,
    format_exception,
    is_instance,
    safe_repr,
    set_class_attribute,
)
from dagcast.plugins.verify_compiled import COMPARED, DECORATE_HOOK, Given, decoration_error, verify_instance

if TYPE_CHECKING:
    from dagcast.plugins.configured import ConfiguredPlugin

HOOK = DECORATE_HOOK
PARAMS_HOOK = "build_template_params"
MAX_CACHED_CLASSES = 1024
"""The maximum number of cached classes. The least recently used class is evicted."""


@dataclass
class _CacheEntry:
    """A cached class, and the lock that is held while it is decorated."""

    decorated: type | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass
class ClassCache:
    """A thread-safe cache of decorated classes, by template class, plugins and metadata."""

    _entries: OrderedDict[Any, _CacheEntry] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, template_class: type, plugins: PluginSet, metadata: Mapping[str, Any]) -> type:
        """Return the decorated class, and decorate it first if it is not cached.

        Raises:
            PluginError: If a plugin cannot decorate the class, or returns an invalid class.
        """
        decorating = tuple(plugins.implementing(HOOK))
        if not decorating:
            return template_class
        key = (template_class, tuple(_plugin_key(plugin) for plugin in decorating), _metadata_key(metadata))
        with self._lock:
            entry = self._entries.setdefault(key, _CacheEntry())
            self._entries.move_to_end(key)
            if len(self._entries) > MAX_CACHED_CLASSES:
                self._entries.popitem(last=False)
        # Hold the lock of this class only: a decorator may wait for a thread that decorates another class.
        with entry.lock:
            if entry.decorated is None:
                entry.decorated = decorate(template_class, decorating, metadata)
            return entry.decorated


CLASS_CACHE = ClassCache()
"""The cache of this process. Compilers with equal plugins and metadata share a class."""


def decorate(
    template_class: type, plugins: tuple[ConfiguredPlugin, ...], metadata: Mapping[str, Any]
) -> type:
    """Pass a class through ``decorate_template_class`` of each plugin, in order.

    The result keeps the name, qualified name, module and docstring of the template class. The first plugin receives a
    new subclass, so attributes that a decorator sets do not reach the template class.

    Raises:
        PluginError: If a plugin cannot decorate the class, or does not return a subclass of it.
    """
    from dagcast.plugins.join_classes import copied_attributes

    decorated: type = type(template_class)(
        template_class.__name__, (template_class,), copied_attributes(template_class)
    )
    for plugin in plugins:
        decorated = _decorate_once(plugin, decorated, metadata)
    set_class_attribute(decorated, "decorated_metadata", FrozenDict(metadata))
    return decorated


def instantiate(
    template_class: type,
    params: Mapping[str, Any],
    plugins: PluginSet,
    owners: Mapping[str, str] = MappingProxyType({}),
    *,
    explicit: tuple[str, ...] = (),
) -> Any:
    """Create an instance of a template class, which plugins may have decorated.

    Args:
        template_class: The class.
        params: The arguments of its constructor, including ``metadata``.
        plugins: The plugins that decorated it.
        owners: By argument: the name of the plugin that set it.
        explicit: The arguments that the caller set.

    Raises:
        PluginError: If the constructor of a decorated class fails or returns another object, does not accept an
            argument that a plugin set, or does not hold its arguments.
        TypeError: If the constructor does not accept an argument that the caller set.
    """
    decorating = tuple(plugins.implementing(HOOK))
    given = Given.of(params, plugins)
    try:
        template = template_class(**params)
    except InvalidInputError:
        raise
    except KeyboardInterrupt:
        raise
    # A decorator may replace the constructor by third-party code.
    except BaseException as error:
        text = format_exception(error)
        unexpected = is_instance(error, TypeError) and "unexpected keyword argument" in text
        for name in explicit:
            if unexpected and f"'{' '.join(name.split())}'" in text:
                raise TypeError(_unknown_argument(name, params["metadata"].values)) from error
        for name, owner in owners.items():
            if unexpected and f"'{' '.join(name.split())}'" in text:
                plugin = next(item for item in plugins.plugins if item.name == owner)
                problem = f"it gives {name!r}, which the template's constructor does not accept"
                raise plugin.error(
                    problem, "remove it, or decorate a class that accepts it", PARAMS_HOOK
                ) from error
        if not decorating:
            raise
        metaclass = (
            f", whose metaclass is {type(template_class).__name__},"
            if type(template_class) is not ABCMeta
            else ""
        )
        problem = f"the decorated class{metaclass} cannot be instantiated: {text}"
        remedy = (
            "accept and pass on all arguments in __init__, super().__init__(**kwargs), and let instances have "
            "attributes; keep a base that prevents it out of the class: hold an instance of it in an attribute"
        )
        raise decoration_error(decorating, problem, remedy) from error
    if decorating and not any(ancestor is template_class for ancestor in ancestors(type(template))):
        problem = (
            f"instantiating the decorated class gave {safe_repr(template)}, which is not an instance of it"
        )
        raise decoration_error(
            decorating, problem, "return an instance of the class from the metaclass's __call__"
        )
    verify_instance(template, given)
    # The class may restrict attributes of its instances.
    template.__dict__["_given"] = given
    if decorating and template._given is not given:
        problem = "an instance of the decorated class does not keep its attributes"
        raise decoration_error(
            decorating, problem, "do not replace __dict__ or __getattribute__ in the class"
        )
    return template


def _unknown_argument(name: str, metadata: Mapping[str, Any]) -> str:
    """Return the message about an argument of the caller that the template's constructor does not accept."""
    key = nearest(name, metadata) if name not in metadata else name
    known = did_you_mean(name, COMPARED)
    hint = f"did you mean metadata={{{key!r}: ...}}?" if key is not None else known
    return f"the template's constructor got an unexpected keyword argument {name!r}: {hint}"


def _decorate_once(plugin: ConfiguredPlugin, template_class: type, metadata: Mapping[str, Any]) -> type:
    from dagcast.plugins.join_classes import ClassJoinError, apply_decorator

    try:
        result = apply_decorator(
            lambda cls: plugin.call_unguarded(HOOK, template_class=cls, metadata=metadata), template_class
        )
    except ClassJoinError as error:
        raise plugin.error(str(error), error.remedy, HOOK) from error
    except KeyboardInterrupt:
        raise
    # A decorator is third-party code and may raise any exception.
    except BaseException as error:
        plugin.reraise(error, HOOK)
    if result is None:
        raise plugin.error("it returned nothing", "return the class from the hook", HOOK)
    if not is_instance(result, type):
        raise plugin.error(
            f"it returned {safe_repr(result)}, expected a class", "return the class itself", HOOK
        )
    try:
        _check_result(plugin, template_class, result)
        for name, value in _identity_attributes(template_class).items():
            set_class_attribute(result, name, value)
    except PluginError:
        raise
    # A third-party metaclass may raise any exception on attribute access.
    except Exception as error:
        problem = f"its class, whose metaclass is {type(result).__name__}, cannot be used: {format_exception(error)}"
        raise plugin.error(problem, "do not change class attributes in the metaclass", HOOK) from error
    return result


def _check_result(plugin: ConfiguredPlugin, template_class: type, result: type) -> None:
    if not any(ancestor is template_class for ancestor in ancestors(result)):
        problem = f"it returned {result.__qualname__}, which is not a subclass of the class that it was given"
        raise plugin.error(problem, "derive the new class from template_class", HOOK)
    if inspect.isabstract(result):
        missing = sorted(getattr(result, "__abstractmethods__", ()))
        hiding = {name: _hiding_base(result, template_class, name) for name in missing}
        found = [f"{name!r} of {base.__qualname__}" for name, base in hiding.items() if base is not None]
        if found:
            problem = (
                f"its class is abstract: {', '.join(found)} hides the template's own, which is further back"
            )
            remedy = "put the template class first: class Wrapped(template_class, Mixin)"
            raise plugin.error(problem, remedy, HOOK)
        problem = f"its class is abstract: missing {', '.join(missing)}"
        raise plugin.error(problem, "implement these methods in the class that the hook returns", HOOK)


def _hiding_base(result: type, template_class: type, name: str) -> type | None:
    """Return the base whose abstract method hides a method of the template class; ``None`` if none hides it."""
    owner = next(cls for cls in ancestors(result) if name in vars(cls))
    inherits = any(cls is template_class for cls in ancestors(owner))
    own = getattr(template_class, name, None)
    is_complete = own is not None and not getattr(own, "__isabstractmethod__", False)
    return owner if is_complete and not inherits else None


def _identity_attributes(template_class: type) -> dict[str, Any]:
    from dagcast.plugins.join_classes import copied_attributes

    return {**copied_attributes(template_class), "__name__": template_class.__name__}


class _ByIdentity:
    """An object in a cache key, compared by identity. Holds a reference, so that the id is not reused."""

    __entries__ = ("item",)

    def __init__(self, item: Any) -> None:
        self.item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.item is other.item

    def __hash__(self) -> int:
        return id(self.item)


def _plugin_key(plugin: ConfiguredPlugin) -> tuple[Any, ...]:
    return (plugin.name, _ByIdentity(plugin.loaded.given), plugin.options_fingerprint)


def _metadata_key(value: Any) -> Any:
    """Return metadata as a hashable key: JSON data by value, other objects by identity."""
    if is_instance(value, Mapping):
        return ("mapping", frozenset((key, _metadata_key(item)) for key, item in value.items()))
    if is_instance(value, list, tuple):
        return ("sequence", tuple(_metadata_key(item) for item in value))
    if value is None or is_instance(value, str, bool, int, float):
        return (type(value), repr(value))
    return _ByIdentity(value)
