"""Each config means what the pipeline written by hand means, but for the rules in ``normalisation.py``."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from tests.by_hand.session import sdk_major

from .normalisation import RULES
from .pipelines import CONFIGS, by_hand
from .rules import BY_HAND, OURS, Rule, each_alone, normalise

SDK = sdk_major()
NAMES = by_hand().NAMES
HERE = tuple(rule for rule in each_alone(RULES) if SDK in rule.sdks)

Definition = dict[str, Any]
Ours = Callable[[str], Definition]
Hand = Mapping[str, Definition]


def text(definition: Definition, side: str, name: str, rules: Iterable[Rule] = HERE) -> str:
    """One side's definition after the rules, in one spelling; the order of keys does not count."""
    result = normalise(definition, rules, side=side, pipeline=name).definition
    return json.dumps(result, sort_keys=True, indent=1)


def test_every_pipeline_written_by_hand_has_a_config_and_every_config_such_a_pipeline() -> None:
    assert set(CONFIGS) == set(by_hand(2).NAMES) | set(by_hand(3).NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_config_makes_the_pipeline_written_by_hand(name: str, ours: Ours, hand: Hand) -> None:
    assert text(ours(name), OURS, name) == text(hand[name], BY_HAND, name)


@pytest.mark.parametrize("rule", HERE, ids=str)
def test_every_rule_is_needed(rule: Rule, ours: Ours, hand: Hand) -> None:
    rest = [other for other in HERE if other is not rule]
    assert any(
        text(ours(name), OURS, name, rest) != text(hand[name], BY_HAND, name, rest)
        for name in _where(rule, ours, hand)
    )


def _where(rule: Rule, ours: Ours, hand: Hand) -> Iterator[str]:
    """The pipelines in which a rule changes something."""
    for name in NAMES:
        used = normalise(ours(name), HERE, side=OURS, pipeline=name).used
        if rule in used | normalise(hand[name], HERE, side=BY_HAND, pipeline=name).used:
            yield name


@pytest.mark.parametrize("name", NAMES)
def test_no_other_difference_is_taken_away(name: str, ours: Ours, hand: Hand) -> None:
    """Any single value of dagcast's definition, changed, makes the two unequal."""
    written = text(hand[name], BY_HAND, name)
    made = ours(name)
    unnoticed = [path for path in _paths(made) if text(_changed(made, path), OURS, name) == written]
    assert unnoticed == []


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every single value, but for the separator of a single value."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not (key == "On" and len(value["Values"]) == 1):
                yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, (*path, index))
    else:
        yield path


def _changed(definition: Definition, path: tuple[Any, ...]) -> Definition:
    """The definition with another value there."""
    result = copy.deepcopy(definition)
    container: Any = result
    for key in path[:-1]:
        container = container[key]
    value = container[path[-1]]
    if isinstance(value, bool):
        container[path[-1]] = not value
    elif isinstance(value, (int, float)):
        container[path[-1]] = value + 1
    else:
        # Inside of the text, where a quotation mark or a suffix stays in its place.
        text = value or ""
        container[path[-1]] = f"{text[:-2]}~{text[-2:]}"
    return result
