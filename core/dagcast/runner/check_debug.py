"""Checks before a run whether a step can be debugged here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from dagcast.definition.model import Definition
from dagcast.errors import Diagnostic
from dagcast.runner.launch.user_terminal import NoTerminalError, check_terminal
from dagcast.runner.options import RunOptions

_TYPES = ("Processing", "Training")
"""The types of steps whose job is one process, with a script of the user."""


def check_debug(
    definition: Definition, options: RunOptions, selected: frozenset[str]
) -> Iterator[Diagnostic]:
    """Yield why the step of ``--debug`` cannot be debugged. An unknown step is reported with other unknown names."""
    step = definition.by_name.get(options.debug or "")
    if step is None:
        return
    problem = hint = None
    if step.definition_type not in _TYPES or step.name in options.stubs:
        what = "a stub" if step.name in options.stubs else f"a {step.definition_type} step"
        problem = f"step {step.name!r} is {what}, which runs no script of its own"
        hint = f"debug a step of type {' or '.join(_TYPES)}"
    elif step.name not in selected:
        problem, hint = f"step {step.name!r} is not selected", f"add --only {step.name}"
    elif options.isolation == "docker":
        problem = "a job in a container has no terminal of this machine"
        hint = "remove --runner docker"
    elif options.debugpy is not None and importlib.util.find_spec("debugpy") is None:
        problem, hint = "debugpy is not installed", "pip install debugpy"
    elif options.debugpy is None:
        try:
            check_terminal()
        except NoTerminalError as error:
            problem, hint = str(error), "start it in a terminal, or wait for a debugger with --debugpy PORT"
    if problem is not None:
        yield Diagnostic(f"--debug: {problem}", code="run.debug", hint=hint)
