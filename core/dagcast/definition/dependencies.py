"""Dependencies of steps: ``DependsOn``, the steps that they read from, and the condition of their branch.

:func:`dagcast.dag.topological_order` finds cycles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from dagcast.frozen_dataclass import dataclass

if TYPE_CHECKING:
    from dagcast.definition.model import Step

Branch = Literal["IfSteps", "ElseSteps"]
BRANCHES: tuple[Branch, ...] = ("IfSteps", "ElseSteps")
"""The arguments of a condition step that hold the steps of its branches."""

TRIGGERS = ("Completed", "Failed", "Stopped", "Any")
"""How a dependency has to end before the step runs. Source: ``TriggerCondition`` of the SageMaker Python SDK 3."""


@dataclass(frozen=True)
class Dependencies:
    """The steps that a step waits for.

    Attributes:
        steps: The names of the steps that have to end first, each once: the condition of the step's branch, then the
            steps under ``DependsOn``, then the steps that it reads from.
        condition: The condition step of the branch, or ``None`` if the step is in no branch.
        branch: The branch, one of :data:`BRANCHES`.
        triggers: By name: how a step has to end, one of :data:`TRIGGERS`. All other steps have to succeed.
    """

    steps: tuple[str, ...] = ()
    condition: str | None = None
    branch: Branch | None = None
    triggers: Mapping[str, str] = field(default_factory=dict)


def find_dependencies(steps: Iterable[Step]) -> dict[str, Dependencies]:
    """Return the dependencies of each step by its name, in the order of the steps.

    Args:
        steps: The steps of a pipeline, including those in branches.
    """
    steps = tuple(steps)
    branches: dict[str, tuple[str, Branch]] = {}
    for step in steps:
        if step.is_condition:
            branches.update(dict.fromkeys(step.if_steps, (step.name, "IfSteps")))
            branches.update(dict.fromkeys(step.else_steps, (step.name, "ElseSteps")))
    found: dict[str, Dependencies] = {}
    for step in steps:
        condition, branch = branches.get(step.name, (None, None))
        first = () if condition is None else (condition,)
        waits = tuple(dict.fromkeys((*first, *step.depends_on, *step.reads())))
        found[step.name] = Dependencies(waits, condition, branch, step.triggers)
    return found
