"""Errors and diagnostics.

A mistake of the user is a :class:`Diagnostic`. Stages collect diagnostics and continue as far as possible, so that one
run reports all mistakes. The run then raises one :class:`InvalidInputError` with all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from typing import ClassVar, Literal, NamedTuple

from dagcast.diagnostic_codes import AREAS, validate_code
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern
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
"""Maximum length of a message or hint. Longer texts lose the middle of long quotations, then their own middle."""
_MAX_QUOTED = 80
"""Maximum length of a quotation in a shortened message."""
_MAX_NAMES = 5
"""Maximum number of steps that a message lists. It gives only the number of further steps."""

# C0 and C1 controls, DEL, line and paragraph separators, zero-width characters, and bidirectional controls.
_UNPRINTABLE = lazy_pattern(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_QUOTED = lazy_pattern(rf"'[^'\s][^'\n]{{{_MAX_QUOTED},}}'|\"[^\"\s][^\"\n]{{{_MAX_QUOTED},}}\"")
_NAMED_STEP = r"\bstep ('(?:[^'\\]|\\.)*')"
_STEP = lazy_pattern(_NAMED_STEP)
_STEP_AND_VERB = lazy_pattern(_NAMED_STEP + r"( [a-z]+\b)?")
_PLURALS = {"has": "have", "is": "are", "was": "were", "does": "do"}
_ADVERBS = frozenset({"always", "thus", "besides", "as"})


def escape_text(text: str, longest: int = _MAX_TEXT) -> str:
    r"""Return a text as one line, with control characters escaped and long texts shortened.

    Args:
        text: Any text, such as a message that quotes user input.
        longest: Maximum number of characters before escaping. A longer text loses the middle of long quotations, then
            its own middle.

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
    """The location of a value in its source.

    Attributes:
        file: The file name as given by the user, or ``<config>`` for values passed from Python.
        line: 1-based line, or ``None`` if the source has no lines.

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
    """An error or a warning about the user's input.

    Message and hint are one line each: control characters are escaped and long quotations are shortened.

    Attributes:
        message: The problem and what was expected, in one sentence.
        location: The location of the problem, if known.
        severity: ``"error"`` fails the compile, ``"warning"`` is only reported.
        code: The id of the kind of mistake, such as ``config.unknown-field``: one of
            :data:`dagcast.diagnostic_codes.CODES`, or ``area.problem`` in an area that a plugin defines.
        hint: The remedy, if known.
        steps: The steps that share the mistake, because they inherit a value or were reported together.

    Raises:
        ValueError: If the code is malformed, or if it is unknown in an area of dagcast.

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
        # A plugin may pass a code that is not a string. The check of plugin diagnostics rejects it, naming the plugin.
        if issubclass(type(self.code), str):
            validate_code(self.code)

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        kind = "warning: " if self.severity == "warning" else ""
        return f"{where}{kind}{self.message}{self.advice}"

    @property
    def advice(self) -> str:
        """Return the text after the message: the hint and the steps that inherit the mistake, or an empty string."""
        # A plugin may pass a hint that is not a string. The check of plugin diagnostics rejects it.
        parts = [str(self.hint)] if self.hint else []
        if self.steps and not self.message.startswith("step"):
            parts.append(f"inherited by {_join_names(self.steps)}")
        return f" ({'; '.join(parts)})" if parts else ""

    def as_dict(self) -> dict[str, object]:
        """Return the diagnostic as JSON-compatible data, for ``--json``."""
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
        diagnostics: All mistakes that were found, in the order of the files.

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
    ) -> None:
        """Record a mistake that makes the input invalid.

        Args:
            message: The mistake and what was expected.
            location: The location of the mistake.
            code: The id of the kind of mistake.
            hint: The remedy.
            inherited_by: The step that inherits the mistake from ``defaults``. One error lists all such steps.
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
        return _ordered(d for d in self.diagnostics if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """Return the warnings, sorted by file and line, without duplicates."""
        return _ordered(d for d in self.diagnostics if d.severity == "warning")

    @property
    def ignored(self) -> tuple[Diagnostic, ...]:
        """Return the ignored diagnostics, sorted by file and line, without duplicates."""
        return _ordered(self._ignored)

    def raise_errors(self) -> None:
        """Raise an exception if errors were recorded.

        Raises:
            InvalidInputError: If at least one error was recorded. The exception contains all errors.
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
    """Merge diagnostics that differ only in the step.

    These are mistakes at one location that steps inherit, and warnings of a plugin that repeat for several steps.
    """
    groups: dict[object, list[Diagnostic]] = {}
    for item in dict.fromkeys(diagnostics):
        found = _STEP.search(item.message)
        message = item.message if found is None else _STEP.sub("step", item.message, count=1)
        hint = item.hint if found is None or not item.hint else item.hint.replace(found[1], "step")
        folded = item.severity == "warning" and item.code.partition(".")[0] not in AREAS
        own_line = item.location is not None and item.location.line is not None
        # In a source without lines, the location contains the name of the step.
        place = None if folded else item.location if own_line or found is None else (item.location, found[1])
        groups.setdefault((message, hint, place, item.severity, item.code), []).append(item)
    return [group[0] if len(group) == 1 else _merged(group) for group in groups.values()]


def _plural(verb: str | None) -> str:
    """Return the plural of the word after the name of a step, which is a verb if it ends with s."""
    word = (verb or "")[1:]
    if word in _PLURALS:
        return f" {_PLURALS[word]}"
    if word.endswith("s") and not word.endswith("ss") and word not in _ADVERBS:
        return f" {word[:-1]}"
    return verb or ""


def _merged(group: list[Diagnostic]) -> Diagnostic:
    first = group[0]
    steps = tuple(dict.fromkeys(step for item in group for step in _steps_of(item)))
    if first.steps or len(steps) < 2:
        return replace(first, steps=steps)
    message = _STEP_AND_VERB.sub(
        lambda found: f"steps {_join_names(steps)}{_plural(found[2])}", first.message, count=1
    )
    return replace(first, message=message, steps=steps)


def _steps_of(item: Diagnostic) -> tuple[str, ...]:
    found = None if item.steps else _STEP.search(item.message)
    return item.steps if found is None else (found[1][1:-1],)


def _join_names(names: Sequence[str]) -> str:
    """Return the first names in quotes, followed by the number of further names."""
    shown = [repr(name) for name in names[:_MAX_NAMES]]
    if len(names) > _MAX_NAMES:
        shown.append(f"{len(names) - _MAX_NAMES} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
