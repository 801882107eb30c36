"""Decorate a class whose metaclass conflicts with the metaclass of the decorator's mixin.

``class Wrapped(cls, Mixin)`` fails if the metaclass of neither base derives from the other's. The template class has
``ABCMeta``, so a decorator whose mixin has its own metaclass fails. It is then called with a substitute for the class
to find the bases that it joins (:mod:`dagcast.plugins.probe`). A new metaclass derives from the metaclasses of all
bases, and the decorator is applied to a twin: a subclass of the template class with that metaclass.
"""

from __future__ import annotations

from _abc import _abc_init  # type: ignore[import-not-found]
from abc import ABCMeta
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import new_class, resolve_bases
from typing import Any

from dagcast.plugins.probe import (
    Decorator,
    JoinedBases,
    bases_of_constructor,
    probe_any_class,
    probe_bases,
    probe_metaclass,
)
from dagcast.plugins.safe_inspect import format_exception, format_exception_text, is_instance

_METACLASSES = "metaclass conflict"
_BASES = ("instance lay-out conflict", "consistent method resolution", "duplicate base class")
_CONTAINERS = (dict, list, set, tuple, frozenset)
_USE_MIXIN = "build the class with dagcast.plugin.mixin(template_class, Mixin)"


class ClassJoinError(TypeError):
    """Classes cannot be joined.

    Attributes:
        clashing: The names of the conflicting metaclasses or bases.
        remedy: How the author of the decorator can fix it.
    """

    def __init__(self, message: str, clashing: Sequence[str], remedy: str) -> None:
        super().__init__(message)
        self.clashing = tuple(clashing)
        self.remedy = remedy


def apply_decorator(decorator: Decorator, template_class: type) -> Any:
    """Apply a class decorator, and resolve a metaclass conflict if there is one.

    Args:
        decorator: Any class decorator. It needs no support for dagcast.
        template_class: The class to decorate.

    Returns:
        The result of the decorator.

    Raises:
        ClassJoinError: If the bases cannot be joined.
    """
    try:
        return decorator(template_class)
    except ClassJoinError:
        raise
    except Exception as error:
        conflict = _conflict(error)
        if conflict is None:
            raise
    if _METACLASSES not in format_exception_text(conflict):
        joined = probe_bases(decorator, template_class)
        if joined is None or len(joined.bases) < 2:
            joined = probe_any_class(decorator, template_class)
        raise _clash_of_bases(joined.bases if joined else (template_class,), conflict) from conflict
    tried: set[type] = set()
    clashing: tuple[type, ...] = (type(template_class),)
    for joined in _probe(decorator, template_class, conflict):
        needed = _most_derived(joined.metaclasses)
        clashing = tuple(needed) if len(needed) > len(clashing) else clashing
        if len(needed) < 2 or tried.issuperset(needed):
            continue
        tried.update(needed)
        try:
            return _decorate_twin(decorator, template_class, _combine(needed), joined.bases)
        except ClassJoinError as error:
            if not isinstance(error.__cause__, TypeError) or _METACLASSES not in str(error.__cause__):
                raise
            conflict = error.__cause__
    raise _unresolved(clashing, conflict) from conflict


def mixin(template_class: type, *bases: Any, **namespace: Any) -> type:
    """Build a subclass of ``template_class`` and ``bases`` with a metaclass that is compatible with all of them.

    The class keeps the name, module and docstring of the template class.

    Args:
        template_class: The class that a ``decorate_template_class`` hook received.
        bases: Additional bases.
        namespace: Attributes of the new class.

    Returns:
        The new class.

    Raises:
        ClassJoinError: If the bases cannot be joined.

    Example:
        >>> from abc import ABC
        >>> class Registry(type):
        ...     pass
        >>> class Audited(metaclass=Registry):
        ...     audited = True
        >>> class Template(ABC):
        ...     pass
        >>> decorated = mixin(Template, Audited, owner="risk")
        >>> decorated.__name__, decorated.audited, decorated.owner
        ('Template', True, 'risk')
        >>> isinstance(decorated, Registry)
        True
    """
    resolved = resolve_bases((template_class, *bases))
    metaclass = common_metaclass(resolved)
    body = {**_identity(template_class), **namespace}

    def fill(made: dict[str, Any]) -> None:
        # Set item by item: the namespace that a metaclass prepares may intercept each.
        for key, value in body.items():
            made[key] = value

    try:
        return new_class(template_class.__name__, (template_class, *bases), {"metaclass": metaclass}, fill)
    # A third-party metaclass may raise any exception.
    except Exception as error:
        if isinstance(error, TypeError) and any(sign in format_exception_text(error) for sign in _BASES):
            raise _clash_of_bases(resolved, error) from error
        names = [_name(m) for m in _most_derived(type(base) for base in resolved)]
        if len(names) < 2:
            raise
        joined = f"the metaclass joined from {' and '.join(names)}"
        message = f"{joined} rejects the class: {format_exception_text(error)}"
        raise ClassJoinError(message, names, "let the metaclass accept any class") from error


def common_metaclass(bases: Iterable[type]) -> type:
    """Return a metaclass that derives from the metaclasses of all bases: one of them, or a new one.

    Raises:
        ClassJoinError: If the metaclasses have no common descendant.
    """
    return _combine(_most_derived(type(base) for base in bases))


def _most_derived(metaclasses: Iterable[type]) -> list[type]:
    """Return the metaclasses from which no other one derives."""
    unique = list(dict.fromkeys(metaclasses))
    return [m for m in unique if not any(other is not m and m in other.__mro__ for other in unique)]


def _combine(needed: Sequence[type]) -> type:
    if len(needed) == 1:
        return needed[0]
    # ABCMeta goes last, so that __instancecheck__ and __subclasscheck__ of a mixin's metaclass take precedence.
    ordered = sorted(needed, key=lambda m: m is ABCMeta)
    name = "And".join(m.__name__ for m in ordered)
    try:
        return type(name, tuple(ordered), {"__module__": __name__})
    # A metaclass may raise any exception when it is derived from.
    except Exception as error:
        names = [_name(m) for m in needed]
        message = (
            f"the metaclasses {' and '.join(names)} have no common descendant: {format_exception_text(error)}"
        )
        raise ClassJoinError(message, names, "give the mixin a metaclass that can be combined") from error


def _probe(decorator: Decorator, template_class: type, conflict: TypeError) -> Iterator[JoinedBases]:
    """Iterate over the bases that the decorator may join, the most reliable first. Each item may call it once more."""
    for probe in (probe_bases, probe_metaclass):
        joined = probe(decorator, template_class)
        if joined is not None:
            yield joined
    joined = bases_of_constructor(conflict, template_class)
    if joined is not None:
        yield joined


def _conflict(error: BaseException | None) -> TypeError | None:
    """Return the class conflict in the chain of an exception that a decorator raised."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if is_instance(error, TypeError) and any(
            sign in format_exception_text(error) for sign in (_METACLASSES, *_BASES)
        ):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _clash_of_bases(bases: Sequence[type], conflict: BaseException) -> ClassJoinError:
    names = [base.__qualname__ for base in bases]
    if len(names) < 2:
        names.append("another class that the decorator creates")
    remedy = "join bases whose layouts and orders agree, such as a mixin without __slots__"
    return ClassJoinError(f"{' and '.join(names)} cannot be joined: {conflict}", names, remedy)


def _unresolved(clashing: Sequence[type], conflict: BaseException) -> ClassJoinError:
    names = [_name(metaclass) for metaclass in clashing]
    if len(names) > 1:
        message = f"the metaclasses {' and '.join(names)} clash, and joining them was not enough: {conflict}"
        return ClassJoinError(message, names, _USE_MIXIN)
    hidden = "that of another class that the decorator creates"
    message = f"the class has the metaclass {names[0]}, which clashes with {hidden}: {conflict}"
    return ClassJoinError(message, [*names, hidden], _USE_MIXIN)


def _decorate_twin(decorator: Decorator, template_class: type, metaclass: type, bases: Sequence[type]) -> Any:
    """Apply the decorator to a twin that is created without the metaclass's constructor.

    Otherwise a metaclass that registers its classes would register the twin as a template.
    """
    state = _metaclass_state(template_class, metaclass, bases)
    names = [_name(base) for base in metaclass.__bases__]
    joined = f"the metaclasses {' and '.join(names)} were joined"
    try:
        twin = _bare_twin(template_class, metaclass, state)
        decorated = decorator(twin)
    except ClassJoinError:
        raise
    # A third-party metaclass or decorator may raise any exception.
    except Exception as error:
        conflict = _conflict(error)
        if conflict is not None and _METACLASSES not in format_exception_text(conflict):
            raise _clash_of_bases(bases, conflict) from conflict
        if conflict is not None:
            message = f"{joined}, and another clash followed: {conflict}"
            raise ClassJoinError(message, names, _USE_MIXIN) from conflict
        message = f"{joined}, but creating the class failed: {format_exception(error)}"
        raise ClassJoinError(
            message, names, f"let the metaclass accept any class, or {_USE_MIXIN}"
        ) from error
    # State of the twin that the constructor did not set on the result would shadow what the result inherits.
    own = vars(decorated) if is_instance(decorated, type) else {}
    for name in state:
        if name not in own:
            type.__delattr__(twin, name)
    return decorated


def _metaclass_state(template_class: type, metaclass: type, bases: Sequence[type]) -> dict[str, Any]:
    """Return the class attributes that constructors of metaclasses set, and may read from the bases of a new class.

    The twin bypasses these constructors. It gets the values of the template class, and empty containers otherwise.
    """
    state: dict[str, Any] = {}
    for base in (template_class, *bases):
        for ancestor in base.__mro__:
            if type(ancestor) in (type, ABCMeta) or type(ancestor) not in metaclass.__mro__:
                continue
            for name, value in vars(ancestor).items():
                if name in state or name.startswith("__") or hasattr(value, "__get__"):
                    continue
                inherited = ancestor in template_class.__mro__
                if inherited or not hasattr(template_class, name):
                    state[name] = type(value)() if type(value) in _CONTAINERS and not inherited else value
    return state


def _bare_twin(template_class: type, metaclass: type, state: Mapping[str, Any]) -> type:
    """Create a subclass without calling the metaclass's constructor or ``__init_subclass__``."""

    class SkipInitSubclass:
        __slots__ = ()

        def __init_subclass__(cls, **keywords: Any) -> None:
            if cls.__bases__[0] is not SkipInitSubclass:
                super().__init_subclass__(**keywords)

    bases = (SkipInitSubclass, template_class)
    body = {**state, **_identity(template_class)}
    twin: type = type.__new__(metaclass, template_class.__name__, bases, body)
    if issubclass(metaclass, ABCMeta):
        # Initialize the ABC state: without it, isinstance and abstract methods use the state of the parent.
        _abc_init(twin)
    return twin


def _identity(template_class: type) -> dict[str, Any]:
    return {
        "__module__": template_class.__module__,
        "__qualname__": template_class.__qualname__,
        "__doc__": template_class.__doc__,
    }


def _name(metaclass: type) -> str:
    if metaclass.__module__ == "builtins":
        return metaclass.__name__
    return f"{metaclass.__module__}.{metaclass.__qualname__}"
