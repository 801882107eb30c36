"""What each step waits for: ``DependsOn``, the steps that it reads from, and the condition that it is a branch of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dagcast.definition.model import Step

Branch = Literal["IfSteps", "ElseSteps"]
BRANCHES: tuple[Branch, ...] = ("IfSteps", "ElseSteps")
"""The arguments of a condition step that hold the steps of its branches."""

TRIGGERS = ("Completed", "Failed", "Stopped", "Any")
"""How a step that another waits for may have to end. Source: ``TriggerCondition`` of the SageMaker Python SDK 3."""


@dataclass(frozen=True)
class Dependencies:
    """What a step waits for.

    Attributes:
        steps: The names of the steps that have to end first, each once: the condition that the step is a branch of,
            then those under ``DependsOn``, then those that it reads from.
        condition: The condition step that the step is in a branch of.
        branch: The branch, one of :data:`BRANCHES`.
        triggers: By name: how a step has to end, one of :data:`TRIGGERS`. A step that is not here has to succeed.
    """

    steps: tuple[str, ...] = ()
    condition: str | None = None
    branch: Branch | None = None
    triggers: Mapping[str, str] = field(default_factory=dict)


def find_dependencies(steps: Iterable[Step]) -> dict[str, Dependencies]:
    """Return by name of a step what it waits for, in the order of the steps.

    Args:
        steps: The steps of a pipeline, those in branches included.
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
