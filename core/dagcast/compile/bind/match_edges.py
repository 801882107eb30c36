"""Wiring of one step: which outputs its inputs read, by its config and by the edges that end at it.

Edges without ports bind by the same name, then by fitting kinds. Kinds bind in rounds: an edge with exactly
one pair of an output and a free input binds, which may leave exactly one pair to another edge. The order of the
edges makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product

from dagcast.compile.bind.ports import (
    VALUE_KINDS,
    InputPort,
    OutputPort,
    Source,
    StepPorts,
    fits,
    matches_alias,
    may_feed,
)
from dagcast.compile.bind.wiring import Binding, Reason, StepWiring, WiringProblem
from dagcast.dag import Edge
from dagcast.errors import did_you_mean
from dagcast.frozen_dataclass import dataclass

Pair = tuple[OutputPort, InputPort]
"""An output and the input that it could feed."""

_Claims = dict[str, list[tuple[Edge, OutputPort]]]
"""By input: the edges that would feed it, and with which output."""


@dataclass(frozen=True)
class Surroundings:
    """The pipeline around a step.

    Attributes:
        steps: The ports of every step whose config is valid.
        invalid: Steps whose config is invalid and reported already.
        never_both_run: Whether two steps are in different branches of one condition.
        unclear: Steps whose unfed inputs are not reported: a wrong edge, which is, may have been meant for them.
        unread: Steps that may lack ports because of fields that are reported as unknown.
    """

    steps: Mapping[str, StepPorts]
    invalid: frozenset[str]
    never_both_run: Callable[[str, str], bool]
    unclear: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()


def wire_step(name: str, ports: StepPorts, edges: Iterable[Edge], around: Surroundings) -> StepWiring:
    """Return the wiring of one step.

    Args:
        name: The step.
        ports: Its ports.
        edges: The edges that end at it, in the order written.
        around: The other steps.
    """
    return _StepWirer(name, ports, edges, around).wire()


class _StepWirer:
    def __init__(self, name: str, ports: StepPorts, edges: Iterable[Edge], around: Surroundings) -> None:
        self.name = name
        self.ports = ports
        self.around = around
        self.steps = around.steps
        self.edges = tuple(dict.fromkeys(edges))
        self.result = StepWiring()
        # Every join, and what it looks like with its output or input or both left out.
        self.joins: set[tuple[str, str | None, str | None]] = set()
        # Inputs of which nothing more is reported.
        self.unclear: set[str] = set()
        self.is_unclear = False
        self.rule = (0, 0)

    def wire(self) -> StepWiring:
        if self.name in self.around.unclear:
            self._leave_open(None)
        for port in self.ports.inputs:
            if port.given is not None:
                self._bind_given(port, port.given)
        flows: list[list[Edge]] = [[], [], []]
        self.rule = (1, 0)
        for edge in self.edges:
            if edge.order_only:
                if edge.source in self.steps and edge.source != self.name:
                    self._add(Binding(edge.source, self.name, None, None, "order"), edge)
                    self.result.order.append(edge.source)
            elif edge.source not in self.steps or edge.source == self.name:
                # An unknown step, an invalid one, or a cycle: reported elsewhere.
                self._leave_open(edge.target_port)
            elif self.around.never_both_run(edge.source, self.name):
                # Reported by the check of branches.
                self._leave_open(edge.target_port)
            elif self._ports_exist(edge):
                flows[bool(edge.source_port) + bool(edge.target_port)].append(edge)
        bare, half_written, written = flows
        self.rule = (2, 0)
        for edge in written:
            outputs, inputs = self._ends(edge)
            self._bind(edge.source, outputs[0], inputs[0], "explicit", edge)
        for phase, matched in enumerate((half_written, bare), start=1):
            self.rule = (2 * phase + 1, 0)
            self._by_name(matched)
            self.rule = (2 * phase + 2, 0)
            self._by_kind([edge for edge in matched if not self._is_bound(edge)])
        self._report_unfed()
        self._sort_sources()
        return self.result

    def _bind_given(self, port: InputPort, given: Source) -> None:
        """Bind an input that the config gives: an S3 URI or name, a reference, or ``step.port``."""
        step, dot, output_name = given.partition(".") if isinstance(given, str) else ("", "", "")
        if not isinstance(given, str) or "://" in given:
            self.result.sources[port.name] = given
        elif dot and step in self.steps:
            output = self.steps[step].output(output_name)
            if output is not None:
                self._bind(step, output, port, "inputs", None)
                return
            reads = f"step {self.name!r}: input {port.name!r} reads {given!r}"
            if step not in self.around.unread:
                self._report(
                    WiringProblem(
                        code="wiring.unknown-port",
                        message=f"{reads}, but {step!r} has no output {output_name!r}",
                        input=port.name,
                        hint=self._outputs_hint(step, output_name),
                    )
                )
            self._leave_open(port.name)
        elif dot and step in self.around.invalid:
            self._leave_open(port.name)
        elif port.kind in VALUE_KINDS:
            self.result.sources[port.name] = given
        else:
            self._refuse_given(port, given)

    def _refuse_given(self, port: InputPort, given: str) -> None:
        step, dot, _ = given.partition(".")
        reads = f"step {self.name!r}: input {port.name!r} reads {given!r}"
        if dot and "/" not in given:
            problem = WiringProblem(
                code="reference.unknown-step",
                message=f"{reads}, but step {step!r} does not exist",
                input=port.name,
                hint=did_you_mean(step, self.steps) or "an S3 URI starts with s3://",
                cause=f"step {step!r}",
            )
        else:
            problem = WiringProblem(
                code="wiring.unknown-source",
                message=f"{reads}, which is neither a URI nor step.port",
                input=port.name,
                hint="an S3 URI starts with s3://",
                remedy="give" if given in self.steps else None,
                step=given,
            )
        self._report(problem)
        self._leave_open(port.name)

    def _ports_exist(self, edge: Edge) -> bool:
        """Whether the steps have the ports that the edge names; if not, report it."""
        source = self.steps[edge.source]
        unknown_output = edge.source_port is not None and source.output(edge.source_port) is None
        unknown_input = edge.target_port is not None and self.ports.target(edge.target_port) is None
        if unknown_output and edge.source_port is not None and edge.source not in self.around.unread:
            self._report(
                WiringProblem(
                    code="wiring.unknown-port",
                    message=f"edge '{edge}': {edge.source!r} has no output {edge.source_port!r}",
                    edge=edge,
                    hint=self._outputs_hint(edge.source, edge.source_port),
                )
            )
        if unknown_input and edge.target_port is not None and self.name not in self.around.unread:
            names = [port.name for port in self.ports.inputs]
            hint = did_you_mean(edge.target_port, names) or f"{edge.target!r} has no inputs"
            message = f"edge '{edge}': {edge.target!r} has no input {edge.target_port!r}"
            self._report(WiringProblem(code="wiring.unknown-port", message=message, edge=edge, hint=hint))
        if unknown_output or unknown_input:
            port = self.ports.target(edge.target_port) if edge.target_port else None
            self._leave_open(port.name if port is not None else None)
        return not (unknown_output or unknown_input)

    def _by_name(self, edges: list[Edge]) -> None:
        claims: _Claims = {}
        for edge in edges:
            for output, port in self._same_names(edge):
                claims.setdefault(port.name, []).append((edge, output))
        self._bind_claims(claims, "name")

    def _same_names(self, edge: Edge) -> list[Pair]:
        """Return the pairs of ports with one name; names that aliases share count where they are unambiguous."""
        outputs, inputs = self._ends(edge)
        outputs = [output for output in outputs if edge.source_port or not output.named_only]
        fitting = [(output, port) for port in inputs for output in outputs if may_feed(output, port)]
        pairs = [(output, port) for output, port in fitting if output.name == port.name]
        taken = {port.name for _, port in pairs}
        others = [
            (output, port)
            for output, port in fitting
            if port.name not in taken and output.name not in taken and matches_alias(output, port)
        ]
        used_outputs = [output.name for output, _ in others]
        used_inputs = [port.name for _, port in others]
        return pairs + [
            (output, port)
            for output, port in others
            if used_outputs.count(output.name) == 1 and used_inputs.count(port.name) == 1
        ]

    def _by_kind(self, waiting: list[Edge]) -> None:
        """Settle edges in rounds: an input that is taken may leave a single one for another edge."""
        while waiting:
            self.rule = (self.rule[0], self.rule[1] + 1)
            pairs = {edge: self._fitting(edge) for edge in waiting}
            sole = {edge: fitting[0] for edge, fitting in pairs.items() if len(fitting) == 1}
            if not sole:
                # An input that declares the kind of an output comes before those that take any kind.
                declared = {edge: _with_declared_kind(fitting) for edge, fitting in pairs.items()}
                sole = {edge: fitting[0] for edge, fitting in declared.items() if len(fitting) == 1}
            if not sole:
                for edge, fitting in pairs.items():
                    self._report_unbound(edge, fitting)
                return
            claims: _Claims = {}
            for edge, (output, port) in sole.items():
                claims.setdefault(port.name, []).append((edge, output))
            self._bind_claims(claims, "kind")
            waiting = [edge for edge in waiting if edge not in sole]

    def _fitting(self, edge: Edge) -> list[Pair]:
        """Return the pairs of ports that an edge could join by their kinds."""
        outputs, inputs = self._ends(edge)
        if not edge.source_port:
            hidden = [output for output in outputs if output.named_only]
            outputs = [output for output in outputs if not output.named_only]
            if not edge.target_port:
                inputs = [port for port in inputs if not any(_shares_name(each, port) for each in hidden)]
        possible = [(output, port) for output in outputs for port in inputs]
        pairs = [(output, port) for output, port in possible if fits(output, port)]
        if not pairs and (edge.source_port or edge.target_port):
            return [(output, port) for output, port in possible if may_feed(output, port)]
        return pairs

    def _bind_claims(self, claims: _Claims, reason: Reason) -> None:
        """Give each input to the edge that claims it; more than one is a mistake."""
        for name, claimants in claims.items():
            first, output = claimants[0]
            port = self.ports.target(name)
            if port is None:
                continue
            self._bind(first.source, output, port, reason, first)
            for edge, other in claimants[1:]:
                if other.value != output.value:
                    message = f"input {name!r} of {self.name!r} is fed by both edges '{first}' and '{edge}'"
                    self._report(
                        WiringProblem(
                            code="wiring.ambiguous",
                            message=message,
                            edge=edge,
                            hint="remove one of the edges",
                            remedy="replace",
                            order=True,
                        )
                    )
                self.joins.add(self._join(edge))

    def _is_bound(self, edge: Edge) -> bool:
        """Whether data or control flows along the edge already, by what the config says."""
        if self._join(edge) in self.joins:
            return True
        reason: Reason
        if edge.source_port or edge.target_port:
            return False
        if self.name in (self.steps[edge.source].branches or ()):
            reason = "branch"
        elif edge.source in self.ports.reads:
            reason = "reference"
        else:
            return False
        self._add(Binding(edge.source, self.name, None, None, reason), edge)
        return True

    def _bind(
        self, source: str, output: OutputPort, port: InputPort, reason: Reason, edge: Edge | None
    ) -> None:
        if not may_feed(output, port):
            message = (
                f"output {output.name!r} of {source!r} is a {output.kind}, but input {port.name!r} of "
                f"{self.name!r} takes a {port.kind}"
            )
            self._report(WiringProblem(code="wiring.kind", message=message, edge=edge, input=port.name))
            self._leave_open(port.name)
            return
        # Also of an edge that comes second: what it joins is reported, and no other edge reports it again.
        self.joins.update(product((source,), (output.name, None), (port.name, None)))
        taken = self.result.sources.get(port.name)
        if taken is not None and taken != output.value:
            message = (
                f"input {port.name!r} of {self.name!r} is fed twice: by {taken} and by {source}.{output.name}"
            )
            self._report(
                WiringProblem(
                    code="wiring.fed-twice",
                    message=message,
                    edge=edge,
                    input=port.name,
                    hint="keep one of them",
                )
            )
            return
        self.result.sources[port.name] = output.value
        self._add(Binding(source, self.name, output.name, port.name, reason), edge)

    def _add(self, binding: Binding, edge: Edge | None) -> None:
        self.result.bindings.append((self.rule, edge, binding))

    def _ends(self, edge: Edge) -> tuple[list[OutputPort], list[InputPort]]:
        """Return the ports that an edge may join: those it names, else all outputs, and the inputs that are free."""
        source = self.steps[edge.source]
        output = source.output(edge.source_port) if edge.source_port else None
        port = self.ports.target(edge.target_port) if edge.target_port else None
        return [output] if output else list(source.outputs), [port] if port else self._free()

    def _join(self, edge: Edge) -> tuple[str, str | None, str | None]:
        """Return what an edge joins, with the names of its ports in place of their aliases."""
        output = self.steps[edge.source].output(edge.source_port) if edge.source_port else None
        port = self.ports.target(edge.target_port) if edge.target_port else None
        return edge.source, output.name if output else None, port.name if port else None

    def _free(self) -> list[InputPort]:
        """Return the declared inputs that nothing feeds yet."""
        return [
            port
            for port in self.ports.inputs
            if port.name not in self.result.sources and port.name not in self.unclear
        ]

    def _leave_open(self, port: str | None) -> None:
        """Report no more of an input, or of any, since what is wrong with its source is reported."""
        self.result.incomplete = True
        if port is None:
            self.is_unclear = True
        else:
            declared = self.ports.input(port)
            self.unclear.add(declared.name if declared is not None else port)

    def _report_unbound(self, edge: Edge, pairs: list[Pair]) -> None:
        if pairs:
            message = f"edge '{edge}' could join more than one pair of ports"
            self._report(WiringProblem(code="wiring.ambiguous", message=message, edge=edge, remedy="replace"))
            for _, port in pairs:
                self._leave_open(port.name)
            return
        if not self.around.unread.isdisjoint(edge):
            self._leave_open(None)
            return
        source = self.steps[edge.source]
        outputs = ", ".join(port.name for port in source.outputs) or "none"
        inputs = ", ".join(port.name for port in self._free()) or "none free"
        message = (
            f"edge '{edge}' joins no ports (outputs of {edge.source!r}: {outputs}; "
            f"inputs of {edge.target!r}: {inputs})"
        )
        self._report(
            WiringProblem(code="wiring.no-ports", message=message, edge=edge, remedy="replace", order=True)
        )

    def _report_unfed(self) -> None:
        if self.is_unclear:
            return
        for port in self._free():
            if port.required:
                self.result.incomplete = True
                self._report(
                    WiringProblem(
                        code="wiring.unfed-input",
                        message=f"step {self.name!r}: nothing feeds its input {port.name!r}",
                        input=port.name,
                        hint=f"give inputs.{port.name} in its config",
                        remedy="add",
                    )
                )

    def _sort_sources(self) -> None:
        """Put inputs in the order they are declared, then those that only edges name, in the order of the edges."""
        sources = self.result.sources
        declared = [port.name for port in self.ports.inputs if port.name in sources]
        rest = [port for port in sources if port not in declared]
        self.result.sources = {port: sources[port] for port in (*declared, *rest)}

    def _outputs_hint(self, step: str, name: str) -> str:
        names = [port.name for port in self.steps[step].outputs]
        return did_you_mean(name, names) or f"{step!r} has no outputs"

    def _report(self, problem: WiringProblem) -> None:
        self.result.problems.append(problem)


def _with_declared_kind(pairs: list[Pair]) -> list[Pair]:
    return [(output, port) for output, port in pairs if not port.takes_any_kind]


def _shares_name(output: OutputPort, port: InputPort) -> bool:
    return output.name == port.name or matches_alias(output, port)
