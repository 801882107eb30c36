"""Find the bases that a class decorator joins to a class, before the decorated class is built.

The decorator is called with one of two substitutes for the class. Both end the call by raising :class:`BasesFound`. If
neither sees the bases, they are read from the frame of the call that failed.

- :class:`Probe` receives the bases of a class statement through ``__mro_entries__`` (PEP 560). No class is built.
- A model is a class with the metaclass ``type`` and the attributes of the template class. Its ``__init_subclass__``
  receives each subclass. This also finds an explicit ``metaclass=`` and classes built by calling ``type``. The
  exception ends the constructor of the metaclass early.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable
from traceback import walk_tb
from types import resolve_bases
from typing import Any, NamedTuple, NoReturn

Decorator = Callable[[type], Any]

_OWN = frozenset(
    {"__dict__", "__weakref__", "__slots__", "__classcell__", "__abstractmethods__", "_abc_impl"}
)


class JoinedBases(NamedTuple):
    """The bases that a decorator joins.

    Attributes:
        bases: The bases, including the template class.
        metaclasses: The distinct metaclasses of the bases, and of the new class if it is known.
    """

    bases: tuple[type, ...]
    metaclasses: tuple[type, ...]


class BasesFound(BaseException):
    """Ends the call of a decorator. It is a BaseException, so that ``except Exception`` does not catch it."""

    def __init__(self, bases: tuple[Any, ...], metaclass: type | None = None) -> None:
        self.bases = bases
        self.metaclass = metaclass


class Probe:
    """A substitute for a class that raises when a class statement resolves its bases."""

    def __init__(self, template_class: type) -> None:
        self._template_class = template_class
        self.__doc__ = template_class.__doc__
        self.__module__ = template_class.__module__

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # Makes inspect.isclass and isinstance(..., type) return True.
        return type(self._template_class)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._template_class, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Create an instance of the template class."""
        return self._template_class(*args, **kwargs)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> NoReturn:
        raise BasesFound(bases)


def probe_bases(decorator: Decorator, template_class: type) -> JoinedBases | None:
    """Return the bases of the first class statement that contains the class; ``None`` if there is no such statement."""
    return _call_with(decorator, template_class, Probe(template_class))


def probe_metaclass(decorator: Decorator, template_class: type) -> JoinedBases | None:
    """Return the bases and the metaclass of the first derived class whose metaclass is not ``type``, if any."""
    return _call_with(decorator, template_class, _model(template_class, lambda cls: type(cls) is not type))


def probe_any_class(decorator: Decorator, template_class: type) -> JoinedBases | None:
    """Return the bases of the first derived class with more than one base, if any."""
    return _call_with(decorator, template_class, _model(template_class, lambda cls: len(cls.__bases__) > 1))


def bases_of_constructor(conflict: BaseException, template_class: type) -> JoinedBases | None:
    """Return the arguments of the metaclass's ``__new__`` that raised the conflict, if any.

    A decorator that calls ``ABCMeta.__new__`` bypasses both substitutes. The frame of the call holds its arguments.
    """
    for frame, _ in walk_tb(conflict.__traceback__):
        code = frame.f_code
        given = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]]
        if code.co_name != "__new__" or len(given) < 3:
            continue
        metaclass, _, bases, *_ = given
        # Compare by identity: __eq__ of a third-party object may raise.
        if isinstance(bases, tuple) and any(base is template_class for base in bases):
            metaclasses: list[Any] = [type(template_class), *map(type, bases), metaclass]
            if all(issubclass(type(found), type) for found in (*bases, metaclass)):
                return JoinedBases(bases, tuple(dict.fromkeys(metaclasses)))
    return None


def _call_with(decorator: Decorator, template_class: type, substitute: Any) -> JoinedBases | None:
    try:
        decorator(substitute)
    except BasesFound as found:
        bases = resolve_bases(tuple(template_class if base is substitute else base for base in found.bases))
        metaclasses = [type(template_class), *(type(base) for base in bases)]
        if found.metaclass is not None:
            metaclasses.append(found.metaclass)
        return JoinedBases(bases, tuple(dict.fromkeys(metaclasses)))
    except KeyboardInterrupt:
        raise
    # The decorator does not work with the substitute. It is not called again with it.
    except BaseException:
        return None
    return None


def _model(template_class: type, wanted: Callable[[type], bool]) -> type:
    attributes: dict[str, Any] = {}
    for ancestor in reversed(template_class.__mro__[:-1]):
        attributes.update({name: value for name, value in vars(ancestor).items() if name not in _OWN})

    def init_subclass(cls: Any, /, **keywords: Any) -> None:
        # An unwanted class may be an intermediate base of a wanted one.
        if wanted(cls):
            raise BasesFound(cls.__bases__, type(cls))

    attributes["__init_subclass__"] = classmethod(init_subclass)
    model = type(template_class.__name__, (), attributes)
    if issubclass(type(template_class), ABCMeta):
        # A decorator may check that its argument is a template class. The registration ends with the model: ABCMeta
        # holds weak references.
        register: Any = ABCMeta.register
        register(template_class, model)
    return model
