"""Debug messages, without importing ``logging`` for a program that does not."""

from __future__ import annotations

import sys


def log_debug(name: str, message: str, *arguments: object) -> None:
    """Log a debug message, as ``logging.getLogger(name).debug`` does.

    A program that has not imported ``logging`` has no handler for the message. The import takes a hundredth of a small
    compile.

    Args:
        name: The name of the logger: ``__name__`` of the module.
        message: The message, with ``%`` formats for the arguments.
        *arguments: The arguments.
    """
    if "logging" in sys.modules:
        import logging

        logging.getLogger(name).debug(message, *arguments)
