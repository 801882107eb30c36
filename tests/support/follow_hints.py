"""Follow the hints of errors: what a hint says to write is written into the config, which has to be accepted."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dagcast.errors import Diagnostic

_MEANT = re.compile(r"did you mean '(?P<meant>[^']+)'\?")
_WRITTEN = re.compile(r"\bwrite (?P<text>\$\{[^}<]+\})")  # <name> stands for something else
_NUMBER = re.compile(r"\bwrite (?P<number>\S+) without quotes")
_IGNORED = re.compile(r"\bwrite ignore_rules: \[(?P<rule>[\w.-]+)\]")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"|(\$\{[^}]+\})")
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")

Validate = Callable[[Mapping[str, Any]], Iterable[Diagnostic]]


def follow_hints(source: Mapping[str, Any], errors: Iterable[Diagnostic], validate: Validate) -> int:
    """Follow each hint that says what to write, and fail where the result is refused.

    Args:
        source: The config, as a mapping, whose locations are paths in it.
        errors: Its errors.
        validate: Returns the errors of another config.

    Returns:
        How many hints were followed.
    """
    found = list(errors)
    known = {_identity(error) for error in found}
    count = 0
    for error in found:
        if error.code == "config.unknown-environment" or str(error.location).startswith("<dag>"):
            continue  # The name is an argument, or in a DAG of its own.
        for what, changed in _changed(source, error):
            assert changed is not None, f"the hint cannot be followed: {error}"
            after = list(validate(changed))
            assert _identity(error) not in {_identity(item) for item in after}, f"nothing helped: {error}"
            refused = [
                str(item)
                for item in after
                if what in item.message and _is_refusal(item) and not _is_known(item, what, error, known)
            ]
            assert not refused, f"{what!r}, which a hint says to write, is refused: {error} -> {refused}"
            count += 1
    return count


def _identity(error: Diagnostic) -> tuple[str, str]:
    return error.code, error.message


def _is_known(item: Diagnostic, written: str, followed: Diagnostic, known: set[tuple[str, str]]) -> bool:
    """Whether an error was there before: its message may quote a whole line, in which a text has been replaced."""
    wrong = ["".join(match) for match in _QUOTED.findall(followed.message)]
    before = {item.message, *(item.message.replace(written, each) for each in wrong)}
    return any((item.code, message) in known for message in before)


def _is_refusal(error: Diagnostic) -> bool:
    """Whether an error is about the text that was written, and not about what the text reads."""
    return error.code.startswith(("config.unknown", "reference.unknown", "request.unknown", "wiring.unknown"))


def _changed(source: Mapping[str, Any], error: Diagnostic) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield what a hint says to write, and the config with it; ``None`` if the config has no place for it."""
    hint = error.hint or ""
    for match in _IGNORED.finditer(hint):
        given = source.get("ignore_rules") or ()
        yield match["rule"], {**source, "ignore_rules": [*given, match["rule"]]}
    texts = [match["meant"] for match in _MEANT.finditer(hint)]
    texts += [match["text"] for match in _WRITTEN.finditer(hint)]
    for text in texts:
        yield text, _replaced(source, error, text)
    for match in _NUMBER.finditer(hint):
        yield match["number"], _replaced(source, error, float(match["number"]))


def _replaced(source: Mapping[str, Any], error: Diagnostic, text: Any) -> dict[str, Any] | None:
    """Return the config with a text in place of the one that the message quotes, near the error's location."""
    path = _path(str(error.location))
    if error.code.endswith((".unknown-field", ".unknown-section")) and isinstance(text, str):
        renamed = copy.deepcopy(dict(source))
        above: Any = renamed
        for part in path[:-1]:
            above = above[part] if _has(above, part) else None
        if above is not None and _has(above, path[-1]):
            _rename(above, path[-1], text)
            return renamed
    wrong = [next(filter(None, match)) for match in _QUOTED.findall(error.message) if any(match)]
    # The key of the location itself is in the mapping above it.
    for depth in range(len(path), -1, -1):
        for quoted in reversed(wrong):
            changed = copy.deepcopy(dict(source))
            above = None
            place: Any = changed
            for part in path[:depth]:
                above = place
                if not _has(place, part):
                    place = None
                    break
                place = place[part]
            if place is None:
                continue
            if not isinstance(place, (dict, list)):
                if above is not None and isinstance(place, str) and _in_text(place, quoted) is not None:
                    above[path[depth - 1]] = _in_text(place, quoted, text)
                    return changed
                continue
            if _write(place, quoted, text):
                return changed
    return None


def _has(place: Any, part: str | int) -> bool:
    if isinstance(place, dict):
        return part in place
    return isinstance(place, list) and isinstance(part, int) and part < len(place)


def _path(location: str) -> list[str | int]:
    parts: list[str | int] = []
    for name, index, single, double in _PART.findall(location.removeprefix("<config>")):
        parts.append(int(index) if index else name or single or double)
    return parts


def _in_text(value: str, quoted: str, text: Any = "") -> Any:
    """Return a text with the quoted part replaced; ``None`` if it does not contain it as a word."""
    if value == quoted:
        return text
    if isinstance(text, str) and re.search(rf"(?<![\w-]){re.escape(quoted)}(?![\w-])", value):
        return re.sub(rf"(?<![\w-]){re.escape(quoted)}(?![\w-])", lambda _: text, value)
    return None


def _rename(place: dict[str | int, Any], key: str | int, name: str) -> None:
    renamed = {name if each == key else each: inner for each, inner in place.items()}
    place.clear()
    place.update(renamed)


def _write(place: Any, quoted: str, text: Any) -> bool:
    """Replace the first key or value below ``place`` that is or contains the quoted text."""
    items = list(place.items()) if isinstance(place, dict) else list(enumerate(place))
    for exact in (True, False):
        for key, value in items:
            if isinstance(place, dict) and key == quoted and isinstance(text, str):
                _rename(place, key, text)
                return True
            if isinstance(value, str) and (value == quoted if exact else _in_text(value, quoted) is not None):
                place[key] = _in_text(value, quoted, text)
                return True
    return any(_write(value, quoted, text) for _, value in items if isinstance(value, (dict, list)))
