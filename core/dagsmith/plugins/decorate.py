"""Decorated template classes: a fold over the plugins, made once for each combination of plugins and metadata."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagsmith.errors import PluginError
from dagsmith.plugins.active import ActivePlugin, PluginSet
from dagsmith.plugins.metaclass import IrreconcilableError, apply_decorator

HOOK = "decorate_template_class"
CACHED = 1024
"""Most decorated classes kept. A process that compiles for more pipelines than that makes the oldest anew."""


@dataclass
class ClassCache:
    """Decorated classes by template class, plugins and metadata. Safe in threads."""

    _classes: OrderedDict[Any, type] = field(default_factory=OrderedDict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def get(self, template_class: type, plugins: PluginSet, metadata: Mapping[str, Any]) -> type:
        """The decorated class; made if it is not there yet, by one thread at a time.

        Raises:
            PluginError: If a plugin cannot decorate the class, or returns something else.
        """
        decorating = tuple(plugins.implementing(HOOK))
        if not decorating:
            return template_class
        key = (template_class, tuple(_identity(active) for active in decorating), _digest(metadata))
        with self._lock:
            if key in self._classes:
                self._classes.move_to_end(key)
                return self._classes[key]
            decorated = decorate(template_class, decorating, metadata)
            self._classes[key] = decorated
            if len(self._classes) > CACHED:
                self._classes.popitem(last=False)
            return decorated


CLASSES = ClassCache()
"""The cache of this process: compilers that agree on plugins and metadata share a class, however many there are."""


def decorate(template_class: type, plugins: tuple[ActivePlugin, ...], metadata: Mapping[str, Any]) -> type:
    """Let each plugin decorate the class that the one before it returned.

    The result keeps name, qualified name, module and docstring of the template class. What a decorator sets on the class
    that it is given stays with the result: the first gets a subclass made for it.

    Raises:
        PluginError: If a plugin cannot decorate the class, or returns something that is not a subclass of it.
    """
    decorated: type = type(template_class)(template_class.__name__, (template_class,), _same_body(template_class))
    for active in plugins:
        decorated = _decorate_once(active, decorated, metadata)
    return decorated


def _decorate_once(active: ActivePlugin, template_class: type, metadata: Mapping[str, Any]) -> type:
    try:
        result = apply_decorator(
            lambda cls: _call(active, cls, metadata),
            template_class,
        )
    except IrreconcilableError as error:
        raise active.error(str(error), error.remedy, HOOK) from error
    # The rest of what a decorator may raise: it is foreign code.
    except (Exception, SystemExit) as error:
        if isinstance(error, PluginError):
            raise
        problem = f"it raised {type(error).__name__}: {error}"
        raise active.error(problem, "mend the decorator, or leave the plugin out with --no-plugin", HOOK) from error
    if result is None:
        raise active.error("it returned nothing", "end the hook with: return the class", HOOK)
    if not isinstance(result, type):
        raise active.error(f"it returned {result!r}, expected a class", "return the class itself", HOOK)
    if not issubclass(result, template_class):
        # A decorator may have been given a twin with another metaclass: a subclass of the class all the same.
        problem = f"it returned {result.__qualname__}, which is not a subclass of the class that it was given"
        raise active.error(problem, "derive the new class from template_class", HOOK)
    for name, value in _same_name(template_class).items():
        type.__setattr__(result, name, value)
    return result


def _call(active: ActivePlugin, template_class: type, metadata: Mapping[str, Any]) -> Any:
    """The hook itself, unwrapped, so that a metaclass conflict is seen as it is raised."""
    arguments = {"template_class": template_class, "metadata": metadata, "options": active.options}
    taken = {name: arguments[name] for name in active.plugin.hooks[HOOK]}
    return getattr(active.plugin.implementation, HOOK)(**taken)


def _same_body(template_class: type) -> dict[str, Any]:
    return {
        "__module__": template_class.__module__,
        "__qualname__": template_class.__qualname__,
        "__doc__": template_class.__doc__,
    }


def _same_name(template_class: type) -> dict[str, Any]:
    return {**_same_body(template_class), "__name__": template_class.__name__}


def _identity(active: ActivePlugin) -> tuple[Any, ...]:
    entry = active.plugin.entry
    origin = (entry.name, entry.value, entry.distribution, entry.version) if entry else active.plugin.implementation
    return (active.name, origin, active.lock_entry()["options_sha256"])


def _digest(metadata: Mapping[str, Any]) -> str:
    # Explicit metadata may hold objects; those are told apart by how they show themselves.
    return json.dumps(metadata, sort_keys=True, default=repr)
