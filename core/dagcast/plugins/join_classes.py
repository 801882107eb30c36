"""Decorate a class whose metaclass conflicts with the metaclass of the decorator's mixin.

``class Wrapped(cls, Mixin)`` fails if the metaclass of neither base derives from the other's. The template class has
``ABCMeta``, so a decorator whose mixin has its own metaclass fails. :func:`apply_decorator` calls the decorator once,
with the class itself. Class statements that derive from the class get a metaclass that derives from the metaclasses of
all bases.
"""

from __future__ import annotations

from _abc import _abc_init  # type: ignore[import-not-found]
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import permutations
from traceback import walk_tb
from types import FrameType, new_class
from typing import Any

from dagcast.plugins.class_statements import ClassStatement, choose_metaclasses
from dagcast.plugins.safe_inspect import ancestors, format_exception, format_exception_text, is_instance

Decorator = Callable[[type], Any]

_METACLASSES = "metaclass conflict"
_PYTHONS_CONFLICT = (
    f"{_METACLASSES}: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all "
    "its bases"
)
"""The message of the TypeError that Python raises."""
_BASES = ("instance lay-out conflict", "consistent method resolution", "duplicate base class")
_KEEP_APART = "keep that class out of the bases: hold an instance of it in an attribute"
_USE_STATEMENT = (
    "derive the class in a class statement, class Wrapped(template_class, Mixin) or class Wrapped(template_class, "
    "metaclass=Meta), or call dagcast.plugin.mixin(template_class, Mixin); if the metaclass rejects the class, "
    f"{_KEEP_APART}"
)


class ClassJoinError(TypeError):
    """Classes cannot be joined.

    Attributes:
        clashing: The names of the conflicting metaclasses or bases.
        remedy: How the author of the decorator can fix it.
    """

    def __init__(self, message: str, clashing: Sequence[str], remedy: str) -> None:
        super().__init__(message)
        self.clashing = tuple(dict.fromkeys(clashing))
        self.remedy = remedy


def apply_decorator(decorator: Decorator, template_class: type) -> Any:
    """Call a class decorator once, and join metaclasses in the class statements that derive from the class.

    Args:
        decorator: Any class decorator. It needs no support for dagcast.
        template_class: The class to decorate.

    Returns:
        The result of the decorator.

    Raises:
        ClassJoinError: If the decorator fails because bases cannot be joined. The exception is the cause.
    """

    def choose(bases: tuple[Any, ...], given: Any) -> Any:
        needed = _needed(bases, given)
        if len(needed) == 1:
            return needed[0]
        if not any(_derives(base, template_class) for base in bases):
            raise TypeError(_PYTHONS_CONFLICT)
        return _combine(needed)

    with choose_metaclasses(choose) as statements:
        try:
            result = decorator(template_class)
        # A decorator is third-party code and may raise any exception.
        except Exception as error:
            refusal = _refusal(error, statements, template_class)
            if refusal is None:
                raise
            raise refusal from error
    if is_instance(result, type):
        _complete_abcs(result)
    return result


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
    given = (template_class, *bases)
    resolved = _resolve_bases(given)
    needed = _most_derived(map(type, resolved))
    metaclass = _combine(needed)
    body = {
        **copied_attributes(template_class),
        **({} if resolved == given else {"__orig_bases__": given}),
        **namespace,
    }

    def fill(made: dict[str, Any]) -> None:
        # Set item by item: the namespace that a metaclass prepares may intercept each.
        for key, value in body.items():
            made[key] = value

    try:
        made = new_class(template_class.__name__, resolved, {"metaclass": metaclass}, fill)
        _complete_abcs(made)  # sets an attribute, which a metaclass may refuse
    # A third-party metaclass may raise any exception.
    except Exception as error:
        refusal = _refused_bases(template_class.__name__, resolved, needed, error)
        if refusal is None:
            raise
        raise refusal from error
    return made


def copied_attributes(template_class: type) -> dict[str, Any]:
    """Return the attributes of a template class that a class in its place has as well, besides its name."""
    return {name: getattr(template_class, name) for name in ("__module__", "__qualname__", "__doc__")}


def _resolve_bases(bases: tuple[Any, ...]) -> tuple[Any, ...]:
    """Resolve bases as a class statement does.

    ``types.resolve_bases`` differs: it asks ``isinstance``, which takes a proxy of a class for a class.
    """
    resolved: list[Any] = []
    for base in bases:
        entries = None if is_instance(base, type) else getattr(base, "__mro_entries__", None)
        resolved += [base] if entries is None else entries(bases)
    return tuple(resolved)


def _derives(cls: Any, other: type) -> bool:
    return is_instance(cls, type) and any(ancestor is other for ancestor in ancestors(cls))


def _most_derived(metaclasses: Iterable[Any]) -> list[Any]:
    """Return the metaclasses from which no other one derives."""
    unique: list[Any] = []
    for metaclass in metaclasses:
        if not any(metaclass is known for known in unique):
            unique.append(metaclass)
    return [m for m in unique if not any(other is not m and _derives(other, m) for other in unique)]


def _needed(bases: Sequence[Any], given: Any) -> list[Any]:
    """Return the most derived metaclasses of a class statement, of which Python accepts one only."""
    return _most_derived([*map(type, bases), *([] if given is None else [given])] or [type])


def _combine(needed: Sequence[type]) -> type:
    if len(needed) == 1:
        return needed[0]
    # ABCMeta goes last, so that __instancecheck__ and __subclasscheck__ of a mixin's metaclass take precedence.
    preferred = sorted(needed, key=lambda metaclass: metaclass is ABCMeta)
    failures: list[Exception] = []
    for ordered in permutations(preferred):
        try:
            return type("And".join(m.__name__ for m in ordered), ordered, {"__module__": __name__})
        # A metaclass may raise any exception when it is derived from.
        except Exception as error:
            failures.append(error)
            # Only another order of the same metaclasses may have a consistent method resolution order.
            if "consistent method resolution" not in format_exception_text(error):
                break
    names = [_name(metaclass) for metaclass in needed]
    text = format_exception_text(failures[0])
    message = f"the metaclasses {_listed(names)} have no common descendant: {text}"
    raise ClassJoinError(message, names, _KEEP_APART) from failures[0]


def _complete_abcs(cls: type) -> None:
    """Initialize the ABC state of classes whose metaclass derives from ABCMeta and did not call its constructor.

    Otherwise they share the state of a parent, whose instances ``isinstance`` would take for theirs.
    """
    for ancestor in reversed(ancestors(cls)):
        if ABCMeta in ancestors(type(ancestor)) and "_abc_impl" not in type.__dict__["__dict__"].__get__(
            ancestor
        ):
            _abc_init(ancestor)


def _refusal(
    error: Exception, statements: Sequence[ClassStatement], template_class: type
) -> ClassJoinError | None:
    """Return why bases could not be joined, if an exception of a decorator is about that."""
    for cause in _chain(error):
        found = _reason(cause, statements, template_class)
        if found is None:
            continue
        if cause is error:
            return found
        message = f"it raised {format_exception(error)}, after: {found}"
        return ClassJoinError(message, found.clashing, found.remedy)
    return None


def _reason(
    error: BaseException, statements: Sequence[ClassStatement], template_class: type
) -> ClassJoinError | None:
    if is_instance(error, ClassJoinError):
        return error
    for statement in reversed(statements):
        if statement.raised(error):
            if statement.metaclass is None or statement.is_in_body:
                return None
            if not any(_derives(base, template_class) for base in statement.bases):
                # The metaclass of another base may build the class by a call, as that of six.with_metaclass does.
                break
            needed = _needed(statement.bases, statement.given)
            return _refused_bases(statement.name, statement.bases, needed, error)
    if not is_instance(error, TypeError):
        return None
    bases = _bases_of_call(error, template_class)
    if statements and not bases and any(statement.raised(error) for statement in statements):
        return None
    if _METACLASSES in format_exception_text(error):
        return _unseen_clash(error, bases, template_class)
    return _clash_of_bases(bases or (template_class,), error) if _is_clash_of_bases(error) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an exception and those that it was raised from or after."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and not any(current is known for known in seen):
        seen.append(current)
        yield current
        current = current.__cause__ or current.__context__


def _is_clash_of_bases(error: BaseException) -> bool:
    return is_instance(error, TypeError) and any(sign in format_exception_text(error) for sign in _BASES)


def _clash_of_bases(bases: Sequence[Any], conflict: BaseException) -> ClassJoinError:
    names = [base.__qualname__ if is_instance(base, type) else repr(base) for base in bases]
    if len(names) < 2:
        names.append("another class that the decorator creates")
    message = f"{_listed(names)} cannot be joined: {format_exception_text(conflict)}"
    remedy = f"join bases whose layouts and orders agree, such as a mixin without __slots__, or {_KEEP_APART}"
    return ClassJoinError(message, names, remedy)


def _refused_bases(
    name: str, bases: Sequence[Any], needed: Sequence[type], error: BaseException
) -> ClassJoinError | None:
    """Return why a class with these bases could not be built; ``None`` if it is not about the bases."""
    if _is_clash_of_bases(error):
        return _clash_of_bases(bases, error)
    if len(needed) < 2:
        return None
    names = [_name(metaclass) for metaclass in needed]
    message = f"the metaclass joined from {_listed(names)} rejects class {name!r}: {format_exception(error)}"
    return ClassJoinError(message, names, f"let the metaclass accept any class, or {_KEEP_APART}")


def _unseen_clash(conflict: BaseException, bases: Sequence[Any], template_class: type) -> ClassJoinError:
    """Return the error for a conflict outside of class statements, which cannot be joined."""
    own = type(template_class)
    found = [own, *map(type, bases), *_named_metaclasses(conflict, own)]
    names = [_name(metaclass) for metaclass in _most_derived(found)]
    if len(names) < 2:
        names = [_name(own), "that of another class that the decorator creates"]
    text = format_exception_text(conflict)
    message = f"the metaclasses {_listed(names)} clash in a class that is built by a call: {text}"
    return ClassJoinError(message, names, _USE_STATEMENT)


def _bases_of_call(error: BaseException, template_class: type) -> tuple[Any, ...]:
    """Return the bases of a failed call that builds a class, from the frames of the call; empty if unknown."""
    for frame in _frames(error):
        for value in frame.f_locals.values():
            if is_instance(value, tuple) and any(_derives(item, template_class) for item in value):
                return tuple(value)
    return ()


def _named_metaclasses(error: BaseException, own: type) -> list[type]:
    """Return metaclasses that clash with ``own``, of classes that the code of the failed call names."""
    frame = next(_frames(error), None)
    if frame is None:
        return []
    names = (*frame.f_code.co_names, *frame.f_locals)
    values = [{**frame.f_globals, **frame.f_locals}.get(name) for name in names]
    classes = [value for value in values if is_instance(value, type)]
    metaclasses = [value if _derives(value, type) else type(value) for value in classes]
    return [found for found in metaclasses if not _derives(found, own) and not _derives(own, found)]


def _frames(error: BaseException) -> Iterator[FrameType]:
    """Iterate over the frames of an exception, the innermost first."""
    return reversed([frame for frame, _ in walk_tb(error.__traceback__)])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(names))


def _name(metaclass: type) -> str:
    if metaclass.__module__ == "builtins":
        return metaclass.__name__
    return f"{metaclass.__module__}.{metaclass.__qualname__}"
