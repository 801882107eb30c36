"""Results of wiring: bindings, the sources of all inputs, and problems.

:func:`dagcast.compile.bind.wire_steps.wire` decides them.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from dagcast.compile.bind.ports import Source
from dagcast.dag import Edge
from dagcast.errors import Severity
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath

Reason = Literal["explicit", "inputs", "reference", "branch", "name", "kind", "order"]


@dataclass(frozen=True)
class Binding:
    """One decision of the wiring.

    Attributes:
        source: The step that comes first.
        target: The step that comes after.
        output: The output port, where data flows through ports.
        input: The input port, where data flows through ports.
        reason: Why: ``explicit`` ports on the edge, the target's ``inputs``, a ``reference`` in its config, a
            ``branch`` of a condition, the same ``name``, fitting ``kind``, or ``order`` only.
    """

    source: str
    target: str
    output: str | None
    input: str | None
    reason: Reason

    def __str__(self) -> str:
        source = f"{self.source}.{self.output}" if self.output else self.source
        target = f"{self.target}.{self.input}" if self.input else self.target
        return f"{source} -> {target} ({self.reason})"


@dataclass(frozen=True, kw_only=True)
class WiringProblem:
    """A mistake in the wiring of one step.

    Attributes:
        code: The id of the diagnostic.
        message: What is wrong.
        edge: The edge that is wrong, if one is.
        input: The input that is wrong, if one is.
        hint: The hint; for a problem with a remedy, the hint if no line can be suggested.
        remedy: Which lines the hint suggests: lines that ``replace`` the edge, edges to ``add`` for the input, or
            outputs to ``give`` the input in the config.
        order: Whether an order-only edge is another remedy.
        step: For ``give``: the step whose outputs can be given.
        path: The field of the step that is wrong, if it is not an input.
        cause: The mistake that it follows from, as :class:`~dagcast.errors.Diagnostic` has it.
        severity: ``warning`` for what is valid, but may be unintended.
    """

    code: str
    message: str
    edge: Edge | None = None
    input: str | None = None
    hint: str | None = None
    remedy: Literal["replace", "add", "give"] | None = None
    order: bool = False
    step: str | None = None
    path: FieldPath | None = None
    cause: str | None = None
    severity: Severity = "error"

    @property
    def key(self) -> tuple[str, str | None, str | None]:
        """What makes it the same problem after another line has changed."""
        return self.code, str(self.edge) if self.edge is not None else None, self.input


@dataclass
class StepWiring:
    """The wiring of one step.

    Attributes:
        bindings: The decisions, each with its rule and round, and the edge that it comes from.
        sources: By input port: what it reads.
        order: The steps that it waits for without reading from them.
        problems: The mistakes.
        incomplete: Whether it lacks a source; why is a problem, or reported elsewhere.
    """

    bindings: list[tuple[tuple[int, int], Edge | None, Binding]] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    problems: list[WiringProblem] = field(default_factory=list)
    incomplete: bool = False


@dataclass
class Wiring:
    """The wiring of a pipeline.

    Attributes:
        bindings: Every decision, in the order of edges and steps.
        sources: By step and input port: what it reads.
        order: Pairs of steps where the second waits for the first and reads nothing from it.
        incomplete: Steps that lack a source; why is reported.
    """

    bindings: list[Binding] = field(default_factory=list)
    sources: dict[str, dict[str, Source]] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)
    incomplete: set[str] = field(default_factory=set)
