"""Which step may run when: a state machine without threads, clocks or files."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from dagcast.definition.dependencies import Dependencies

Ending = Literal["succeeded", "cached", "kept", "skipped", "failed", "stopped"]
"""How a step ended; the states of :class:`dagcast.runner.records.outcome.StepOutcome`. The first three are success."""

_DONE: frozenset[Ending] = frozenset({"succeeded", "cached", "kept"})
_MET: Mapping[str, frozenset[Ending]] = MappingProxyType(
    {"Completed": _DONE, "Failed": frozenset({"failed"}), "Stopped": frozenset(), "Any": _DONE | {"failed"}}
)
"""By trigger: the endings that meet it. A step that is stopped alone, as one can be in AWS, there is not here."""


@dataclass(frozen=True)
class Settled:
    """A step that will not run.

    Attributes:
        name: The step.
        ending: ``skipped`` if its branch is not taken, ``stopped`` if a step before it failed.
        reason: Why, in one sentence.
    """

    name: str
    ending: Ending
    reason: str


class Schedule:
    """The order of a run's steps.

    A step is ready when all steps that it waits for ended as it needs them to, which is well, unless a trigger says
    otherwise. One that waits for a step that failed is stopped; one that waits for a skipped step, or for the failure
    of one that did not fail, or stands in the branch that is not taken, is skipped. It is decided once all that it
    waits for has ended, so that the same endings give the same decisions in whatever order they came.

    Args:
        steps: By name of each step of this run, in the order of the definition: what it waits for. Steps that are not
            here have ended.
    """

    def __init__(self, steps: Mapping[str, Dependencies]) -> None:
        self._steps = steps
        self._place = {name: place for place, name in enumerate(self._steps)}
        self._waits = {
            name: sum(other in self._steps for other in waits.steps) for name, waits in self._steps.items()
        }
        self._after: dict[str, list[str]] = {name: [] for name in self._steps}
        for name, waits in self._steps.items():
            for other in waits.steps:
                if other in self._steps:
                    self._after[other].append(name)
        self._ready = [self._place[name] for name, waits in self._waits.items() if not waits]
        heapq.heapify(self._ready)
        self._names = tuple(self._steps)
        self._endings: dict[str, Ending] = {}
        self._outcomes: dict[str, bool] = {}

    @property
    def endings(self) -> Mapping[str, Ending]:
        """How each step ended, by name, as far as they have."""
        return MappingProxyType(self._endings)

    @property
    def finished(self) -> bool:
        """Whether every step has ended."""
        return len(self._endings) == len(self._steps)

    def take(self) -> str | None:
        """The first step, in the order of the definition, that is ready and not taken yet; ``None`` if none is."""
        return self._names[heapq.heappop(self._ready)] if self._ready else None

    def end(self, name: str, ending: Ending, outcome: bool | None = None) -> Iterator[Settled]:
        """Note how a step ended.

        Args:
            name: The step.
            ending: How.
            outcome: What a condition step found.

        Yields:
            Each step that therefore never runs. The state is only up to date when all were taken.
        """
        if outcome is not None:
            self._outcomes[name] = outcome
        pending = [(name, ending)]
        while pending:
            ended, how = pending.pop()
            self._endings[ended] = how
            for after in self._after[ended]:
                self._waits[after] -= 1
                if self._waits[after]:
                    continue
                settled = self._decide(after)
                if settled is None:
                    heapq.heappush(self._ready, self._place[after])
                else:
                    yield settled
                    pending.append((after, settled.ending))

    @property
    def answered(self) -> frozenset[str]:
        """The steps that failed, and for whose failure another step was there, which has run."""
        return frozenset(
            other
            for name, waits in self._steps.items()
            if self._endings.get(name) in _DONE
            for other in waits.triggers
            if self._endings.get(other) == "failed"
        )

    def _decide(self, name: str) -> Settled | None:
        waits = self._steps[name]
        unmet = [
            (other, ending)
            for other in waits.steps
            if other in self._steps
            and (ending := self._endings[other]) not in _MET[waits.triggers.get(other, "Completed")]
        ]
        for other, ending in unmet:
            if ending in ("failed", "stopped"):
                return Settled(name, "stopped", f"step {other!r}, which it waits for, {_ENDED[ending]}")
        for other, ending in unmet:
            what = "was skipped" if ending == "skipped" else "did not fail"
            return Settled(name, "skipped", f"step {other!r}, which it waits for, {what}")
        condition = waits.condition
        if condition is not None and condition in self._steps:
            outcome = self._outcomes.get(condition)
            if outcome != (waits.branch == "IfSteps"):
                found = "true" if outcome else "false"
                return Settled(name, "skipped", f"condition {condition!r} is {found}")
        return None


_ENDED = MappingProxyType({"failed": "failed", "stopped": "was stopped"})
