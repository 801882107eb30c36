"""Errors and diagnostics.

A mistake of the user is a :class:`Diagnostic`. Stages collect diagnostics and continue as far as possible, so that one
run reports all mistakes. The run then raises one :class:`InvalidInputError` with all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import ClassVar

from dagcast.diagnostics import Diagnostic, IgnoredRule, Location, Severity, ordered
from dagcast.escape_text import escape_text
from dagcast.frozen_dataclass import dataclass
from dagcast.suggestions import did_you_mean, nearest

__all__ = [
    "CycleError",
    "DagcastError",
    "Diagnostic",
    "DiagnosticSink",
    "IgnoredRule",
    "ImageNotFoundError",
    "InvalidInputError",
    "Location",
    "PluginError",
    "SDKError",
    "Severity",
    "StagingError",
    "did_you_mean",
    "escape_text",
    "nearest",
]


class DagcastError(Exception):
    """Base class of the errors that dagcast raises.

    Attributes:
        code: The id with which ``--json`` reports an error that is not an :class:`InvalidInputError`.

    Example:
        >>> from dagcast import PipelineDAGCompiler
        >>> try:
        ...     PipelineDAGCompiler({"steps": {}}, plugins=[]).compile_definition()
        ... except DagcastError as error:
        ...     print(type(error).__name__)
        InvalidInputError
    """

    code: ClassVar[str] = "command.failed"


class InvalidInputError(DagcastError):
    """The user's input is invalid and cannot be compiled.

    Attributes:
        diagnostics: All mistakes that were found, in the order of the files, then the warnings.
        ignored: The rules that the config ignores, and what they would report.

    Example:
        >>> mistakes = [Diagnostic("missing owner", code="acme.missing-owner")]
        >>> try:
        ...     raise InvalidInputError(mistakes)
        ... except InvalidInputError as error:
        ...     print([item.code for item in error.diagnostics])
        ['acme.missing-owner']
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], ignored: Iterable[IgnoredRule] = ()) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        self.ignored: tuple[IgnoredRule, ...] = tuple(ignored)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class CycleError(InvalidInputError):
    """The DAG has a cycle.

    Attributes:
        cycle: The nodes of the cycle in order. The first node is repeated at the end.
    """

    def __init__(self, cycle: Sequence[str], location: Location | None = None) -> None:
        self.cycle: tuple[str, ...] = tuple(cycle)
        message = f"the DAG has a cycle: {' -> '.join(self.cycle)}"
        super().__init__([Diagnostic(message, location, code="dag.cycle", hint="remove one of these edges")])


class SDKError(DagcastError):
    """The SageMaker SDK is not installed, or the installed version does not support the operation."""

    code = "sdk.unusable"


class ImageNotFoundError(DagcastError):
    """The image is missing in the tables of the SDK.

    Attributes:
        message: The missing image or value, in one sentence.
        known: The valid values, in the order of the SDK. Empty if the SDK does not list them.
        hint: The nearest valid value, or a short list of the valid values, if known.
    """

    def __init__(self, message: str, known: tuple[str, ...] = (), hint: str | None = None) -> None:
        self.message = message
        self.known = known
        self.hint = hint
        super().__init__(f"{message} ({hint})" if hint else message)


class PluginError(DagcastError):
    """A plugin is missing or broken, or violates the rules for plugins.

    Attributes:
        plugin: The name of the plugin.
        distribution: The distribution that provides the plugin, with its version, or ``None`` for an object passed
            from Python.
        hook: The hook that was called, if any.
        problem: The problem, in one sentence.
        remedy: The remedy.
        can_deselect: Whether leaving the plugin out is a remedy as well.

    Example:
        >>> str(PluginError("owner", "no connection to the directory", "set DIRECTORY_URL"))
        "plugin 'owner': no connection to the directory; set DIRECTORY_URL"
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
        can_deselect: bool = False,
    ) -> None:
        self.plugin = plugin
        self.problem = problem
        self.remedy = remedy
        self.distribution = distribution
        self.hook = hook
        self.can_deselect = can_deselect
        super().__init__(self.text())

    def text(self, *, deselect: bool = True) -> str:
        """Return the text of the error.

        Args:
            deselect: Whether to mention the flag that leaves the plugin out, where that is a remedy. Not every command
                takes it.
        """
        origin = f" ({self.distribution})" if self.distribution else ""
        where = f", hook {self.hook}" if self.hook else ""
        flag = f", or leave the plugin out with --no-plugin {self.plugin}"
        remedy = self.remedy + (flag if deselect and self.can_deselect else "")
        return f"plugin {self.plugin!r}{origin}{where}: {self.problem}; {remedy}"


class StagingError(DagcastError):
    """Staged code cannot be read or uploaded, for example because it changed or was removed since the compile."""

    code = "code.changed"


@dataclass
class DiagnosticSink:
    """Collects the diagnostics of all stages of one compile.

    Example:
        >>> sink = DiagnosticSink()
        >>> sink.error("missing owner", code="acme.missing-owner")
        >>> sink.warn("unusual owner", code="acme.unusual-owner")
        >>> [item.message for item in sink.errors]
        ['missing owner']
        >>> sink.raise_errors()
        Traceback (most recent call last):
        ...
        dagcast.errors.InvalidInputError: missing owner
        warning: unusual owner
    """

    diagnostics: list[Diagnostic] = field(default_factory=list)
    _ignored: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        message: str,
        location: Location | None = None,
        *,
        code: str,
        hint: str | None = None,
        inherited_by: str | None = None,
        cause: str | None = None,
    ) -> None:
        """Record a mistake that makes the input invalid.

        Args:
            message: The mistake and what was expected.
            location: The location of the mistake.
            code: The id of the kind of mistake.
            hint: The remedy.
            inherited_by: The step that inherits the mistake from ``defaults``. One error lists all such steps.
            cause: The mistake that it follows from. One error lists the places of all that have the same cause.
        """
        steps = () if inherited_by is None else (inherited_by,)
        self.diagnostics.append(
            Diagnostic(message, location, "error", code=code, hint=hint, steps=steps, cause=cause)
        )

    def warn(
        self,
        message: str,
        location: Location | None = None,
        *,
        code: str,
        hint: str | None = None,
        inherited_by: str | None = None,
    ) -> None:
        """Record valid input that may be unintended. The arguments are those of :meth:`error`."""
        steps = () if inherited_by is None else (inherited_by,)
        self.diagnostics.append(Diagnostic(message, location, "warning", code=code, hint=hint, steps=steps))

    def ignore(self, diagnostic: Diagnostic) -> None:
        """Record a diagnostic that the user asked to ignore. It is reported separately from errors and warnings."""
        self._ignored.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Record diagnostics that were collected elsewhere."""
        self.diagnostics.extend(diagnostics)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Suppress an :class:`InvalidInputError` that the block raises, and record its diagnostics."""
        try:
            yield
        except InvalidInputError as error:
            self.extend(error.diagnostics)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Return the errors, sorted by file and line, without duplicates."""
        return ordered(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """Return the warnings, sorted by file and line, without duplicates."""
        return ordered(d for d in self.diagnostics if d.severity == "warning")

    @property
    def ignored(self) -> tuple[Diagnostic, ...]:
        """Return the ignored diagnostics, sorted by file and line, without duplicates."""
        return ordered(self._ignored)

    def raise_errors(self, ignored: Iterable[IgnoredRule] = ()) -> None:
        """Raise an exception if errors were recorded.

        Args:
            ignored: The ignored rules, which the exception contains as well.

        Raises:
            InvalidInputError: If at least one error was recorded. The exception contains all errors and warnings.
        """
        errors = self.errors
        if errors:
            raise InvalidInputError((*errors, *self.warnings), ignored)
