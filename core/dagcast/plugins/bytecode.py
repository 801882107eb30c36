"""Compare compiled code with source: the cached bytecode that an import runs, and the functions in memory.

An import runs the file in ``__pycache__`` if its header names the time stamp and size of the source, or says that
nothing is to be checked. Anybody who can write that file can put other code behind a valid header.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_HEADER = 16
_HASH_BASED, _CHECK_SOURCE = 0b01, 0b10
_COMPARED = (
    "co_name",
    "co_flags",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_code",
)
"""What a code object does. Tables of lines depend on how Python was started: ``PYTHONNODEBUGRANGES``."""


def has_other_bytecode(source: str) -> bool:
    """Return whether an import of a source file would run cached bytecode of other code. Nothing is run.

    Args:
        source: The path of the file, as an import finds it.
    """
    try:
        content = Path(importlib.util.cache_from_source(source)).read_bytes()
        text = Path(source).read_bytes()
        is_used = _is_used(content, text, os.stat(source))  # noqa: PTH116 - as importlib does
    # Without a cache, or one that cannot be read, an import compiles the source.
    except (OSError, NotImplementedError):
        return False
    if not is_used:
        return False
    try:
        cached, compiled = marshal.loads(memoryview(content)[_HEADER:]), _compile(text, source)
    # The cache is broken, or the source is, and then an import of it would fail.
    except (ValueError, EOFError, TypeError, SyntaxError):
        return True
    return not (isinstance(cached, CodeType) and _is_same(cached, compiled))


def has_other_functions(module: ModuleType) -> bool:
    """Return whether a module in memory has functions or methods that its source file does not define.

    Modules of other loaders than Python's own may differ on purpose, as those of pytest and beartype do.
    """
    file = module.__file__
    if not file or not is_from_source(module):
        return False
    try:
        compiled = _compile(Path(file).read_bytes(), file)
    except (OSError, ValueError, SyntaxError):
        return True
    defined = tuple(_nested_code(compiled))
    known = frozenset(defined)
    return any(
        code not in known and not any(_is_same(code, other) for other in defined)
        for code in _function_code(module, file)
    )


def is_from_source(module: ModuleType) -> bool:
    """Return whether Python's own loader of source files imported a module."""
    return type(getattr(module, "__loader__", None)) is SourceFileLoader


def _is_used(content: bytes, source: bytes, status: os.stat_result) -> bool:
    """Return whether an import runs a cache, given its content.

    Source: https://peps.python.org/pep-0552/ and ``SourceLoader.get_code`` of importlib.
    """
    if len(content) < _HEADER or content[:4] != importlib.util.MAGIC_NUMBER:
        return False
    flags = int.from_bytes(content[4:8], "little")
    if flags & ~(_HASH_BASED | _CHECK_SOURCE):
        return False
    if flags & _HASH_BASED:
        return not flags & _CHECK_SOURCE or content[8:_HEADER] == importlib.util.source_hash(source)
    stamps = (int(status.st_mtime), status.st_size)
    return content[8:_HEADER] == b"".join((stamp & 0xFFFFFFFF).to_bytes(4, "little") for stamp in stamps)


# Each module is compared twice in a row: its cached bytecode, and its functions.
@lru_cache(maxsize=1)
def _compile(text: bytes, file: str) -> CodeType:
    compiled: CodeType = compile(text, file, "exec", dont_inherit=True)
    return compiled


def _is_same(first: CodeType, second: CodeType) -> bool:
    return first == second or _behavior(first) == _behavior(second)


def _behavior(code: CodeType) -> Any:
    """Return what code does as a comparable value, without places in its file."""
    return (
        *(getattr(code, name) for name in _COMPARED),
        getattr(code, "co_exceptiontable", b""),
        tuple(map(_constant, code.co_consts)),
    )


def _constant(value: Any) -> Any:
    """Return a constant as a value that equals the same constant only: ``1``, ``1.0`` and ``True`` differ."""
    if isinstance(value, CodeType):
        return _behavior(value)
    if isinstance(value, tuple):
        return tuple(map(_constant, value))
    if isinstance(value, frozenset):
        return frozenset(map(_constant, value))
    return type(value).__name__, repr(value)


def _nested_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested_code(constant)


def _function_code(module: ModuleType, file: str) -> Iterator[CodeType]:
    """Yield the code of functions and methods of a module. Generated ones have no file."""
    for value in tuple(vars(module).values()):
        members = tuple(vars(value).values()) if isinstance(value, type) else (value,)
        for member in members:
            function = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
            if isinstance(function, FunctionType) and function.__code__.co_filename == file:
                yield function.__code__
