"""Ports: where data enters and leaves a step."""

from __future__ import annotations

from dataclasses import dataclass

from dagsmith.spec.values import Reference

Source = str | Reference
"""Where an input reads from: an S3 URI or name, or a reference to it."""


@dataclass(frozen=True)
class InputPort:
    """An input that a step declares.

    Attributes:
        name: Unique among the inputs of the step.
        kind: What flows in, such as ``dataset``, ``model`` or ``report``.
        given: What the config says it reads from; ``None`` leaves it to an edge.
        required: Whether the step cannot run without it.
        about: One line for ``dagsmith steps``.
    """

    name: str
    kind: str
    given: Source | None = None
    required: bool = True
    about: str = ""


@dataclass(frozen=True)
class OutputPort:
    """An output that a step declares.

    Attributes:
        name: Unique among the outputs of the step.
        kind: What flows out.
        value: The reference that yields it when the pipeline runs.
        about: One line for ``dagsmith steps``.
    """

    name: str
    kind: str
    value: Reference
    about: str = ""
