"""A diagnostic: one mistake in the user's input, with its place. Diagnostics of one mistake are merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
        cause: The mistake that it follows from, such as ``step 'load'`` for a name that no step has. Diagnostics of one
            cause are merged: the first is reported, with the places of the others.
        also: The places of further diagnostics of the same cause.

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
    cause: str | None = field(default=None, kw_only=True)
    also: tuple[Location, ...] = field(default=(), kw_only=True)

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
        """Return the text after the message, if there is any: hint, steps that inherit the mistake, further places."""
        # A plugin may pass a hint that is not a string. The check of plugin diagnostics rejects it.
        parts = [str(self.hint)] if self.hint else []
        if self.steps and not self.message.startswith("step"):
            parts.append(f"inherited by {join_names(self.steps)}")
        if self.also:
            parts.append(f"also {_join_places(self.also, self.location)}")
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
            "also": [{"file": place.file, "line": place.line} for place in self.also],
        }


@dataclass(frozen=True)
class IgnoredRule:
    """An ignored rule of the service.

    Attributes:
        rule: Its id.
        reason: Why it is ignored, as the user states it; may be empty.
        findings: What the rule would report.

    Example:
        >>> print(IgnoredRule("tuning.quota", "our account has a higher quota", ()))
        tuning.quota (our account has a higher quota): nothing breaks it
    """

    rule: str
    reason: str
    findings: tuple[Diagnostic, ...]

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        if not self.findings:
            return f"{self.rule}{reason}: nothing breaks it"
        first, *others = self.findings
        place = f"{first.location}: " if first.location else ""
        more = f", and {len(others)} more" if others else ""
        return f"{self.rule}{reason}: {place}{first.message}{more}"

    def as_dict(self) -> dict[str, object]:
        """Return the rule as JSON-compatible data, for ``--json``."""
        findings = [finding.as_dict() for finding in self.findings]
        return {"rule": self.rule, "reason": self.reason, "findings": findings}


def ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return diagnostics sorted by file and line, without duplicates.

    Those that differ only in the step are one, and so are those of one cause.
    """
    return tuple(sorted(_merge_causes(_merge_steps(diagnostics)), key=_place))


def _place(item: Diagnostic) -> tuple[str, int]:
    return (item.location.file, item.location.line or 0) if item.location else ("", 0)


def _merge_causes(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Merge diagnostics of one cause: the first of them in the file is kept, with the places of the others."""
    groups: dict[object, list[Diagnostic]] = {}
    for number, item in enumerate(diagnostics):
        key: object = number if item.cause is None else (item.cause, item.severity)
        groups.setdefault(key, []).append(item)
    for group in groups.values():
        first, *others = sorted(group, key=_place)
        if not others:
            yield first
            continue
        message = _without_step(first.message)
        alike = [item for item in others if _without_step(item.message) == message]
        merged = _merged([first, *alike]) if alike else first
        if first.steps:
            steps = dict.fromkeys(step for item in group for step in item.steps)
            merged = replace(merged, steps=tuple(steps))
        places = dict.fromkeys(item.location for item in others if item.location is not None)
        yield replace(merged, also=tuple(place for place in places if place != first.location))


def _merge_steps(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Merge diagnostics that differ only in the step.

    These are mistakes at one location that steps inherit, and warnings of a plugin that repeat for several steps.
    """
    groups: dict[object, list[Diagnostic]] = {}
    for item in dict.fromkeys(diagnostics):
        found = _STEP.search(item.message)
        message = _without_step(item.message)
        hint = item.hint if found is None or not item.hint else item.hint.replace(found[1], "step")
        folded = item.severity == "warning" and item.code.partition(".")[0] not in AREAS
        own_line = item.location is not None and item.location.line is not None
        # In a source without lines, the location contains the name of the step.
        place = None if folded else item.location if own_line or found is None else (item.location, found[1])
        groups.setdefault((message, hint, place, item.severity, item.code), []).append(item)
    return [group[0] if len(group) == 1 else _merged(group) for group in groups.values()]


def _without_step(message: str) -> str:
    return _STEP.sub("step", message, count=1)


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
    return _join_first([repr(name) for name in names])


def _join_places(places: Sequence[Location], first: Location | None) -> str:
    """Return where a mistake is besides ``first``: the lines of the same file, or the places."""
    lines = [place.line for place in places if first is not None and place.file == first.file and place.line]
    if len(lines) == len(places):
        return f"in line{'s' if len(lines) > 1 else ''} {_join_first([str(line) for line in lines])}"
    return f"at {_join_first([str(place) for place in places])}"


def _join_first(texts: Sequence[str]) -> str:
    shown = list(texts[:_MAX_NAMES])
    if len(texts) > _MAX_NAMES:
        shown.append(f"{len(texts) - _MAX_NAMES} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
