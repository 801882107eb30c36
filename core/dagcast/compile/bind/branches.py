"""Branches: which steps run only if a condition holds, or only if it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagcast.errors import DiagnosticSink, Location, did_you_mean
from dagcast.paths import FieldPath

LocateField = Callable[[str, FieldPath], Location]
"""Returns the place of a field of a step, by the step's name and the path below it."""

BRANCH_FIELDS = ("if_steps", "else_steps")


@dataclass(frozen=True)
class Branches:
    """The branches of every condition of a pipeline.

    Attributes:
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
        """Read the branches of all conditions.

        Args:
            steps: The configs of the steps.
            known: The names of all steps, those with a broken config included.
            locate: Gives the place of a field of a step.
            sink: Takes the mistakes: a step that does not exist, or that is in two branches.
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
                            message, location, code="reference.unknown-step", hint=did_you_mean(member, names)
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
        return cls(locate, parent, conditions)

    def members(self, condition: str) -> frozenset[str] | None:
        """The steps of both branches of a condition; ``None`` for any other step."""
        return self.conditions.get(condition)

    def around(self, step: str) -> frozenset[str]:
        """The conditions in whose branches a step is."""
        return frozenset(condition for condition, _ in self._path(step))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each condition with each step of its branches."""
        for member, (condition, _) in self.parent.items():
            yield condition, member

    def check_dependencies(self, dependencies: Iterable[tuple[str, str]], sink: DiagnosticSink) -> None:
        """Report steps that wait for a step which may not run.

        A step that waits for one of the other branch of the same condition can never run: an error. A step
        outside of a branch that waits for one inside runs only if the branch does: a warning. A condition that
        waits for a step of its own branches is part of a cycle, which is reported as such.
        """
        for source, target in dict.fromkeys(dependencies):
            before, after = self._path(source), self._path(target)
            if before == after[: len(before)] or any(condition == target for condition, _ in before):
                continue
            split = next(i for i, item in enumerate(before) if i >= len(after) or after[i] != item)
            condition, branch = before[split]
            if split < len(after) and after[split][0] == condition:
                message = (
                    f"step {target!r} waits for {source!r}, which is in the other branch of {condition!r}"
                )
                sink.error(
                    message,
                    self.locate(target, ()),
                    code="branch.other-branch",
                    hint="the two never both run",
                )
            else:
                message = (
                    f"step {target!r} waits for {source!r}, which runs only in {branch} of {condition!r}"
                )
                hint = f"list {target!r} in {branch} of {condition!r} as well"
                sink.warn(message, self.locate(target, ()), code="branch.outside-branch", hint=hint)

    def _path(self, step: str) -> tuple[tuple[str, str], ...]:
        """The conditions and branches around a step, outermost first."""
        path: list[tuple[str, str]] = []
        while step in self.parent and len(path) <= len(self.parent):
            path.append(self.parent[step])
            step = self.parent[step][0]
        return tuple(reversed(path))
