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
    """What a decorator joins.

    Attributes:
        bases: The bases, the template class among them.
        metaclasses: The metaclasses of the bases, and that of the new class where it is known; each once.
    """

    bases: tuple[type, ...]
    metaclasses: tuple[type, ...]


class BasesFound(BaseException):
    """Ends the call of a decorator; no ``except Exception`` of its own is to catch it."""

    def __init__(self, bases: tuple[Any, ...], metaclass: type | None = None) -> None:
        self.bases = bases
        self.metaclass = metaclass


class Probe:
    """Stands in for a class until a class statement asks for its bases."""

    def __init__(self, template_class: type) -> None:
        self._template_class = template_class
        self.__doc__ = template_class.__doc__
        self.__module__ = template_class.__module__

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # inspect.isclass and isinstance(..., type) believe it is the class.
        return type(self._template_class)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._template_class, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """An instance of the class itself."""
        return self._template_class(*args, **kwargs)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> NoReturn:
        raise BasesFound(bases)


def probe_bases(decorator: Decorator, template_class: type) -> JoinedBases | None:
    """The bases of the first class statement that joins something to the class, or ``None`` if there is none."""
    return _ask(decorator, template_class, Probe(template_class))


def probe_metaclass(decorator: Decorator, template_class: type) -> JoinedBases | None:
    """The bases and the metaclass of the first class with a metaclass that the decorator derives, if there is one."""
    return _ask(decorator, template_class, _model(template_class, lambda cls: type(cls) is not type))


def probe_any_class(decorator: Decorator, template_class: type) -> JoinedBases | None:
    """The bases of the first class that joins others to the class, if there is one."""
    return _ask(decorator, template_class, _model(template_class, lambda cls: len(cls.__bases__) > 1))


def bases_of_constructor(conflict: BaseException, template_class: type) -> JoinedBases | None:
    """The bases and the metaclass that a metaclass's ``__new__`` was called with when a conflict arose in it.

    A decorator that calls ``ABCMeta.__new__`` itself makes its class past both stand-ins. The frame of that call still
    holds what it was given.
    """
    for frame, _ in walk_tb(conflict.__traceback__):
        code = frame.f_code
        given = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]]
        if code.co_name != "__new__" or len(given) < 3:
            continue
        metaclass, _, bases, *_ = given
        # Identity, and not equality: these are objects of foreign code.
        if isinstance(bases, tuple) and any(base is template_class for base in bases):
            metaclasses: list[Any] = [type(template_class), *map(type, bases), metaclass]
            if all(issubclass(type(found), type) for found in (*bases, metaclass)):
                return JoinedBases(bases, tuple(dict.fromkeys(metaclasses)))
    return None


def _ask(decorator: Decorator, template_class: type, stand_in: Any) -> JoinedBases | None:
    try:
        decorator(stand_in)
    except BasesFound as found:
        bases = resolve_bases(tuple(template_class if base is stand_in else base for base in found.bases))
        metaclasses = [type(template_class), *(type(base) for base in bases)]
        if found.metaclass is not None:
            metaclasses.append(found.metaclass)
        return JoinedBases(bases, tuple(dict.fromkeys(metaclasses)))
    except KeyboardInterrupt:
        raise
    # The decorator could not do with a stand-in: it did something else than make a class. It is not asked further.
    except BaseException:
        return None
    return None


def _model(template_class: type, wanted: Callable[[type], bool]) -> type:
    attributes: dict[str, Any] = {}
    for ancestor in reversed(template_class.__mro__[:-1]):
        attributes.update({name: value for name, value in vars(ancestor).items() if name not in _OWN})

    def tell(cls: Any, /, **keywords: Any) -> None:
        # A class that tells nothing may be on the way to one that does.
        if wanted(cls):
            raise BasesFound(cls.__bases__, type(cls))

    attributes["__init_subclass__"] = classmethod(tell)
    model = type(template_class.__name__, (), attributes)
    if issubclass(type(template_class), ABCMeta):
        # For a decorator that first asks whether it was given a template class. The class is made for this compile, and
        # takes note of the model only as long as that lives.
        register: Any = ABCMeta.register
        register(template_class, model)
    return model
