"""Branches: which steps run only if a condition holds, or only if it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from itertools import combinations
from typing import Any

from dagcast.errors import DiagnosticSink, Location, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath

LocateField = Callable[[str, FieldPath], Location]
"""Returns the place of a field of a step, by the step's name and the path below it."""

BRANCH_FIELDS = ("if_steps", "else_steps")

MAX_DEPTH = 50
"""Most conditions in the branches of each other. A limit of dagcast's own: what reads and writes the nested definition
recurses, and a definition of so many has under 200 levels."""


@dataclass(frozen=True)
class Branches:
    """The branches of every condition of a pipeline.

    Attributes:
        locate: Gives the place of a field of a step.
        parent: By step in a branch: its condition, and which branch.
        conditions: By condition: the steps of its branches.
    """

    locate: LocateField
    parent: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    conditions: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, steps: Mapping[str, Any], known: Iterable[str], locate: LocateField, sink: DiagnosticSink
    ) -> Branches:
        """Return the branches of all conditions.

        Args:
            steps: The configs of the steps.
            known: The names of all steps, those with a broken config included.
            locate: Gives the place of a field of a step.
            sink: Takes the mistakes: a step that does not exist or is in two branches.
        """
        names = set(known)
        parent: dict[str, tuple[str, str]] = {}
        conditions: dict[str, frozenset[str]] = {}
        for name, config in steps.items():
            if config.type != "Condition":
                continue
            members: set[str] = set()
            for branch in BRANCH_FIELDS:
                for index, member in enumerate(getattr(config, branch)):
                    location = locate(name, (branch, index))
                    if member not in names:
                        message = (
                            f"step {name!r}: {branch} has {member!r}, which is not a step of this pipeline"
                        )
                        sink.error(
                            message,
                            location,
                            code="reference.unknown-step",
                            hint=did_you_mean(member, names),
                            cause=f"step {member!r}",
                        )
                    elif member in parent:
                        other, other_branch = parent[member]
                        message = (
                            f"step {member!r} is in {branch} of {name!r} and in {other_branch} of {other!r}"
                        )
                        if (name, branch) == (other, other_branch):
                            message = f"step {member!r} is listed twice in {branch} of {name!r}"
                        sink.error(
                            message, location, code="branch.two-branches", hint="a step is in one branch"
                        )
                    else:
                        parent[member] = (name, branch)
                        members.add(member)
            conditions[name] = frozenset(members)
        _refuse_deep(parent, conditions, locate, sink)
        return cls(locate, parent, conditions)

    def members(self, condition: str) -> frozenset[str] | None:
        """Return the steps of both branches of a condition; ``None`` for any other step."""
        return self.conditions.get(condition)

    def around(self, step: str) -> frozenset[str]:
        """Return the conditions in whose branches a step is."""
        return frozenset(condition for condition, _ in self._path(step))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield each condition with each step of its branches."""
        for member, (condition, _) in self.parent.items():
            yield condition, member

    def runs_only_in_branch(self, source: str, target: str) -> bool:
        """Whether ``source`` is in a branch that ``target`` is not in."""
        before = self._path(source)
        return before != self._path(target)[: len(before)]

    def never_both_run(self, one: str, other: str) -> bool:
        """Whether two steps are in different branches of one condition."""
        return _fork(self._path(one), self._path(other)) is not None

    def check_dependencies(
        self,
        dependencies: Iterable[tuple[str, str]],
        sink: DiagnosticSink,
        data: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        """Report steps that wait for a step which may not run.

        A step that waits for one of the other branch of the same condition can never run: an error. So is a step
        that reads data of both branches. A step outside of a branch that waits for one inside runs only if the branch
        does: a warning. A condition that waits for a step of its own branches is part of a cycle, which is reported
        as such.

        Args:
            dependencies: Pairs of steps where the second waits for the first.
            sink: Takes the mistakes.
            data: The pairs where the second reads from the first.
        """
        outside: dict[str, list[str]] = {}
        for source, target in dict.fromkeys(dependencies):
            around = [condition for condition, _ in self._path(source)]
            if not self.runs_only_in_branch(source, target) or target in around:
                continue
            fork = _fork(self._path(source), self._path(target))
            if fork is not None:
                sink.error(
                    f"step {target!r} waits for {source!r}, which is in the other branch of {fork!r}",
                    self.locate(target, ()),
                    code="branch.other-branch",
                    hint="the two never both run",
                )
            else:
                outside.setdefault(target, []).append(source)
        for target, sources in outside.items():
            self._report_outside(target, sources, sink, data)

    def _report_outside(
        self, target: str, sources: list[str], sink: DiagnosticSink, data: frozenset[tuple[str, str]]
    ) -> None:
        """Report a step that waits for steps in branches around which it is not: in one message."""
        location = self.locate(target, ())
        for one, other in combinations(sources, 2):
            fork = _fork(self._path(one), self._path(other))
            if fork is not None:
                message = (
                    f"step {target!r} waits for {one!r} and {other!r}, which are in different branches of {fork!r}: "
                    f"one of them never runs, and without it {target!r} does not run"
                )
                hint = f"give each branch of {fork!r} a step of its own in place of {target!r}"
                if (one, target) in data and (other, target) in data:
                    sink.error(message, location, code="branch.other-branch", hint=hint)
                else:
                    sink.warn(message, location, code="branch.outside-branch", hint=hint)
                return
        own = self._path(target)
        by_branch: dict[tuple[str, str], list[str]] = {}
        for source in sources:
            path = self._path(source)
            split = next(i for i, item in enumerate(path) if i >= len(own) or own[i] != item)
            by_branch.setdefault(path[split], []).append(source)
        waits = [
            f"for {_listed(names)}, which {'runs' if len(names) == 1 else 'run'} only in {branch} of {condition!r}"
            for (condition, branch), names in by_branch.items()
        ]
        deepest = max((self._path(source) for source in sources), key=len)
        nested = all(
            path == deepest[: len(path)] for path in (own, *(self._path(source) for source in sources))
        )
        hint = (
            self._listing(target, deepest[-1]) if nested else "a step is in one branch: nest the conditions"
        )
        message = f"step {target!r} waits {', and '.join(waits)}"
        sink.warn(message, location, code="branch.outside-branch", hint=hint)

    def _listing(self, step: str, place: tuple[str, str]) -> str:
        """Return the hint that puts a step into a branch."""
        condition, branch = place
        if step in self.parent:
            other, other_branch = self.parent[step]
            return f"move {step!r} from {other_branch} of {other!r} to {branch} of {condition!r}"
        return f"list {step!r} in {branch} of {condition!r} as well"

    def _path(self, step: str) -> tuple[tuple[str, str], ...]:
        """Return the conditions and branches around a step, outermost first."""
        path: list[tuple[str, str]] = []
        while step in self.parent and len(path) <= MAX_DEPTH:
            path.append(self.parent[step])
            step = self.parent[step][0]
        return tuple(reversed(path))


def _fork(one: tuple[tuple[str, str], ...], other: tuple[tuple[str, str], ...]) -> str | None:
    """Return the condition of which two paths take different branches; ``None`` without such a condition."""
    for (condition, branch), (other_condition, other_branch) in zip(one, other, strict=False):
        if condition != other_condition:
            return None
        if branch != other_branch:
            return condition
    return None


def _listed(names: list[str]) -> str:
    return " and ".join(repr(name) for name in names)


def _refuse_deep(
    parent: Mapping[str, tuple[str, str]],
    conditions: Iterable[str],
    locate: LocateField,
    sink: DiagnosticSink,
) -> None:
    """Report each condition that is one too deep in the branches of others; not those inside of it."""
    depth: dict[str, int] = {}
    for name in conditions:
        chain = [name]
        # A condition in a branch of its own is a cycle, which is reported as such.
        while chain[-1] in parent and chain[-1] not in depth and len(chain) <= len(parent):
            chain.append(parent[chain[-1]][0])
        for step in reversed(chain):
            if step not in depth:
                depth[step] = depth.get(parent[step][0], 0) + 1 if step in parent else 1
        if depth[name] == MAX_DEPTH + 1:
            message = f"step {name!r} is a condition in the branches of {MAX_DEPTH} others, and more cannot be nested"
            hint = "join their conditions with and, or split the pipeline"
            sink.error(message, locate(name, ()), code="branch.too-deep", hint=hint)
