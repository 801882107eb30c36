"""What the registry refuses, and what goes wrong with its database."""

from __future__ import annotations

from collections.abc import Iterable

from dagcast.errors import DagcastError
from dagcast.plugin import did_you_mean


class RegistryError(DagcastError):
    """The registry cannot do what is asked of it: its database does not answer, or holds something else."""

    code = "mods.registry"


class UnknownTemplateError(RegistryError):
    """There is no such template, version or execution.

    Attributes:
        message: What there is not.
        hint: The nearest name, or the few that there are.
    """

    def __init__(self, message: str, name: str, known: Iterable[str]) -> None:
        self.message = message
        self.hint = did_you_mean(name, known)
        super().__init__(f"{message} ({self.hint})" if self.hint else message)


class DifferentContentError(RegistryError):
    """A version is registered already, with other content.

    Attributes:
        name: The template.
        version: Its version.
        diff: From what is registered to what was to be, as a unified diff.
    """

    def __init__(self, name: str, version: str, diff: str) -> None:
        self.name = name
        self.version = version
        self.diff = diff
        super().__init__(
            f"{name} {version} is registered already, with other content, and a version does not change: "
            f"register this one under another version\n{diff}"
        )


class NotReproducedError(RegistryError):
    """Compiling a registered version again does not give what is registered.

    Attributes:
        name: The template.
        version: Its version.
        problem: Why, in a few words.
        reasons: Every difference.
    """

    def __init__(self, name: str, version: str, problem: str, reasons: Iterable[str]) -> None:
        self.name = name
        self.version = version
        self.problem = problem
        self.reasons = tuple(reasons)
        listed = "\n".join(f"  {line}" for reason in self.reasons for line in reason.split("\n"))
        super().__init__(
            f"{name} {version} cannot be compiled as it was registered: {problem} "
            f"(--stored gives the registered definition)\n{listed}"
        )
