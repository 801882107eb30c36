"""Validates strings for exec: arguments, environment variables and the working directory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from dagcast.errors import DagcastError


class ExecStringError(DagcastError):
    """The kernel cannot pass this string to a process."""


def validate_string(description: str, value: str) -> str:
    """Return ``value`` in the form that JSON carries to the monitor, which decodes it to the same bytes.

    Args:
        description: What the string is, for the error message.
        value: The string.

    Raises:
        ExecStringError: If it contains a NUL character or cannot be encoded.
    """
    try:
        content = os.fsencode(value)
    except UnicodeEncodeError:
        raise ExecStringError(
            f"{description} cannot be passed to a process: {value!r} cannot be encoded"
        ) from None
    if b"\0" in content:
        raise ExecStringError(
            f"{description} cannot be passed to a process: {value!r} contains a NUL character"
        )
    return content.decode("utf-8", "surrogateescape")


def validate_command_line(argv: Sequence[str]) -> list[str]:
    """Validate a program and its arguments.

    Raises:
        ExecStringError: If the program is missing, or a string is invalid.
    """
    if not argv or not argv[0]:
        raise ExecStringError("the command is empty: name a program to start")
    return validate_arguments(argv)


def validate_arguments(argv: Sequence[str]) -> list[str]:
    """Validate the arguments of a program.

    Raises:
        ExecStringError: If an argument is invalid.
    """
    return [validate_string(f"argument {number}", value) for number, value in enumerate(argv)]


def validate_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Validate environment variables.

    Raises:
        ExecStringError: If a name or a value is invalid.
    """
    found = {}
    for name, value in environment.items():
        if not name or "=" in name:
            raise ExecStringError(
                f"the environment variable {name!r} cannot be passed to a process: "
                "its name must not be empty or contain '='"
            )
        found[validate_string("the name of an environment variable", name)] = validate_string(
            f"environment variable {name}", value
        )
    return found
