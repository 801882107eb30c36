"""Choose the metaclass of class statements while a decorator runs.

A class statement calls ``builtins.__build_class__``. While at least one decorator runs, a :class:`_BuildClass` replaces
it. In a thread that runs no decorator, it is the callable that it replaces. In the thread of a decorator, it passes
``metaclass=`` to that callable: a :class:`ClassStatement`, which chooses the metaclass when Python has resolved the
bases.

Neither adds a frame to the stack: ``__call__`` of both is a property, whose value Python calls in place of the object.
Libraries that read the frame of the class statement (pydantic, zope.interface) find the decorator's. Only a statement
that passes ``metaclass=`` itself has one more frame.
"""

from __future__ import annotations

import builtins
import dis
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType
from typing import Any

ChooseMetaclass = Callable[[tuple[Any, ...], Any], Any]
"""Returns the metaclass for resolved bases and the ``metaclass=`` of the statement, or raises TypeError."""

_CALL_WITH_DICT = dis.opmap["CALL_FUNCTION_EX"]


class ClassStatement:
    """One class statement, and its metaclass as Python sees it.

    Attributes:
        name: The name of the class.
        bases: The resolved bases; empty until they are known.
        given: The ``metaclass=`` of the statement; ``None`` if it has none.
        metaclass: The chosen metaclass; ``None`` until it is known.
        is_in_body: Whether the body of the class is being executed, so that an error is the body's own.
    """

    def __init__(self, choose: ChooseMetaclass, place: tuple[CodeType, int], given: Any = None) -> None:
        self.name = ""
        self.bases: tuple[Any, ...] = ()
        self.metaclass: Any = None
        self.is_in_body = False
        self._choose = choose
        self._place = place
        self.given = given

    def __prepare__(self, name: str, bases: tuple[Any, ...], **keywords: Any) -> Any:
        """Choose the metaclass, and return its namespace."""
        self.name, self.bases = name, bases
        self.metaclass = self._choose(bases, self.given)
        prepare = getattr(self.metaclass, "__prepare__", None)
        namespace = {} if prepare is None else prepare(name, bases, **keywords)
        self.is_in_body = True
        return namespace

    @property
    def __call__(self) -> Any:
        """The chosen metaclass, which Python calls when the body is complete."""
        self.is_in_body = False
        return self.metaclass

    def raised(self, error: BaseException) -> bool:
        """Return whether the exception propagated through this statement."""
        trace = error.__traceback__
        while trace is not None:
            if (trace.tb_frame.f_code, trace.tb_lasti) == self._place:
                return True
            trace = trace.tb_next
        return False


@contextmanager
def choose_metaclasses(choose: ChooseMetaclass) -> Iterator[list[ClassStatement]]:
    """Choose the metaclass of each class statement that this thread executes in the block.

    Classes that are built by calling ``type``, a metaclass or ``types.new_class`` are not class statements.

    Args:
        choose: Returns the metaclass.

    Yields:
        The statements, in the order in which they begin.
    """
    outer = _THREAD.block
    block = _Block(choose)
    _replace()
    try:
        _THREAD.block = block
        yield block.statements
    finally:
        _THREAD.block = outer
        _restore()


class _Block:
    """What a thread does in its innermost :func:`choose_metaclasses`."""

    def __init__(self, choose: ChooseMetaclass) -> None:
        self.choose = choose
        self.statements: list[ClassStatement] = []

    def begin(self, place: tuple[CodeType, int], given: Any = None) -> ClassStatement:
        statement = ClassStatement(self.choose, place, given)
        self.statements.append(statement)
        return statement


class _Thread(threading.local):
    block: _Block | None = None


class _BuildClass:
    """The replacement of ``builtins.__build_class__``.

    It still works when its last block has ended, since another replacement may have kept it.
    """

    def __init__(self, replaced: Any) -> None:
        self.replaced = replaced

    @property
    def __call__(self) -> Any:
        block = _THREAD.block
        if block is None:
            return self.replaced
        frame = sys._getframe(1)
        place = (frame.f_code, frame.f_lasti)
        if _may_pass_metaclass(frame.f_code):
            return partial(_pass_metaclass, self.replaced, block, place)
        return partial(self.replaced, metaclass=block.begin(place))


def _pass_metaclass(
    replaced: Any,
    block: _Block,
    place: tuple[CodeType, int],
    function: Any,
    name: str,
    /,
    *bases: Any,
    **keywords: Any,
) -> Any:
    given = keywords.pop("metaclass", None)
    # A metaclass that is not a class joins no bases: Python calls it as it is.
    if given is None or issubclass(type(given), type):
        given = block.begin(place, given)
    return replaced(function, name, *bases, metaclass=given, **keywords)


def _may_pass_metaclass(code: CodeType) -> bool:
    """Return whether a call in this code may have the keyword ``metaclass``: by name, or in a mapping."""
    named = any("metaclass" in item for item in code.co_consts if isinstance(item, tuple))
    return named or _CALL_WITH_DICT in code.co_code[::2]


_THREAD = _Thread()
# ``builtins`` belongs to the whole process: blocks of all threads share one replacement.
_lock = threading.Lock()
_blocks = 0
_replacement: _BuildClass | None = None


def _replace() -> None:
    global _blocks, _replacement
    with _lock:
        _blocks += 1
        if _blocks == 1:
            _replacement = _BuildClass(builtins.__build_class__)
            builtins.__build_class__ = _replacement


def _restore() -> None:
    global _blocks, _replacement
    with _lock:
        _blocks -= 1
        if _blocks == 0 and _replacement is not None:
            # Another replacement that was put on top stays. It calls this one, which passes everything on.
            if builtins.__build_class__ is _replacement:
                builtins.__build_class__ = _replacement.replaced
            _replacement = None
