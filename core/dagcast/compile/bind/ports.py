"""Ports: where data enters and leaves a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dagcast.definition.references import Reference
from dagcast.errors import Location
from dagcast.paths import FieldPath

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
        about: One line for ``dagcast steps``.

    Example:
        >>> InputPort("train", "dataset", required=False).kind
        'dataset'
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
        about: One line for ``dagcast steps``.

    Example:
        >>> from dagcast.definition.references import StepProperty
        >>> OutputPort("model", "model", StepProperty("train", "ModelArtifacts.S3ModelArtifacts")).name
        'model'
    """

    name: str
    kind: str
    value: Reference
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class StepPorts:
    """What wiring knows of a step.

    Attributes:
        inputs: Its declared input ports.
        outputs: Its output ports.
        open_inputs: Whether an edge may name an input that is not declared.
        reads: The steps that its config refers to.
        branches: For a condition: the steps of its branches; ``None`` for any other step.
        locate: Gives the place of a field of the step; of the step itself for ``()``.
    """

    inputs: tuple[InputPort, ...] = ()
    outputs: tuple[OutputPort, ...] = ()
    open_inputs: bool = False
    reads: frozenset[str] = frozenset()
    branches: frozenset[str] | None = None
    locate: Callable[[FieldPath], Location | None] = lambda _: None

    def input(self, name: str) -> InputPort | None:
        """The declared input of that name."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> OutputPort | None:
        """The output of that name."""
        return next((port for port in self.outputs if port.name == name), None)
