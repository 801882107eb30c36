"""Wiring: which output feeds which input.

An edge without ports is settled in this order, and never by a guess: what the config says explicitly (in the
step's ``inputs``, by a reference, or as a branch of a condition); else the ports of the same name; else the
one pair whose kinds fit. No pair, or more than one, is an error that lists the candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dagsmith.bind.ports import InputPort, OutputPort, Source
from dagsmith.dag import Edge
from dagsmith.errors import DiagnosticSink, Location, did_you_mean
from dagsmith.spec.values import Reference

Reason = Literal["explicit", "inputs", "reference", "branch", "name", "kind", "order"]

VALUE_KINDS = frozenset({"model-name", "endpoint-config-name", "endpoint-name", "model-package", "value"})
"""Kinds that are not S3 URIs. Only like feeds like; everything else is a place in S3 and may feed any other."""


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


@dataclass(frozen=True)
class StepPorts:
    """What wiring knows of a step.

    Attributes:
        inputs: Its declared input ports.
        outputs: Its output ports.
        open_inputs: Whether an edge may name an input that is not declared.
        reads: The steps that its config refers to.
        branches: For a condition: the steps of its branches.
        location: Where the step is written.
    """

    inputs: tuple[InputPort, ...] = ()
    outputs: tuple[OutputPort, ...] = ()
    open_inputs: bool = False
    reads: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()
    location: Location | None = None

    def input(self, name: str) -> InputPort | None:
        """The declared input of that name."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> OutputPort | None:
        """The output of that name."""
        return next((port for port in self.outputs if port.name == name), None)


@dataclass
class Wiring:
    """The outcome.

    Attributes:
        bindings: Every decision, in the order of edges and steps.
        sources: By step and input port: what it reads.
        order: Pairs of steps where the second waits for the first and reads nothing from it.
    """

    bindings: list[Binding] = field(default_factory=list)
    sources: dict[str, dict[str, Source]] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)


def wire(
    edges: Iterable[Edge], steps: Mapping[str, StepPorts], invalid: frozenset[str], sink: DiagnosticSink
) -> Wiring:
    """Decide what every input reads.

    Args:
        edges: The edges of the DAG.
        steps: The ports of every step whose config is valid.
        invalid: Steps whose config is wrong and reported already; nothing is said of their edges.
        sink: Takes the mistakes.
    """
    return _Wirer(steps, invalid, sink).wire(edges)


class _Wirer:
    def __init__(self, steps: Mapping[str, StepPorts], invalid: frozenset[str], sink: DiagnosticSink) -> None:
        self.steps = steps
        self.invalid = invalid
        self.sink = sink
        self.wiring = Wiring()
        self.edge_of: dict[tuple[str, str], Edge | None] = {}
        self.bound: set[tuple[str, str]] = set()

    def wire(self, edges: Iterable[Edge]) -> Wiring:
        for name, ports in self.steps.items():
            self.wiring.sources[name] = {}
            for port in ports.inputs:
                if port.given is not None:
                    self._bind_given(name, port)
        edges = [edge for edge in edges if edge.source in self.steps and edge.target in self.steps]
        for edge in edges:
            if edge.order_only:
                self._order(edge)
            elif edge.source_port or edge.target_port:
                self._explicit(edge)
        for edge in edges:
            if not (edge.order_only or edge.source_port or edge.target_port):
                self._by_name(edge)
        for edge in edges:
            if not (edge.order_only or edge.source_port or edge.target_port):
                self._by_kind(edge)
        self._report_unfed()
        self._sort_sources()
        return self.wiring

    def _bind_given(self, name: str, port: InputPort) -> None:
        """An input that the config gives: an S3 URI or name, a reference, or ``step.port``."""
        given = port.given
        assert given is not None
        step, dot, output_name = given.partition(".") if isinstance(given, str) else ("", "", "")
        if isinstance(given, Reference) or not dot or "/" in given or step in self.invalid:
            self.wiring.sources[name][port.name] = given
            self.edge_of[name, port.name] = None
            return
        if step not in self.steps:
            if port.kind not in VALUE_KINDS:
                message = f"step {name!r}: input {port.name!r} reads {given!r}, but there is no step {step!r}"
                hint = did_you_mean(step, self.steps) or "an S3 URI starts with s3://"
                self._error(message, name, "unknown-step", hint)
            self.wiring.sources[name][port.name] = given
            return
        output = self.steps[step].output(output_name)
        if output is None:
            message = f"step {name!r}: input {port.name!r} reads {given!r}, but {step!r} has no such output"
            self._error(message, name, "unknown-port", self._outputs_hint(step, output_name))
            return
        self._bind(step, name, output, port.name, "inputs", None)

    def _order(self, edge: Edge) -> None:
        self.wiring.order.append((edge.source, edge.target))
        self.wiring.bindings.append(Binding(edge.source, edge.target, None, None, "order"))

    def _explicit(self, edge: Edge) -> None:
        source, target = self.steps[edge.source], self.steps[edge.target]
        output = source.output(edge.source_port) if edge.source_port else None
        if edge.source_port and output is None:
            message = f"edge '{edge}': {edge.source!r} has no output {edge.source_port!r}"
            self._error(message, edge, "unknown-port", self._outputs_hint(edge.source, edge.source_port))
        input_name = edge.target_port
        if input_name and target.input(input_name) is None and not target.open_inputs:
            names = [port.name for port in target.inputs]
            message = f"edge '{edge}': {edge.target!r} has no input {input_name!r}"
            hint = did_you_mean(input_name, names) or f"{edge.target!r} has no inputs"
            self._error(message, edge, "unknown-port", hint)
            return
        if edge.source_port and output is None:
            return
        if output is not None and input_name:
            self._bind(edge.source, edge.target, output, input_name, "explicit", edge)
            return
        outputs = [output] if output is not None else list(source.outputs)
        inputs = [target.input(input_name) or InputPort(input_name, "dataset")] if input_name else self._free(edge.target)
        pairs = [(o, i) for o in outputs for i in inputs if o.name == i.name and _may_feed(o, i)]
        reason: Reason = "name"
        if not pairs:
            fitting = [(o, i) for o in outputs for i in inputs if o.kind == i.kind]
            single = [(o, i) for o in outputs for i in inputs if _may_feed(o, i)]
            pairs, reason = (fitting or single), "kind"
        if len(pairs) == 1:
            self._bind(edge.source, edge.target, pairs[0][0], pairs[0][1].name, reason, edge)
        else:
            self._ambiguous(edge, pairs)

    def _by_name(self, edge: Edge) -> None:
        for output in self.steps[edge.source].outputs:
            port = self.steps[edge.target].input(output.name)
            if port is None or port.given is not None or not _may_feed(output, port):
                continue
            before = self.edge_of.get((edge.target, port.name))
            if before is not None and not (before.source_port or before.target_port):
                message = (
                    f"input {port.name!r} of {edge.target!r} is fed by the edges '{before}' and '{edge}' alike"
                )
                hint = f"write '{edge.source}.{output.name} -> {edge.target}.{port.name}', or the other one"
                self._error(message, edge, "ambiguous", hint)
            elif before is None:
                self._bind(edge.source, edge.target, output, port.name, "name", edge)

    def _by_kind(self, edge: Edge) -> None:
        if self._settled(edge):
            return
        source, inputs = self.steps[edge.source], self._free(edge.target)
        pairs = [(o, i) for o in source.outputs for i in inputs if o.kind == i.kind]
        if len(pairs) == 1:
            self._bind(edge.source, edge.target, pairs[0][0], pairs[0][1].name, "kind", edge)
        else:
            self._ambiguous(edge, pairs)

    def _settled(self, edge: Edge) -> bool:
        """Whether data or control flows along the edge already, by what the config says."""
        pair = (edge.source, edge.target)
        if pair in self.bound:
            return True
        target = self.steps[edge.target]
        reason: Reason
        if edge.target in self.steps[edge.source].branches:
            reason = "branch"
        elif edge.source in target.reads:
            reason = "reference"
        else:
            return False
        self.wiring.bindings.append(Binding(*pair, None, None, reason))
        return True

    def _bind(
        self, source: str, target: str, output: OutputPort, input_name: str, reason: Reason, edge: Edge | None
    ) -> None:
        port = self.steps[target].input(input_name)
        if port is not None and not _may_feed(output, port):
            message = (
                f"output {output.name!r} of {source!r} is a {output.kind}, but input {input_name!r} of "
                f"{target!r} takes a {port.kind}"
            )
            self._error(message, edge or target, "kind", None)
            return
        taken = self.wiring.sources[target].get(input_name)
        if taken is not None and taken != output.value:
            message = f"input {input_name!r} of {target!r} is fed twice: by {taken} and by {source}.{output.name}"
            self._error(message, edge or target, "fed-twice", "keep one of them")
            return
        self.wiring.sources[target][input_name] = output.value
        self.edge_of[target, input_name] = edge
        self.bound.add((source, target))
        self.wiring.bindings.append(Binding(source, target, output.name, input_name, reason))

    def _free(self, name: str) -> list[InputPort]:
        """The declared inputs that nothing feeds yet."""
        taken = self.wiring.sources[name]
        return [port for port in self.steps[name].inputs if port.name not in taken]

    def _ambiguous(self, edge: Edge, pairs: list[tuple[OutputPort, InputPort]]) -> None:
        source, target = self.steps[edge.source], self.steps[edge.target]
        if pairs:
            lines = [f"'{edge.source}.{o.name} -> {edge.target}.{i.name}'" for o, i in pairs]
            message = f"edge '{edge}' could join more than one pair of ports"
            self._error(message, edge, "ambiguous", f"write {' or '.join(lines)}")
            return
        outputs = ", ".join(port.name for port in source.outputs) or "none"
        inputs = ", ".join(port.name for port in self._free(edge.target)) or "none free"
        message = f"edge '{edge}' joins no ports (outputs of {edge.source!r}: {outputs}; inputs of {edge.target!r}: {inputs})"
        order = f"'{edge.source} => {edge.target}' if only the order matters"
        if source.branches:
            order = f"list {edge.target!r} in if_steps or else_steps of {edge.source!r}, or write {order}"
        elif source.outputs and target.open_inputs:
            output = source.outputs[0].name
            order = f"write '{edge.source}.{output} -> {edge.target}.{output}', or {order}"
        else:
            order = f"write {order}"
        self._error(message, edge, "no-ports", order)

    def _report_unfed(self) -> None:
        for name in self.steps:
            for port in self._free(name):
                # What a step with a broken config would feed is not known.
                if not port.required or self.invalid:
                    continue
                message = f"step {name!r}: nothing feeds its input {port.name!r}"
                candidates = [
                    f"'{step}.{output.name} -> {name}.{port.name}'"
                    for step, other in self.steps.items()
                    if step != name
                    for output in other.outputs
                    if output.name == port.name or output.kind == port.kind
                ]
                shown = " or ".join(candidates[:3])
                given = f"give inputs.{port.name} in its config"
                hint = f"write the edge {shown}, or {given}" if shown else given
                self._error(message, name, "unfed-input", hint)

    def _sort_sources(self) -> None:
        """Inputs in the order they are declared, then those that only edges name, in the order of the edges."""
        for name, sources in self.wiring.sources.items():
            declared = [port.name for port in self.steps[name].inputs if port.name in sources]
            rest = [port for port in sources if port not in declared]
            self.wiring.sources[name] = {port: sources[port] for port in (*declared, *rest)}

    def _outputs_hint(self, step: str, name: str) -> str:
        names = [port.name for port in self.steps[step].outputs]
        return did_you_mean(name, names) or f"{step!r} has no outputs"

    def _error(self, message: str, at: Edge | str, code: str, hint: str | None) -> None:
        location = at.location if isinstance(at, Edge) else self.steps[at].location
        self.sink.error(message, location, code=code, hint=hint)


def _may_feed(output: OutputPort, port: InputPort) -> bool:
    if output.kind in VALUE_KINDS or port.kind in VALUE_KINDS:
        return output.kind == port.kind
    return True
