"""Errors and diagnostics: what a user is told when something is wrong.

A user's mistake is a :class:`Diagnostic`. Stages collect them and go on as far as they can, so that one
run reports everything at once; the run then ends with one :class:`InvalidInputError` that holds them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from dagcast.diagnostic_codes import validate_code

Severity = Literal["error", "warning"]


class Location(NamedTuple):
    """Where a value was written.

    Attributes:
        file: The file as the user named it, or ``<config>`` for values passed from Python.
        line: 1-based line, or ``None`` where the source has no lines.
    """

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong, or suspicious, with what the user wrote.

    Attributes:
        message: What is wrong and what was expected, in one sentence.
        location: Where it was written, if that is known.
        severity: ``"error"`` ends the compile, ``"warning"`` is reported.
        code: The id of the kind of mistake, such as ``config.unknown-field``: one of
            :data:`dagcast.diagnostic_codes.CODES`, or ``area.problem`` in an area of a plugin's own.
        hint: What to write instead, if that can be said.

    Raises:
        ValueError: If the code is malformed, or unknown in an area of dagcast's own.
    """

    message: str
    location: Location | None = None
    severity: Severity = "error"
    code: str = field(kw_only=True)
    hint: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        # What a plugin gives instead of a text is refused where its diagnostics are checked, naming the plugin.
        if issubclass(type(self.code), str):
            validate_code(self.code)

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        kind = "warning: " if self.severity == "warning" else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{kind}{self.message}{hint}"

    def as_dict(self) -> dict[str, object]:
        """The diagnostic as JSON-ready data, for ``--json``."""
        return {
            "file": self.location.file if self.location else None,
            "line": self.location.line if self.location else None,
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
        }


class DagcastError(Exception):
    """Root of every error that dagcast raises on purpose.

    Attributes:
        code: The id under which ``--json`` reports an error that is not an :class:`InvalidInputError`.
    """

    code: ClassVar[str] = "command.failed"


class InvalidInputError(DagcastError):
    """What the user wrote cannot be compiled.

    Attributes:
        diagnostics: Every mistake that was found, in the order of the files.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class CycleError(InvalidInputError):
    """The DAG has a cycle.

    Attributes:
        cycle: The nodes of the cycle in order; the first is repeated at the end.
    """

    def __init__(self, cycle: Sequence[str], location: Location | None = None) -> None:
        self.cycle: tuple[str, ...] = tuple(cycle)
        message = f"the DAG has a cycle: {' -> '.join(self.cycle)}"
        super().__init__([Diagnostic(message, location, code="dag.cycle", hint="remove one of these edges")])


class SDKError(DagcastError):
    """The SageMaker SDK that is installed cannot do what is asked of it, or none is installed."""

    code = "sdk.unusable"


class ImageNotFoundError(DagcastError):
    """The SDK's tables have no such image.

    Attributes:
        message: What was not found, in one sentence.
        known: The values that would have been found, in the order of the SDK; empty where it does not say.
        hint: The nearest known value, or the few that there are, if that can be said.
    """

    def __init__(self, message: str, known: tuple[str, ...] = (), hint: str | None = None) -> None:
        self.message = message
        self.known = known
        self.hint = hint
        super().__init__(f"{message} ({hint})" if hint else message)


class PluginError(DagcastError):
    """A plugin is missing, broken, or does what a plugin must not.

    Attributes:
        plugin: The plugin's name.
        distribution: The distribution that provides it, with its version; ``None`` for an object from Python.
        hook: The hook that was called, if one was.
        problem: What is wrong, in one sentence.
        remedy: What to do about it.
    """

    code = "plugin.failed"

    def __init__(
        self,
        plugin: str,
        problem: str,
        remedy: str,
        *,
        distribution: str | None = None,
        hook: str | None = None,
    ) -> None:
        self.plugin = plugin
        self.problem = problem
        self.remedy = remedy
        self.distribution = distribution
        self.hook = hook
        origin = f" ({distribution})" if distribution else ""
        where = f", hook {hook}" if hook else ""
        super().__init__(f"plugin {plugin!r}{origin}{where}: {problem}; {remedy}")


class StagingError(DagcastError):
    """Staged code cannot be uploaded: it changed since the compile, or it no longer exists."""

    code = "code.changed"


@dataclass
class DiagnosticSink:
    """Collects diagnostics over the stages of one compile."""

    diagnostics: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        message: str,
        location: Location | None = None,
        *,
        code: str,
        hint: str | None = None,
    ) -> None:
        """Record a mistake that makes the input invalid."""
        self.diagnostics.append(Diagnostic(message, location, "error", code=code, hint=hint))

    def warn(
        self,
        message: str,
        location: Location | None = None,
        *,
        code: str,
        hint: str | None = None,
    ) -> None:
        """Record something that compiles but may not be meant."""
        self.diagnostics.append(Diagnostic(message, location, "warning", code=code, hint=hint))

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Record diagnostics that another part collected."""
        self.diagnostics.extend(diagnostics)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Record the diagnostics of an :class:`InvalidInputError` that the block ends with, and go on."""
        try:
            yield
        except InvalidInputError as error:
            self.extend(error.diagnostics)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that end a compile, ordered by file and line, each once."""
        return _ordered(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that do not end a compile, ordered by file and line, each once."""
        return _ordered(d for d in self.diagnostics if d.severity == "warning")

    def raise_errors(self) -> None:
        """End here if anything is wrong.

        Raises:
            InvalidInputError: If at least one error was recorded; it holds all of them.
        """
        if self.errors:
            raise InvalidInputError(self.errors)


def _ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    unique = dict.fromkeys(diagnostics)
    return tuple(
        sorted(
            unique,
            key=lambda d: (d.location.file, d.location.line or 0) if d.location else ("", 0),
        )
    )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like ``name``, or ``None`` if none is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known spelling, or lists the few that there are."""
    names = sorted(set(known))
    close = nearest(name, names)
    if close is not None:
        return f"did you mean {close!r}?"
    if names and len(names) <= 12:
        return f"known: {', '.join(names)}"
    return None
