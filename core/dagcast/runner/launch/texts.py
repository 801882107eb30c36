"""Texts that a process can be given: as arguments, in its environment, as its working directory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from dagcast.errors import DagcastError


class UnsayableError(DagcastError):
    """What no process can be told."""


def sayable(what: str, value: str) -> str:
    """The text as UTF-8 gives it back, whatever bytes the file system's encoding makes of it.

    Raises:
        UnsayableError: If it has a NUL, or is no text that bytes could stand for.
    """
    try:
        content = os.fsencode(value)
    except UnicodeEncodeError:
        raise UnsayableError(f"{what} cannot be given to a process: {value!r} is no text") from None
    if b"\0" in content:
        raise UnsayableError(f"{what} cannot be given to a process: {value!r} has a NUL character")
    return content.decode("utf-8", "surrogateescape")


def program(argv: Sequence[str]) -> list[str]:
    """A program and its arguments.

    Raises:
        UnsayableError: If there is no program, or an argument cannot be given.
    """
    if not argv or not argv[0]:
        raise UnsayableError("there is no program to start")
    return arguments(argv)


def arguments(argv: Sequence[str]) -> list[str]:
    """Arguments.

    Raises:
        UnsayableError: If one cannot be given.
    """
    return [sayable(f"argument {number}", value) for number, value in enumerate(argv)]


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment.

    Raises:
        UnsayableError: If a name or value cannot be given.
    """
    found = {}
    for name, value in environment.items():
        if not name or "=" in name:
            raise UnsayableError(
                f"the environment variable {name!r} cannot be given to a process: "
                "a name has at least one character, and no '='"
            )
        found[sayable("an environment variable's name", name)] = sayable(
            f"environment variable {name}", value
        )
    return found
