"""Decorating a class whose metaclass clashes with that of the decorator's mixin.

``class Wrapped(cls, Mixin)`` fails where the metaclass of neither base derives from the other's. The template class has
``ABCMeta``, so a decorator whose mixin has a metaclass of its own cannot be applied as it stands. It is called once more with
a :class:`Probe` in place of the class. Python asks the probe for its bases in the class statement
(``__mro_entries__``, PEP 560); there the probe learns the other bases and stops, before anything is built. From the bases
follows a metaclass that fits all of them; a twin of the template class with that metaclass is then decorated for good.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Sequence
from types import resolve_bases
from typing import Any

Decorator = Callable[[type], Any]

_CONFLICTS = ("metaclass conflict", "instance lay-out conflict", "consistent method resolution")


class IrreconcilableError(TypeError):
    """Classes cannot be joined.

    Attributes:
        clashing: The names of the two metaclasses, or of the bases, that clash.
        remedy: What the author of the decorator can do.
    """

    def __init__(self, message: str, clashing: Sequence[str], remedy: str) -> None:
        super().__init__(message)
        self.clashing = tuple(clashing)
        self.remedy = remedy


def apply_decorator(decorator: Decorator, template_class: type) -> Any:
    """Apply a class decorator, reconciling metaclasses where that is needed.

    Args:
        decorator: Any class decorator; it may never have heard of dagsmith.
        template_class: The class to decorate.

    Returns:
        What the decorator returned.

    Raises:
        IrreconcilableError: If the bases that it joins cannot be joined.
    """
    try:
        return decorator(template_class)
    except TypeError as error:
        if not any(sign in str(error) for sign in _CONFLICTS):
            raise
        conflict = error
    bases = _bases_of(decorator, template_class, conflict)
    if "metaclass conflict" not in str(conflict):
        names = [base.__qualname__ for base in bases]
        remedy = "join bases whose layouts and orders agree, such as a mixin without __slots__"
        raise IrreconcilableError(f"{' and '.join(names)} cannot be joined: {conflict}", names, remedy) from conflict
    metaclass = common_metaclass(bases)
    return _decorate_twin(decorator, template_class, metaclass, bases)


def mixin(template_class: type, *bases: type, **namespace: Any) -> type:
    """A subclass of ``template_class`` and ``bases`` with a metaclass that fits all of them.

    For authors who build a class themselves. It keeps name, module and docstring of the template class.

    Args:
        template_class: The class that a ``decorate_template_class`` hook was given.
        bases: Further bases.
        namespace: Attributes of the new class.

    Raises:
        IrreconcilableError: If the bases cannot be joined.
    """
    metaclass = common_metaclass((template_class, *bases))
    body = {**_identity(template_class), **namespace}
    joined: type = metaclass(template_class.__name__, (template_class, *bases), body)
    return joined


def common_metaclass(bases: Sequence[type]) -> type:
    """A metaclass that derives from the metaclasses of all bases: one of them where it fits, else a new one.

    Raises:
        IrreconcilableError: If the metaclasses cannot have a common descendant.
    """
    metaclasses = list(dict.fromkeys(type(base) for base in bases))
    needed = [m for m in metaclasses if not any(other is not m and issubclass(other, m) for other in metaclasses)]
    if len(needed) == 1:
        return needed[0]
    # ABCMeta goes last: it hands over to nothing but type, so that what stands before it can hand over to it.
    ordered = sorted(needed, key=lambda m: m is ABCMeta)
    name = "And".join(m.__name__ for m in ordered)
    try:
        return type(name, tuple(ordered), {"__module__": __name__})
    except TypeError as error:
        names = [_name(m) for m in needed]
        message = f"the metaclasses {' and '.join(names)} have no common descendant: {error}"
        raise IrreconcilableError(message, names, "give the mixin a metaclass that can be combined") from error


class _Stop(BaseException):
    """Ends the probing call; no ``except Exception`` of a decorator is to catch it."""

    def __init__(self, bases: tuple[Any, ...]) -> None:
        self.bases = bases


class Probe:
    """Stands in for a class until a class statement asks for its bases."""

    def __init__(self, template_class: type) -> None:
        self._template_class = template_class
        self.__doc__ = template_class.__doc__
        self.__module__ = template_class.__module__

    @property
    def __class__(self) -> Any:
        # inspect.isclass and isinstance(..., type) believe it is the class.
        return type(self._template_class)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._template_class, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._template_class(*args, **kwargs)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        raise _Stop(bases)


def _bases_of(decorator: Decorator, template_class: type, conflict: TypeError) -> tuple[type, ...]:
    probe: Any = Probe(template_class)
    try:
        decorator(probe)
    except _Stop as stop:
        return resolve_bases(tuple(template_class if base is probe else base for base in stop.bases))
    except Exception as error:
        raise _opaque(template_class, conflict, error) from conflict
    raise _opaque(template_class, conflict, None) from conflict


def _opaque(template_class: type, conflict: TypeError, error: Exception | None) -> IrreconcilableError:
    why = f" (asked for its bases, it raised {error})" if error is not None else ""
    names = [_name(type(template_class)), "a metaclass that the decorator hides"]
    message = f"the class has the metaclass {names[0]}, which clashes with that of the decorator's class: {conflict}{why}"
    return IrreconcilableError(message, names, "build the class with dagsmith.plugin.mixin(template_class, Mixin)")


def _decorate_twin(decorator: Decorator, template_class: type, metaclass: type, bases: Sequence[type]) -> Any:
    """Apply the decorator to a twin; one made past the metaclass's own constructor is tried first.

    A registering metaclass would list the twin as if it were a template of its own. But one whose classes carry state that
    its constructor sets needs that constructor to run.
    """
    names = list(dict.fromkeys(_name(type(base)) for base in bases))
    try:
        return decorator(_bare_twin(template_class, metaclass))
    except (TypeError, AttributeError, KeyError) as error:
        first = error
    try:
        twin = metaclass(template_class.__name__, (template_class,), _identity(template_class))
    except Exception as error:
        message = f"the metaclasses {' and '.join(names)} were joined, but {_name(metaclass)} refuses the class: {error}"
        remedy = "let the metaclass accept any class, or build with dagsmith.plugin.mixin"
        raise IrreconcilableError(message, names, remedy) from error
    try:
        return decorator(twin)
    except TypeError as error:
        message = f"the metaclasses {' and '.join(names)} were joined, and the decorator failed all the same: {error}"
        raise IrreconcilableError(message, names, "build the class with dagsmith.plugin.mixin") from first


def _bare_twin(template_class: type, metaclass: type) -> type:
    namespace = _identity(template_class)
    bases = (template_class,)
    if issubclass(metaclass, ABCMeta):
        # The C base of ABCMeta has to see the class, or isinstance and abstract methods do not work on it.
        if metaclass.__mro__[metaclass.__mro__.index(ABCMeta) + 1] is type:
            return ABCMeta.__new__(metaclass, template_class.__name__, bases, namespace)
    return type.__new__(metaclass, template_class.__name__, bases, namespace)


def _identity(template_class: type) -> dict[str, Any]:
    return {
        "__module__": template_class.__module__,
        "__qualname__": template_class.__qualname__,
        "__doc__": template_class.__doc__,
    }


def _name(metaclass: type) -> str:
    return metaclass.__name__ if metaclass.__module__ == "builtins" else f"{metaclass.__module__}.{metaclass.__qualname__}"
