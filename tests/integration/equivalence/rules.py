"""What a rule of normalisation is, and how a table of them is applied to a pipeline definition."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

OURS = "ours"
BY_HAND = "by hand"
PIPELINE = "Pipeline"
"""In place of a step's ``Type``: the path starts at the definition itself."""

DROP = object()
"""What an action returns to have the value removed."""


@dataclass(frozen=True)
class Renamed:
    """What an action returns to have the value under another key."""

    key: str
    value: Any


Action = Callable[[Any, Mapping[str, Any]], Any]
"""Takes the value and the step (or definition) that it is in; returns the new value, itself if it stays."""


@dataclass(frozen=True)
class Rule:
    """One difference between two spellings of the same pipeline, and how it is taken away.

    Attributes:
        sdks: The majors of the SDK whose definition differs so from dagcast's.
        sides: Whose definition is changed: :data:`OURS`, :data:`BY_HAND`.
        types: The ``Type`` of the steps, those in branches included, or :data:`PIPELINE`; one or several.
        path: From the step: keys with dots between them; ``[*]`` is every item of a list, ``[Key=value]`` those
            items; ``*`` is every key, ``**`` any number of keys and items, none included.
        do: What is done there.
        why: Why both mean the same.
        only: The pipelines that it holds for; empty for all.
    """

    sdks: tuple[int, ...]
    sides: tuple[str, ...]
    types: str | tuple[str, ...]
    path: str
    do: Action
    why: str
    only: tuple[str, ...] = ()

    def __str__(self) -> str:
        action = getattr(self.do, "__name__", "")
        return f"{'/'.join(_types(self))} {self.path} {action} {' and '.join(self.sides)}"


def drop(*values: Any) -> Action:
    """Remove the value; if values are given, only where it is one of them."""
    given = [_exact(value) for value in values]

    def dropped(value: Any, step: Mapping[str, Any]) -> Any:
        return DROP if not given or _exact(value) in given else value

    return dropped


def drop_without(key: str) -> Action:
    """Remove the mapping where it gives nothing for a key."""

    def dropped_without(value: Any, step: Mapping[str, Any]) -> Any:
        return DROP if not value.get(key) else value

    return dropped_without


def drop_if_same_as(path: str) -> Action:
    """Remove the value where it is the one at another path of the step."""

    def dropped_if_same(value: Any, step: Mapping[str, Any]) -> Any:
        others = [container[key] for container, key in _places(step, _parts(path))]
        return DROP if _exact(value) in map(_exact, others) else value

    return dropped_if_same


def drop_match(pattern: str) -> Action:
    """Remove a string that matches as a whole."""

    def dropped_match(value: Any, step: Mapping[str, Any]) -> Any:
        return DROP if isinstance(value, str) and re.fullmatch(pattern, value) else value

    return dropped_match


def swap(old: Any, new: Any) -> Action:
    """Put ``new`` in the place of ``old``."""

    def swapped(value: Any, step: Mapping[str, Any]) -> Any:
        return new if _exact(value) == _exact(old) else value

    return swapped


def rewrite(pattern: str, template: str) -> Action:
    """Rewrite a string that matches as a whole."""

    def rewritten(value: Any, step: Mapping[str, Any]) -> Any:
        match = re.fullmatch(pattern, value) if isinstance(value, str) else None
        return match.expand(template) if match else value

    return rewritten


def rename(key: str) -> Action:
    """Put the value under another key of the same mapping."""

    def renamed(value: Any, step: Mapping[str, Any]) -> Any:
        return Renamed(key, value)

    return renamed


def unquote(value: Any, step: Mapping[str, Any]) -> Any:
    """Put a string in the place of its JSON spelling."""
    if not isinstance(value, str) or not value.startswith('"'):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def unjoin(value: Any, step: Mapping[str, Any]) -> Any:
    """Put the one value of a join in the place of the join."""
    values = value.get("Std:Join", {}).get("Values", ()) if isinstance(value, dict) else ()
    return values[0] if len(values) == 1 else value


def flatten(value: Any, step: Mapping[str, Any]) -> Any:
    """Write a join without a separator, joins in it dissolved, and neighbouring literals as one."""
    parts: list[Any] = []
    for index, item in enumerate(value["Values"]):
        inner = item["Std:Join"] if isinstance(item, dict) and "Std:Join" in item else None
        items = [item] if inner is None or inner["On"] else inner["Values"]
        for part in [value["On"], *items] if index else items:
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            elif part != "":
                parts.append(part)
    return {"On": "", "Values": parts}


@dataclass(frozen=True)
class Normalised:
    """A definition after the rules.

    Attributes:
        definition: The definition.
        used: The rules that changed something.
    """

    definition: dict[str, Any]
    used: frozenset[Rule]


def each_alone(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules, those for several types of steps as one for each."""
    return tuple(replace(rule, types=kind) for rule in rules for kind in _types(rule))


def normalise(
    definition: Mapping[str, Any], rules: Iterable[Rule], *, side: str, pipeline: str
) -> Normalised:
    """A copy of ``definition`` to which the rules of one side were applied, in the order of the table."""
    root = copy.deepcopy(dict(definition))
    used = set()
    for rule in rules:
        if side not in rule.sides or (rule.only and pipeline not in rule.only):
            continue
        for start in _starts(root, _types(rule)):
            # What is deeper comes first, so that a list's items are removed from its end.
            for container, key in reversed(list(_places(start, _parts(rule.path)))):
                if _apply(rule.do, container, key, start):
                    used.add(rule)
    return Normalised(root, frozenset(used))


def _apply(do: Action, container: Any, key: Any, start: Mapping[str, Any]) -> bool:
    before = _exact(container[key])
    after = do(container[key], start)
    if after is DROP:
        del container[key]
    elif isinstance(after, Renamed):
        del container[key]
        container[after.key] = after.value
    elif _exact(after) == before:
        return False
    else:
        container[key] = after
    return True


def steps(definition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every step of a definition, those in branches after their condition."""
    waiting = list(definition["Steps"])
    while waiting:
        step = waiting.pop(0)
        yield step
        arguments = step["Arguments"]
        waiting = [*arguments.get("IfSteps", ()), *arguments.get("ElseSteps", ()), *waiting]


def _types(rule: Rule) -> tuple[str, ...]:
    return (rule.types,) if isinstance(rule.types, str) else rule.types


def _starts(root: dict[str, Any], types: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if PIPELINE in types:
        yield root
    yield from (step for step in steps(root) if step["Type"] in types)


def _parts(path: str) -> list[str]:
    return re.findall(r"\[[^\]]*\]|[^.\[\]]+", path)


def _places(node: Any, parts: list[str]) -> Iterator[tuple[Any, Any]]:
    """Where a path leads to: containers and the keys in them, outer ones first."""
    head, *rest = parts
    if head == "**":
        yield from _places(node, rest)
        for key in _keys(node, "*") or _keys(node, "[*]"):
            yield from _places(node[key], parts)
        return
    for key in _keys(node, head):
        if rest:
            yield from _places(node[key], rest)
        else:
            yield node, key


def _keys(node: Any, part: str) -> list[Any]:
    if isinstance(node, list) and part.startswith("["):
        name, _, value = part[1:-1].partition("=")
        return [i for i, item in enumerate(node) if name == "*" or item.get(name) == value]
    if isinstance(node, dict) and not part.startswith("["):
        return list(node) if part == "*" else [part] * (part in node)
    return []


def _exact(value: Any) -> str:
    """A value as text, in which ``False`` is not ``0``; the order of keys does not count."""
    return json.dumps(value, sort_keys=True)
