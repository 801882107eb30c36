"""Checks that many rules are made of: exactly one of, excludes, needs, unique, at most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import Check, PipelineFacts

Member = str | tuple[str | int, ...]
"""A member of a body: its name, or its path."""


def exactly_one_of(*members: str) -> Check:
    """One of these members is given, and only one.

    Example:
        >>> check = exactly_one_of("A", "B")
        >>> [found.message for found in check(RequestBody({}), PipelineFacts())]
        ['one of A and B is needed']
    """

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        given = [member for member in members if body.given(member)]
        if not given:
            yield body.finding(f"one of {_names(members)} is needed", members[0])
        elif len(given) > 1:
            yield body.finding(f"{_names(given)} exclude each other: give one of them", given[1])

    return check


def at_most_one_of(*members: str) -> Check:
    """Of these members one may be given.

    Example:
        >>> check = at_most_one_of("A", "B")
        >>> [found.message for found in check(RequestBody({"A": 1, "B": 1}), PipelineFacts())]
        ['A and B exclude each other: give one of them']
    """

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        given = [member for member in members if body.given(member)]
        if len(given) > 1:
            yield body.finding(f"{_names(given)} exclude each other: give one of them", given[1])

    return check


def excludes(member: Member, *others: Member) -> Check:
    """Where the first member is given, none of the others is.

    Example:
        >>> check = excludes("A", "B", "C")
        >>> [found.message for found in check(RequestBody({"A": 1, "B": 1, "C": 1}), PipelineFacts())]
        ['B and C cannot be given together with A']
    """

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if not body.given(*_path(member)):
            return
        given = [other for other in others if body.given(*_path(other))]
        if given:
            *most, last = map(_name, given)
            together = f"{', '.join(most)} and {last}" if most else last
            message = f"{together} cannot be given together with {_name(member)}"
            hint = f"leave out {_name(member)}, or {'the others' if most else 'the other'}"
            yield body.finding(message, *_path(given[0]), hint=hint)

    return check


def forbidden(member: Member, reason: str) -> Check:
    """A member is not given."""

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if body.given(*_path(member)):
            yield body.finding(f"{_name(member)} cannot be given: {reason}", *_path(member))

    return check


def excluded_by(member: Member, other: Member, value: Any) -> Check:
    """Where another member has a value, this member is not given."""

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if body.given(*_path(member)) and body.get(*_path(other)) == value:
            shown = str(value).lower() if isinstance(value, bool) else repr(value)
            message = f"{_name(member)} cannot be given where {_name(other)} is {shown}"
            yield body.finding(message, *_path(member))

    return check


def only_with(member: Member, other: Member, *values: Any) -> Check:
    """Where this member is given, another one has one of these values. An absent one has none of them.

    Example:
        >>> check = only_with("A", "Mode", "Grid")
        >>> [found.message for found in check(RequestBody({"A": 1, "Mode": "Random"}), PipelineFacts())]
        ["A is only for Mode 'Grid'"]
    """

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        found = body.get(*_path(other))
        if body.given(*_path(member)) and found is not UNKNOWN and found not in values:
            expected = " or ".join(
                str(value).lower() if isinstance(value, bool) else repr(value) for value in values
            )
            yield body.finding(f"{_name(member)} is only for {_name(other)} {expected}", *_path(member))

    return check


def needs(member: Member, other: Member) -> Check:
    """Where the first member is given, the other is too.

    Example:
        >>> check = needs("A", "B")
        >>> [found.message for found in check(RequestBody({"A": 1}), PipelineFacts())]
        ['A needs B']
    """

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if body.given(*_path(member)) and not body.given(*_path(other)):
            yield body.finding(f"{_name(member)} needs {_name(other)}", *_path(other))

    return check


def unique(members: Member, *key: str) -> Check:
    """The items of a list have different values at a path.

    Example:
        >>> check = unique("Tags", "Key")
        >>> body = RequestBody({"Tags": [{"Key": "a"}, {"Key": "a"}]})
        >>> [found.message for found in check(body, PipelineFacts())]
        ["a second item of Tags has Key 'a'"]
    """

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        seen: set[object] = set()
        for item in several(body, *_path(members)):
            value = item.get(*key)
            if not isinstance(value, (str, int)):
                continue
            if value in seen:
                yield item.finding(f"a second item of {_name(members)} has {key[-1]} {value!r}", *key)
            seen.add(value)

    return check


def several(body: RequestBody, *path: str | int) -> list[RequestBody]:
    """Return the mappings of a list of two or more as bodies. One item has no other to compare its values with.

    Example:
        >>> len(several(RequestBody({"Tags": [{}, {}]}), "Tags")), len(several(RequestBody({"Tags": [{}]}), "Tags"))
        (2, 0)
    """
    items = list(body.items(*path))
    return items if len(items) > 1 else []


def at_most(member: Member, limit: int, unit: str = "") -> Check:
    """A number is not larger than a limit.

    Example:
        >>> check = at_most("Count", 20)
        >>> [found.message for found in check(RequestBody({"Count": 21}), PipelineFacts())]
        ['Count is 21, at most 20 is allowed']
    """

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        value = body.number(*_path(member))
        if value is not None and value > limit:
            most = f"{limit:,} {unit}".rstrip()
            yield body.finding(f"{_name(member)} is {value:,}, at most {most} is allowed", *_path(member))

    return check


def each(members: Member, inner: Check) -> Check:
    """Every item of a list obeys an inner check.

    Example:
        >>> check = each("Items", needs("A", "B"))
        >>> [found.message for found in check(RequestBody({"Items": [{"A": 1}]}), PipelineFacts())]
        ['A needs B']
    """

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        for item in body.items(*_path(members)):
            yield from inner(item, facts)

    return check


def inside(member: Member, inner: Check) -> Check:
    """A member, where it is given, obeys an inner check."""

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if body.given(*_path(member)):
            yield from inner(body.part(*_path(member)), facts)

    return check


def all_of(*checks: Check) -> Check:
    """Every one of these checks holds."""

    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        for inner in checks:
            yield from inner(body, facts)

    return check


def _path(member: Member) -> tuple[str | int, ...]:
    return (member,) if isinstance(member, str) else member


def _name(member: Member) -> str:
    return ".".join(map(str, _path(member)))


def _names(members: tuple[str, ...] | list[str]) -> str:
    *first, last = members
    return f"{', '.join(first)} and {last}" if first else last
