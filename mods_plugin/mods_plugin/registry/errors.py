"""Errors of the registry and its database."""

from __future__ import annotations

from collections.abc import Iterable

from dagcast.errors import DagcastError
from dagcast.plugin import did_you_mean


class RegistryError(DagcastError):
    """An operation of the registry failed: its database does not answer, is damaged, or is not a registry."""

    code = "mods.registry"


class UnknownTemplateError(RegistryError):
    """A template, version or execution does not exist.

    Attributes:
        message: The problem.
        hint: The nearest name, or all names if there are few.
    """

    def __init__(self, message: str, name: str, known: Iterable[str]) -> None:
        self.message = message
        self.hint = did_you_mean(name, known)
        super().__init__(f"{message} ({self.hint})" if self.hint else message)


class DifferentContentError(RegistryError):
    """A version is registered already with different content.

    Attributes:
        name: The template.
        version: Its version.
        diff: A unified diff from the registered to the new content.
    """

    code = "mods.different-content"

    def __init__(self, name: str, version: str, diff: str) -> None:
        self.name = name
        self.version = version
        self.diff = diff
        super().__init__(
            f"{name} {version} is registered already with different content, and a version is immutable: "
            f"register this content under another version\n{diff}"
        )


class NotReproducedError(RegistryError):
    """Compiling a registered version does not reproduce the registered definition.

    Attributes:
        name: The template.
        version: Its version.
        problem: The problem, in a few words.
        reasons: Every difference.
    """

    def __init__(self, name: str, version: str, problem: str, reasons: Iterable[str]) -> None:
        self.name = name
        self.version = version
        self.problem = problem
        self.reasons = tuple(reasons)
        listed = "\n".join(f"  {line}" for reason in self.reasons for line in reason.split("\n"))
        super().__init__(
            f"{name} {version} cannot be reproduced: {problem} "
            f"(--stored writes the registered definition)\n{listed}"
        )
