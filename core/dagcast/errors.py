"""Errors and diagnostics.

A user's mistake is a :class:`Diagnostic`. Stages collect them and continue as far as they can, so that one run reports
everything at once; the run then ends with one :class:`InvalidInputError` that holds them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, NamedTuple

from dagcast.diagnostic_codes import AREAS, validate_code
from dagcast.suggestions import did_you_mean, nearest

__all__ = [
    "CycleError",
    "DagcastError",
    "Diagnostic",
    "DiagnosticSink",
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

Severity = Literal["error", "warning"]

_MAX_TEXT = 1000
"""Longest message or hint. What is longer is shortened where it quotes, and else in its middle."""
_MAX_QUOTED = 80
"""Longest quotation in a message that is shortened."""
_MAX_NAMES = 5
"""Most steps that a message names; of more it gives the number."""

# C0 and C1 controls, DEL, line and paragraph separators, what has no width, and what changes the direction of a text.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_QUOTED = re.compile(rf"'[^'\s][^'\n]{{{_MAX_QUOTED},}}'|\"[^\"\s][^\"\n]{{{_MAX_QUOTED},}}\"")
_STEP = re.compile(r"\bstep ('(?:[^'\\]|\\.)*')")


def escape_text(text: str, longest: int = _MAX_TEXT) -> str:
    r"""Return a text as one line that a terminal shows as it is, shortened.

    Args:
        text: Any text, such as one that quotes what a user wrote.
        longest: Most characters to keep. A longer text loses the middle of long quotations, and then its own.

    >>> print(escape_text("a\nb\x1b[31m"))
    a\nb\x1b[31m
    >>> escape_text("0123456789" * 3, longest=11)
    '0123...6789'
    """
    if len(text) > longest:
        text = _shorten_middle(_QUOTED.sub(_shorten_quoted, text), longest)
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


def _shorten_quoted(found: re.Match[str]) -> str:
    quoted = found[0]
    return quoted[0] + _shorten_middle(quoted[1:-1], _MAX_QUOTED) + quoted[0]


def _shorten_middle(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    kept = (longest - len("...")) // 2
    return f"{text[:kept]}...{text[-kept:]}"


class Location(NamedTuple):
    """Where a value was written.

    Attributes:
        file: The file as the user named it, or ``<config>`` for values passed from Python.
        line: 1-based line, or ``None`` where the source has no lines.

    Example:
        >>> str(Location("pipeline.yaml", 7))
        'pipeline.yaml:7'
    """

    file: str
    line: int | None = None

    def __str__(self) -> str:
        file = escape_text(self.file)
        return file if self.line is None else f"{file}:{self.line}"


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong, or suspicious, with what the user wrote.

    Message and hint are one line each: control characters are escaped and long quotations are shortened.

    Attributes:
        message: What is wrong and what was expected, in one sentence.
        location: Where it was written, if that is known.
        severity: ``"error"`` ends the compile, ``"warning"`` is reported.
        code: The id of the kind of mistake, such as ``config.unknown-field``: one of
            :data:`dagcast.diagnostic_codes.CODES`, or ``area.problem`` in an area of a plugin's own.
        hint: What to write instead, if that can be said.
        steps: The steps that share the mistake, because they inherit a value or were reported together.

    Raises:
        ValueError: If the code is malformed, or unknown in an area of dagcast's own.

    Example:
        >>> str(Diagnostic("missing owner", Location("pipeline.yaml", 7), code="acme.missing-owner", hint="set owner"))
        'pipeline.yaml:7: missing owner (set owner)'
    """

    message: str
    location: Location | None = None
    severity: Severity = "error"
    code: str = field(kw_only=True)
    hint: str | None = field(default=None, kw_only=True)
    steps: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        for name in ("message", "hint"):
            text = getattr(self, name)
            if type(text) is str and (len(text) > _MAX_TEXT or not text.isprintable()):
                object.__setattr__(self, name, escape_text(text))
        # What a plugin gives instead of a text is refused where its diagnostics are checked, naming the plugin.
        if issubclass(type(self.code), str):
            validate_code(self.code)

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        kind = "warning: " if self.severity == "warning" else ""
        return f"{where}{kind}{self.message}{self.advice}"

    @property
    def advice(self) -> str:
        """What follows the message in a line of text: the hint and the steps that inherit the mistake, or nothing."""
        # A plugin may give something else than a text: that is refused where its diagnostics are checked.
        parts = [str(self.hint)] if self.hint else []
        if self.steps and not self.message.startswith("step"):
            parts.append(f"inherited by {_join_names(self.steps)}")
        return f" ({'; '.join(parts)})" if parts else ""

    def as_dict(self) -> dict[str, object]:
        """The diagnostic as JSON-ready data, for ``--json``."""
        return {
            "file": self.location.file if self.location else None,
            "line": self.location.line if self.location else None,
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "steps": list(self.steps),
        }


class DagcastError(Exception):
    """Root of every error that dagcast raises on purpose.

    Attributes:
        code: The id under which ``--json`` reports an error that is not an :class:`InvalidInputError`.

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
    """What the user wrote cannot be compiled.

    Attributes:
        diagnostics: Every mistake that was found, in the order of the files.

    Example:
        >>> mistakes = [Diagnostic("missing owner", code="acme.missing-owner")]
        >>> try:
        ...     raise InvalidInputError(mistakes)
        ... except InvalidInputError as error:
        ...     print([item.code for item in error.diagnostics])
        ['acme.missing-owner']
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
    """Collects diagnostics over the stages of one compile.

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
    """

    diagnostics: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        message: str,
        location: Location | None = None,
        *,
        code: str,
        hint: str | None = None,
        inherited_by: str | None = None,
    ) -> None:
        """Record a mistake that makes the input invalid.

        Args:
            message: The mistake, and what was expected.
            location: Where it was written.
            code: The id of the kind of mistake.
            hint: What to write instead.
            inherited_by: The step that inherits the mistake from ``defaults``. One error names all such steps.
        """
        steps = () if inherited_by is None else (inherited_by,)
        self.diagnostics.append(Diagnostic(message, location, "error", code=code, hint=hint, steps=steps))

    def warn(
        self,
        message: str,
        location: Location | None = None,
        *,
        code: str,
        hint: str | None = None,
        inherited_by: str | None = None,
    ) -> None:
        """Record something that compiles but may not be meant; the arguments are those of :meth:`error`."""
        steps = () if inherited_by is None else (inherited_by,)
        self.diagnostics.append(Diagnostic(message, location, "warning", code=code, hint=hint, steps=steps))

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
    return tuple(
        sorted(
            _merge_steps(diagnostics),
            key=lambda d: (d.location.file, d.location.line or 0) if d.location else ("", 0),
        )
    )


def _merge_steps(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Make one diagnostic of those that differ in nothing but the step.

    Those are mistakes in one place, which steps inherit, and warnings of a plugin about one step after the other.
    """
    groups: dict[object, list[Diagnostic]] = {}
    for item in dict.fromkeys(diagnostics):
        found = _STEP.search(item.message)
        message = item.message if found is None else _STEP.sub("step", item.message, count=1)
        hint = item.hint if found is None or not item.hint else item.hint.replace(found[1], "step")
        folded = item.severity == "warning" and item.code.partition(".")[0] not in AREAS
        own_line = item.location is not None and item.location.line is not None
        # Where there are no lines, a location names the step itself.
        place = None if folded else item.location if own_line or found is None else (item.location, found[1])
        groups.setdefault((message, hint, place, item.severity, item.code), []).append(item)
    return [group[0] if len(group) == 1 else _merged(group) for group in groups.values()]


def _merged(group: list[Diagnostic]) -> Diagnostic:
    first = group[0]
    steps = tuple(dict.fromkeys(step for item in group for step in _steps_of(item)))
    if first.steps or len(steps) < 2:
        return replace(first, steps=steps)
    message = _STEP.sub(lambda _: f"steps {_join_names(steps)}", first.message, count=1)
    return replace(first, message=message, steps=steps)


def _steps_of(item: Diagnostic) -> tuple[str, ...]:
    found = None if item.steps else _STEP.search(item.message)
    return item.steps if found is None else (found[1][1:-1],)


def _join_names(names: Sequence[str]) -> str:
    """The first names in quotes, and the number of the others."""
    shown = [repr(name) for name in names[:_MAX_NAMES]]
    if len(names) > _MAX_NAMES:
        shown.append(f"{len(names) - _MAX_NAMES} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
