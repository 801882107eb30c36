"""Decides which steps can run now: a state machine without threads, clocks or files."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from dagcast.definition.dependencies import Dependencies
from dagcast.frozen_dataclass import dataclass

Ending = Literal["succeeded", "cached", "kept", "skipped", "failed", "stopped", "not-started"]
"""How a step ended: a status of :class:`dagcast.runner.records.outcome.StepOutcome`. The first three are successes."""

_DONE: frozenset[Ending] = frozenset({"succeeded", "cached", "kept"})
_MET: Mapping[str, frozenset[Ending]] = MappingProxyType(
    {"Completed": _DONE, "Failed": frozenset({"failed"}), "Stopped": frozenset(), "Any": _DONE | {"failed"}}
)
"""The endings that satisfy each trigger. Unlike in SageMaker, a single step cannot be stopped here."""


@dataclass(frozen=True)
class StepNotRun:
    """A step that does not run.

    Attributes:
        name: The name of the step.
        ending: ``skipped`` if its branch is not taken, ``not-started`` if a step that it waits for failed,
            was stopped or did not start itself.
        reason: The reason, in one sentence.
    """

    name: str
    ending: Ending
    reason: str


class Schedule:
    """The order of a run's steps.

    A step is ready when all steps that it waits for have ended, and each ending satisfies the step's trigger; the
    default trigger is success. Otherwise the step does not run. It is not started if a step that it waits for failed,
    was stopped or did not start. It is skipped if such a step was skipped, if such a step should have failed and did
    not, or if the step is in the branch that is not taken. The decision is made when all steps that it waits for have
    ended, so it does not depend on the order of their endings.

    Args:
        steps: The dependencies of each step of this run, by name, in the order of the definition. Steps that are
            missing here count as succeeded.
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
        """The endings so far, by name of the step."""
        return MappingProxyType(self._endings)

    @property
    def finished(self) -> bool:
        """Whether every step has ended."""
        return len(self._endings) == len(self._steps)

    def take_ready(self) -> str | None:
        """Return the first ready step, in the order of the definition, once; ``None`` if no step is ready."""
        return self._names[heapq.heappop(self._ready)] if self._ready else None

    def finish(self, name: str, ending: Ending, outcome: bool | None = None) -> Iterator[StepNotRun]:
        """Record how a step ended.

        Args:
            name: The name of the step.
            ending: How it ended.
            outcome: The outcome of a condition step.

        Yields:
            Each step that does not run for this reason. The state is updated only when the iterator is exhausted.
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
                not_run = self._decide(after)
                if not_run is None:
                    heapq.heappush(self._ready, self._place[after])
                else:
                    yield not_run
                    pending.append((after, not_run.ending))

    @property
    def handled_failures(self) -> frozenset[str]:
        """The failed steps for which another step was triggered by the failure, and succeeded."""
        return frozenset(
            other
            for name, waits in self._steps.items()
            if self._endings.get(name) in _DONE
            for other in waits.triggers
            if self._endings.get(other) == "failed"
        )

    def _decide(self, name: str) -> StepNotRun | None:
        waits = self._steps[name]
        unmet = [
            (other, ending)
            for other in waits.steps
            if other in self._steps
            and (ending := self._endings[other]) not in _MET[waits.triggers.get(other, "Completed")]
        ]
        for other, ending in unmet:
            if ending in _ENDED:
                return StepNotRun(name, "not-started", f"it waits for step {other!r}, which {_ENDED[ending]}")
        for other, ending in unmet:
            what = "was skipped" if ending == "skipped" else "did not fail"
            return StepNotRun(name, "skipped", f"it waits for step {other!r}, which {what}")
        condition = waits.condition
        if condition is not None and condition in self._steps:
            outcome = self._outcomes.get(condition)
            if outcome != (waits.branch == "IfSteps"):
                found = "true" if outcome else "false"
                return StepNotRun(name, "skipped", f"condition {condition!r} is {found}")
        return None


_ENDED = MappingProxyType({"failed": "failed", "stopped": "was stopped", "not-started": "did not start"})
