"""Check requests against many rules, and run a rule once for all requests that it cannot tell apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

from dagcast.check.rules.each_text import EachText, text_leaves
from dagcast.check.rules.request_body import Finding, RequestBody, known_values
from dagcast.check.rules.request_outline import RequestOutline, Structure, TracedBody, leaf_paths
from dagcast.check.rules.rule import PipelineFacts, Rule, parts
from dagcast.errors import Severity
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath

_MOST_OUTLINES = 100
"""Requests of further outlines are checked without remembering what was found."""
_MOST_VALUES = 50
"""A rule that reads more different values than these in requests of one outline is run each time."""


@dataclass(frozen=True)
class BrokenRule:
    """A rule that a request breaks.

    Attributes:
        rule: The rule.
        finding: Where, and what is wrong.
        severity: That of the rule; a warning where only the default of a parameter breaks it.
    """

    rule: Rule
    finding: Finding
    severity: Severity


class RuleSet:
    """The rules about requests of each shape.

    What a rule finds depends on the members that the request has and on the values that the rule reads. Both are
    recorded when it runs for the second request with the same members. From then on it runs only for a request that
    differs in one of them.

    Args:
        rules_of: Returns the rules about requests of a shape.
    """

    def __init__(self, rules_of: Callable[[str], Sequence[Rule]]) -> None:
        self._rules_of = rules_of
        self._known: dict[tuple[str, PipelineFacts, Structure], _OutlineRules | None] = {}
        self._texts: dict[tuple[str, PipelineFacts], _TextRules] = {}

    def broken_rules(
        self, shape: str, request: Mapping[str, Any], facts: PipelineFacts, defaults: Mapping[str, Any]
    ) -> Iterator[BrokenRule]:
        """Yield the rules that a request breaks.

        What only the running pipeline knows breaks no rule. What a request breaks only while a pipeline parameter has
        its default is a warning, since an execution may give another value.

        Args:
            shape: The request's shape, such as ``CreateTrainingJobRequest``.
            request: The request, with references.
            facts: What is known of the pipeline.
            defaults: By name: the defaults of the pipeline's parameters.
        """
        outline = RequestOutline(request, {})
        certain = self._broken(shape, request, facts, {}, outline)
        yield from certain
        if not defaults or not outline.has_parameter:
            return
        known = {(broken.rule.id, broken.finding.path) for broken in certain}
        outline = RequestOutline(request, defaults)
        for broken in self._broken(shape, request, facts, defaults, outline):
            if (broken.rule.id, broken.finding.path) not in known:
                yield replace(broken, severity="warning")

    def _broken(
        self,
        shape: str,
        request: Mapping[str, Any],
        facts: PipelineFacts,
        parameters: Mapping[str, Any],
        outline: RequestOutline,
    ) -> list[BrokenRule]:
        key = shape, facts, outline.structure
        rules = self._known.get(key)
        if rules is None:
            body: dict[str, Any] = known_values(request, parameters)
            if not outline.is_plain or len(self._known) >= _MOST_OUTLINES:
                return self._run_all(shape, body, facts)
            if key not in self._known:
                # In a small pipeline most outlines come once, and recording what rules read takes longer.
                self._known[key] = None
                return self._run_all(shape, body, facts)
            rules = self._known[key] = _OutlineRules(
                [
                    (part.path, self._rules_of(name), self._text_rules(name, facts))
                    for name, part in parts(shape, RequestBody(body))
                ],
                body,
            )
        return rules.broken(request, parameters, facts, outline.leaves)

    def _run_all(self, shape: str, body: dict[str, Any], facts: PipelineFacts) -> list[BrokenRule]:
        return [
            broken
            for name, part in parts(shape, RequestBody(body))
            for rule in self._rules_of(name)
            for broken in _run(rule, part, facts)
        ]

    def _text_rules(self, shape: str, facts: PipelineFacts) -> _TextRules:
        found = self._texts.get((shape, facts))
        if found is None:
            found = self._texts[shape, facts] = _TextRules(self._rules_of(shape), facts)
        return found


def _run(rule: Rule, body: RequestBody, facts: PipelineFacts) -> tuple[BrokenRule, ...]:
    return tuple([BrokenRule(rule, finding, rule.severity) for finding in rule.check(body, facts)])


class _TextRules:
    """The rules of a shape about each text, and what they found in the texts so far."""

    def __init__(self, rules: Iterable[Rule], facts: PipelineFacts) -> None:
        self._rules = [
            (place, rule, rule.check) for place, rule in enumerate(rules) if isinstance(rule.check, EachText)
        ]
        self._facts = facts
        self.found: dict[str, list[tuple[int, Rule, str, str | None]]] = {}

    def run(self, text: str) -> list[tuple[int, Rule, str, str | None]]:
        """Return the place of each rule that a text breaks, the rule, the message and the hint."""
        found = self.found[text] = [
            (place, rule, *problem)
            for place, rule, check in self._rules
            if (problem := check.find(text, self._facts)) is not None
        ]
        return found

    def __bool__(self) -> bool:
        return bool(self._rules)


class _OutlineRules:
    """The rules for requests of one outline.

    Args:
        parts: For the request and each one inside it: its path, its rules, and its rules about texts.
        body: A request of the outline, with known values.
    """

    def __init__(
        self, parts: Iterable[tuple[FieldPath, Iterable[Rule], _TextRules]], body: dict[str, Any]
    ) -> None:
        paths = list(leaf_paths(body))
        leaves = {path: index for index, path in enumerate(paths)}
        self._rules: list[_RuleResults] = []
        self._texts: list[tuple[int, int, FieldPath, _TextRules]] = []
        for number, (path, rules, text_rules) in enumerate(parts):
            for place, rule in enumerate(rules):
                if not isinstance(rule.check, EachText):
                    self._rules.append(_RuleResults((number, place), rule, path, leaves))
            if text_rules:
                part = RequestBody(body).part(*path).data if path else body
                for below in text_leaves(part):
                    where = (*path, *below)
                    self._texts.append((leaves[where], number, where, text_rules))

    def broken(
        self,
        request: Mapping[str, Any],
        parameters: Mapping[str, Any],
        facts: PipelineFacts,
        values: list[Any],
    ) -> list[BrokenRule]:
        """Return the rules that a request of the outline breaks, in the order of the rules."""
        found: list[tuple[tuple[int, int], tuple[BrokenRule, ...]]] = []
        body: dict[str, Any] | None = None
        silent: list[_RuleResults] = []
        for results in self._rules:
            broken = results.find(values)
            if broken is None:
                if body is None:
                    body = known_values(request, parameters)
                broken = results.run(body, facts, values)
                if results.is_silent:
                    silent.append(results)
            if broken:
                found.append((results.place, broken))
        if silent:
            self._rules = [results for results in self._rules if not results.is_silent]
        for index, number, path, rules in self._texts:
            problems = rules.found.get(values[index])
            if problems is None:
                problems = rules.run(values[index])
            for place, rule, message, hint in problems:
                finding = Finding(path, message, hint)
                found.append(((number, place), (BrokenRule(rule, finding, rule.severity),)))
        if not found:
            return []
        found.sort(key=itemgetter(0))
        return [item for _, broken in found for item in broken]


class _RuleResults:
    """What one rule found in requests of one outline, by the values that it read.

    Attributes:
        place: The number of the part of the request, and that of the rule.
        is_silent: Whether the rule finds nothing in any request of the outline.
    """

    __slots__ = ("_found", "_key", "_leaves", "_part", "_reads", "_rule", "is_silent", "place")

    def __init__(
        self, place: tuple[int, int], rule: Rule, part: FieldPath, leaves: Mapping[FieldPath, int]
    ) -> None:
        self.place = place
        self.is_silent = False
        self._rule = rule
        self._part = part
        self._leaves = leaves
        self._reads: set[int] = set()
        self._key: itemgetter[Any] | None = None
        self._found: dict[Any, tuple[BrokenRule, ...]] | None = {}

    def find(self, values: list[Any]) -> tuple[BrokenRule, ...] | None:
        """Return what the rule found in a request with these values, or ``None`` if it has to run."""
        found = self._found
        if not found:
            return None
        return found.get(self._key(values) if self._key is not None else None)

    def run(self, body: dict[str, Any], facts: PipelineFacts, values: list[Any]) -> tuple[BrokenRule, ...]:
        """Run the rule on a request, remember what it found, and return it."""
        if self._found is None:
            whole = RequestBody(body)
            return _run(self._rule, whole.part(*self._part) if self._part else whole, facts)
        reads: set[FieldPath] = set()
        traced: RequestBody = TracedBody(body, reads)
        broken = _run(self._rule, traced.part(*self._part) if self._part else traced, facts)
        indexes = self._reads | self._indexes(reads)
        if indexes != self._reads:
            self._reads = indexes
            self._key = itemgetter(*sorted(indexes))
            # The keys of the requests so far lack the values that are read now.
            self._found.clear()
        elif len(self._found) >= _MOST_VALUES:
            self._found = None
            return broken
        self._found[self._key(values) if self._key is not None else None] = broken
        self.is_silent = self._key is None and not broken
        return broken

    def _indexes(self, reads: set[FieldPath]) -> set[int]:
        found = {self._leaves[path] for path in reads if path in self._leaves}
        for path in reads - self._leaves.keys():
            found |= {index for leaf, index in self._leaves.items() if leaf[: len(path)] == path}
        return found
