"""Wiring: which output feeds which input.

An edge without ports is settled in this order, and never by a guess: what the config says explicitly (in the
step's ``inputs``, by a reference, or as a branch of a condition); else the ports of the same name; else the
one pair whose kinds fit. No pair, or more than one, is an error that lists the candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from dagcast.compile.bind.ports import InputPort, OutputPort, Source, StepPorts
from dagcast.dag import Edge
from dagcast.errors import DiagnosticSink, did_you_mean

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


_Claims = dict[tuple[str, str], list[tuple[Edge, OutputPort]]]
"""By step and input: the edges that would feed it, and with which output."""


@dataclass
class Wiring:
    """The outcome.

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


def wire(
    edges: Iterable[Edge], steps: Mapping[str, StepPorts], invalid: frozenset[str], sink: DiagnosticSink
) -> Wiring:
    """Decide what every input reads. In which order the edges are given makes no difference to that.

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
        # Every join, and what it looks like with its output or input or both left out.
        self.joins: set[tuple[str, str | None, str, str | None]] = set()
        # Inputs of which nothing more is to be said: by step the names, and steps as a whole.
        self.unclear: set[tuple[str, str]] = set()
        self.unclear_steps: set[str] = set()

    def wire(self, edges: Iterable[Edge]) -> Wiring:
        for name, ports in self.steps.items():
            self.wiring.sources[name] = {}
            for port in ports.inputs:
                if port.given is not None:
                    self._bind_given(name, port)
        flows: list[list[Edge]] = [[], [], []]
        for edge in edges:
            if edge.target not in self.steps:
                continue
            if edge.source not in self.steps or edge.source == edge.target:
                # An unknown step, a broken one, or a cycle: reported elsewhere.
                if not edge.order_only:
                    self._leave_open(edge.target, edge.target_port)
            elif edge.order_only:
                self._order(edge)
            elif self._ports_exist(edge):
                flows[bool(edge.source_port) + bool(edge.target_port)].append(edge)
        bare, half_written, written = flows
        for edge in written:
            self._explicit(edge)
        for matched in (half_written, bare):
            self._by_name(matched)
            self._by_kind([edge for edge in matched if not self._settled(edge)])
        self._report_unfed()
        self._sort_sources()
        return self.wiring

    def _bind_given(self, name: str, port: InputPort) -> None:
        """An input that the config gives: an S3 URI or name, a reference, or ``step.port``."""
        given = port.given
        step, dot, output_name = given.partition(".") if isinstance(given, str) else ("", "", "")
        if not isinstance(given, str) or "://" in given:
            self.wiring.sources[name][port.name] = given if given is not None else ""
        elif dot and step in self.steps:
            output = self.steps[step].output(output_name)
            if output is not None:
                self._bind(step, name, output=output, input_name=port.name, reason="inputs", edge=None)
                return
            message = f"step {name!r}: input {port.name!r} reads {given!r}, but {step!r} has no such output"
            self._error(
                message, (name, port.name), "wiring.unknown-port", self._outputs_hint(step, output_name)
            )
            self._leave_open(name, port.name)
        elif dot and step in self.invalid:
            self._leave_open(name, port.name)
        elif port.kind in VALUE_KINDS:
            self.wiring.sources[name][port.name] = given
        else:
            self._refuse_given(name, port, given)

    def _refuse_given(self, name: str, port: InputPort, given: str) -> None:
        step, dot, _ = given.partition(".")
        if dot and "/" not in given:
            message = f"step {name!r}: input {port.name!r} reads {given!r}, but there is no step {step!r}"
            hint = did_you_mean(step, self.steps) or "an S3 URI starts with s3://"
            self._error(message, (name, port.name), "reference.unknown-step", hint)
        else:
            message = (
                f"step {name!r}: input {port.name!r} reads {given!r}, which is neither a URI nor step.port"
            )
            outputs = self.steps[given].outputs if given in self.steps else ()
            lines = " or ".join(repr(f"{given}.{output.name}") for output in outputs)
            self._error(
                message,
                (name, port.name),
                "wiring.unknown-source",
                f"write {lines}" if lines else "an S3 URI starts with s3://",
            )
        self._leave_open(name, port.name)

    def _order(self, edge: Edge) -> None:
        self.wiring.order.append((edge.source, edge.target))
        self.wiring.bindings.append(Binding(edge.source, edge.target, None, None, "order"))

    def _ports_exist(self, edge: Edge) -> bool:
        """Whether the steps have the ports that the edge names; if not, that is reported."""
        source, target = self.steps[edge.source], self.steps[edge.target]
        unknown_output = edge.source_port is not None and source.output(edge.source_port) is None
        unknown_input = edge.target_port is not None and self._input(edge) is None
        if unknown_output and edge.source_port is not None:
            message = f"edge '{edge}': {edge.source!r} has no output {edge.source_port!r}"
            self._error(
                message, edge, "wiring.unknown-port", self._outputs_hint(edge.source, edge.source_port)
            )
        if unknown_input and edge.target_port is not None:
            names = [port.name for port in target.inputs]
            message = f"edge '{edge}': {edge.target!r} has no input {edge.target_port!r}"
            hint = did_you_mean(edge.target_port, names) or f"{edge.target!r} has no inputs"
            self._error(message, edge, "wiring.unknown-port", hint)
        if unknown_output or unknown_input:
            self._leave_open(edge.target, None if unknown_input else edge.target_port)
        return not (unknown_output or unknown_input)

    def _explicit(self, edge: Edge) -> None:
        outputs, inputs = self._ends(edge)
        self._bind(
            edge.source,
            edge.target,
            output=outputs[0],
            input_name=inputs[0].name,
            reason="explicit",
            edge=edge,
        )

    def _by_name(self, edges: list[Edge]) -> None:
        claims: _Claims = {}
        for edge in edges:
            outputs, inputs = self._ends(edge)
            by_name = {port.name: port for port in inputs}
            for output in outputs:
                port = by_name.get(output.name)
                if port is not None and _may_feed(output, port):
                    claims.setdefault((edge.target, port.name), []).append((edge, output))
        self._settle(claims, "name")

    def _by_kind(self, edges: list[Edge]) -> None:
        by_target: dict[str, list[Edge]] = {}
        for edge in edges:
            by_target.setdefault(edge.target, []).append(edge)
        for waiting in by_target.values():
            self._by_kind_into_one(waiting)

    def _by_kind_into_one(self, waiting: list[Edge]) -> None:
        """The edges into one step, in rounds: an input that is taken may leave a single one for another edge."""
        while waiting:
            pairs = {edge: self._fitting(edge) for edge in waiting}
            claims: _Claims = {}
            for edge, fitting in pairs.items():
                if len(fitting) == 1:
                    output, port = fitting[0]
                    claims.setdefault((edge.target, port.name), []).append((edge, output))
            if not claims:
                for edge, fitting in pairs.items():
                    self._ambiguous(edge, fitting)
                return
            self._settle(claims, "kind")
            waiting = [edge for edge in waiting if len(pairs[edge]) != 1]

    def _fitting(self, edge: Edge) -> list[tuple[OutputPort, InputPort]]:
        """The pairs of ports that an edge could join by their kinds."""
        outputs, inputs = self._ends(edge)
        pairs = [(output, port) for output in outputs for port in inputs if output.kind == port.kind]
        if not pairs and (edge.source_port or edge.target_port):
            pairs = [(output, port) for output in outputs for port in inputs if _may_feed(output, port)]
        return pairs

    def _settle(self, claims: _Claims, reason: Reason) -> None:
        """Give each input to the edge that claims it; more than one is a mistake."""
        for (target, name), claimants in claims.items():
            first, output = claimants[0]
            self._bind(first.source, target, output=output, input_name=name, reason=reason, edge=first)
            for edge, other in claimants[1:]:
                if other.value != output.value:
                    message = f"input {name!r} of {target!r} is fed by the edges '{first}' and '{edge}' alike"
                    hint = f"write '{edge.source}.{other.name} -> {target}.{name}', or the other one"
                    self._error(message, edge, "wiring.ambiguous", hint)
                self.joins.add(_join(edge))

    def _settled(self, edge: Edge) -> bool:
        """Whether data or control flows along the edge already, by what the config says."""
        if _join(edge) in self.joins:
            return True
        reason: Reason
        if edge.source_port or edge.target_port:
            return False
        if edge.target in (self.steps[edge.source].branches or ()):
            reason = "branch"
        elif edge.source in self.steps[edge.target].reads:
            reason = "reference"
        else:
            return False
        self.wiring.bindings.append(Binding(edge.source, edge.target, None, None, reason))
        return True

    def _bind(
        self,
        source: str,
        target: str,
        *,
        output: OutputPort,
        input_name: str,
        reason: Reason,
        edge: Edge | None,
    ) -> None:
        port = self._input_named(target, input_name)
        if port is not None and not _may_feed(output, port):
            message = (
                f"output {output.name!r} of {source!r} is a {output.kind}, but input {input_name!r} of "
                f"{target!r} takes a {port.kind}"
            )
            self._error(message, edge or (target, input_name), "wiring.kind", None)
            self._leave_open(target, input_name)
            return
        # Also of an edge that comes second: what it joins is said, and no other edge has to say it again.
        self.joins.update(product((source,), (output.name, None), (target,), (input_name, None)))
        taken = self.wiring.sources[target].get(input_name)
        if taken is not None and taken != output.value:
            message = (
                f"input {input_name!r} of {target!r} is fed twice: by {taken} and by {source}.{output.name}"
            )
            self._error(message, edge or (target, input_name), "wiring.fed-twice", "keep one of them")
            return
        self.wiring.sources[target][input_name] = output.value
        self.wiring.bindings.append(Binding(source, target, output.name, input_name, reason))

    def _ends(self, edge: Edge) -> tuple[list[OutputPort], list[InputPort]]:
        """The ports that an edge may join: those it names, else all outputs, and the inputs that are free."""
        source = self.steps[edge.source]
        output = source.output(edge.source_port) if edge.source_port else None
        port = self._input(edge)
        return [output] if output else list(source.outputs), [port] if port else self._free(edge.target)

    def _input(self, edge: Edge) -> InputPort | None:
        """The input that an edge names."""
        return self._input_named(edge.target, edge.target_port) if edge.target_port else None

    def _input_named(self, step: str, name: str) -> InputPort | None:
        ports = self.steps[step]
        return ports.input(name) or (InputPort(name, "dataset") if ports.open_inputs else None)

    def _free(self, name: str) -> list[InputPort]:
        """The declared inputs that nothing feeds yet."""
        taken = self.wiring.sources[name]
        return [
            port
            for port in self.steps[name].inputs
            if port.name not in taken and (name, port.name) not in self.unclear
        ]

    def _leave_open(self, step: str, port: str | None) -> None:
        """Say no more of an input, or of any of a step, since what is wrong with its source is reported."""
        self.wiring.incomplete.add(step)
        if port is None:
            self.unclear_steps.add(step)
        else:
            self.unclear.add((step, port))

    def _ambiguous(self, edge: Edge, pairs: list[tuple[OutputPort, InputPort]]) -> None:
        source, target = self.steps[edge.source], self.steps[edge.target]
        if pairs:
            lines = [f"'{edge.source}.{o.name} -> {edge.target}.{i.name}'" for o, i in pairs]
            message = f"edge '{edge}' could join more than one pair of ports"
            self._error(message, edge, "wiring.ambiguous", f"write {' or '.join(lines)}")
            for _, port in pairs:
                self._leave_open(edge.target, port.name)
            return
        outputs = ", ".join(port.name for port in source.outputs) or "none"
        inputs = ", ".join(port.name for port in self._free(edge.target)) or "none free"
        message = (
            f"edge '{edge}' joins no ports (outputs of {edge.source!r}: {outputs}; "
            f"inputs of {edge.target!r}: {inputs})"
        )
        order = f"'{edge.source} => {edge.target}' if only the order matters"
        if source.branches is not None:
            order = f"list {edge.target!r} in if_steps or else_steps of {edge.source!r}, or write {order}"
        elif source.outputs and target.open_inputs:
            output = source.outputs[0].name
            order = f"write '{edge.source}.{output} -> {edge.target}.{output}', or {order}"
        else:
            order = f"write {order}"
        self._error(message, edge, "wiring.no-ports", order)

    def _report_unfed(self) -> None:
        for name in self.steps:
            for port in self._free(name):
                if not port.required or name in self.unclear_steps:
                    continue
                self.wiring.incomplete.add(name)
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
                self._error(message, (name, port.name), "wiring.unfed-input", hint)

    def _sort_sources(self) -> None:
        """Inputs in the order they are declared, then those that only edges name, in the order of the edges."""
        for name, sources in self.wiring.sources.items():
            declared = [port.name for port in self.steps[name].inputs if port.name in sources]
            rest = [port for port in sources if port not in declared]
            self.wiring.sources[name] = {port: sources[port] for port in (*declared, *rest)}

    def _outputs_hint(self, step: str, name: str) -> str:
        names = [port.name for port in self.steps[step].outputs]
        return did_you_mean(name, names) or f"{step!r} has no outputs"

    def _error(self, message: str, at: Edge | tuple[str, str], code: str, hint: str | None) -> None:
        """Report a mistake in an edge, or in an input of a step."""
        if isinstance(at, Edge):
            location = at.location or self.steps[at.target].locate(())
        else:
            location = self.steps[at[0]].locate(("inputs", at[1]))
        self.sink.error(message, location, code=code, hint=hint)


def _join(edge: Edge) -> tuple[str, str | None, str, str | None]:
    return edge.source, edge.source_port, edge.target, edge.target_port


def _may_feed(output: OutputPort, port: InputPort) -> bool:
    if output.kind in VALUE_KINDS or port.kind in VALUE_KINDS:
        return output.kind == port.kind
    return True
