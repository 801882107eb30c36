"""A diagnostic: one mistake in the user's input, with its place. Diagnostics that steps share are merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from typing import Literal, NamedTuple

from dagcast.diagnostic_codes import AREAS, validate_code
from dagcast.escape_text import MAX_TEXT, escape_text
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern

Severity = Literal["error", "warning"]

_MAX_NAMES = 5
"""Maximum number of steps that a message lists. It gives only the number of further steps."""
_NAMED_STEP = r"\bstep ('(?:[^'\\]|\\.)*')"
_STEP = lazy_pattern(_NAMED_STEP)
_STEP_AND_VERB = lazy_pattern(_NAMED_STEP + r"( [a-z]+\b)?")
_PLURALS = {"has": "have", "is": "are", "was": "were", "does": "do"}
_ADVERBS = frozenset({"always", "thus", "besides", "as"})


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
            if type(text) is str and (len(text) > MAX_TEXT or not text.isprintable()):
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
            parts.append(f"inherited by {join_names(self.steps)}")
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


def ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return diagnostics sorted by file and line, without duplicates. Those that differ only in the step are one."""
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
        lambda found: f"steps {join_names(steps)}{_plural(found[2])}", first.message, count=1
    )
    return replace(first, message=message, steps=steps)


def _steps_of(item: Diagnostic) -> tuple[str, ...]:
    found = None if item.steps else _STEP.search(item.message)
    return item.steps if found is None else (found[1][1:-1],)


def join_names(names: Sequence[str]) -> str:
    """Return the first names in quotes, followed by the number of further names."""
    shown = [repr(name) for name in names[:_MAX_NAMES]]
    if len(names) > _MAX_NAMES:
        shown.append(f"{len(names) - _MAX_NAMES} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
