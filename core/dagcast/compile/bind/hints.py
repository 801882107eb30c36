"""Hints of wiring problems: lines that work when they are pasted.

A line is suggested only after it was tried: with the line in place, the wiring of the step has this problem no more,
and no new one. Lines of unused outputs of predecessors come first. No line makes a cycle, and none joins steps of
different branches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from dagcast.compile.bind.match_edges import Surroundings, wire_step
from dagcast.compile.bind.ports import InputPort, OutputPort, fits, matches_alias, may_feed
from dagcast.compile.bind.wiring import StepWiring, WiringProblem
from dagcast.dag import Edge
from dagcast.frozen_dataclass import dataclass

SUGGESTIONS = 4
"""The alternatives that a hint lists at most."""

TRIALS = 16
"""The alternatives that are tried for a hint at most."""

_Key = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Line:
    """An edge to suggest: from an output of a step to an input."""

    step: str
    output: OutputPort
    target: str
    input: InputPort

    @property
    def edge(self) -> Edge:
        """The edge that the line is read as."""
        return Edge(self.step, self.target, source_port=self.output.name, target_port=self.input.name)

    def __str__(self) -> str:
        return f"'{self.edge}'"


class Hints:
    """The hints of a pipeline's wiring problems.

    Args:
        edges: All edges of the DAG.
        around: The steps.
        wirings: The wiring of each step.
        runs_only_in_branch: Whether the first step is in a branch that the second is not in.
    """

    def __init__(
        self,
        edges: Iterable[Edge],
        around: Surroundings,
        wirings: Mapping[str, StepWiring],
        runs_only_in_branch: Callable[[str, str], bool],
    ) -> None:
        self.edges = list(edges)
        self.around = around
        self.wirings = wirings
        self.runs_only_in_branch = runs_only_in_branch
        self.ending: dict[str, list[Edge]] = {}
        for edge in self.edges:
            self.ending.setdefault(edge.target, []).append(edge)

    def of_step(self, name: str) -> Iterator[tuple[WiringProblem, str | None]]:
        """Yield the problems of a step that are worth a report, each with its hint.

        An unfed input is left out if each line that another hint suggests feeds it.
        """
        problems = self.wirings[name].problems
        if not problems:
            return
        hints = _StepHints(self, name)
        answers: list[tuple[WiringProblem, list[list[Line]]]] = []
        follows: set[_Key] = set()
        for problem in problems:
            alternatives = hints.lines(problem) if problem.remedy in ("replace", "add") else []
            answers.append((problem, alternatives))
            if problem.remedy == "replace" and alternatives:
                follows |= hints.solved_by_all(problem, alternatives)
        for problem, alternatives in answers:
            if problem.remedy != "add" or problem.key not in follows:
                yield problem, hints.text(problem, alternatives, follows)

    def may_follow(self, target: str, source: str) -> bool:
        """Whether a new edge from ``source`` to ``target`` makes neither a cycle nor a wait for another branch."""
        return source not in self._following(target) and not self.runs_only_in_branch(source, target)

    def _following(self, step: str) -> set[str]:
        """Return a step and all that come after it."""
        if step not in self._descendants:
            found = {step}
            waiting = [step]
            while waiting:
                for successor in self._successors.get(waiting.pop(), ()):
                    if successor not in found:
                        found.add(successor)
                        waiting.append(successor)
            self._descendants[step] = found
        return self._descendants[step]

    @cached_property
    def _descendants(self) -> dict[str, set[str]]:
        return {}

    @cached_property
    def _successors(self) -> dict[str, set[str]]:
        successors: dict[str, set[str]] = {}
        for source, target in self._pairs():
            successors.setdefault(source, set()).add(target)
        return successors

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Yield pairs of steps where the second comes after the first."""
        for edge in self.edges:
            yield edge.source, edge.target
        for name, ports in self.around.steps.items():
            for other in (*ports.reads, *ports.depends_on):
                yield other, name
            for other in ports.branches or ():
                yield name, other
            for _, _, binding in self.wirings[name].bindings:
                yield binding.source, name

    @cached_property
    def used(self) -> set[tuple[str, str | None]]:
        """The outputs that feed an input, each with its step."""
        return {
            (binding.source, binding.output)
            for wiring in self.wirings.values()
            for _, _, binding in wiring.bindings
        }

    def predecessors(self, name: str) -> set[str]:
        """Return the steps that a step comes directly after."""
        return self._predecessors.get(name, set())

    def alike(self, port: InputPort) -> Iterator[tuple[str, OutputPort]]:
        """Yield the outputs with a name of an input, then those of its kind, each with its step."""
        seen: set[tuple[str, str]] = set()
        keys = [("name", name) for name in (port.name, *port.aliases)] + [("kind", port.kind)]
        for key in keys:
            for step, output in self._outputs.get(key, ()):
                if (step, output.name) not in seen:
                    seen.add((step, output.name))
                    yield step, output

    @cached_property
    def _outputs(self) -> dict[tuple[str, str], list[tuple[str, OutputPort]]]:
        """The outputs of all steps by their names and kinds."""
        found: dict[tuple[str, str], list[tuple[str, OutputPort]]] = {}
        for step, ports in self.around.steps.items():
            for output in ports.outputs:
                keys = [("name", name) for name in (output.name, *output.aliases)]
                if not output.named_only:
                    keys.append(("kind", output.kind))
                for key in keys:
                    found.setdefault(key, []).append((step, output))
        return found

    @cached_property
    def _predecessors(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for source, target in self._pairs():
            found.setdefault(target, set()).add(source)
        return found


class _StepHints:
    """The hints of one step."""

    def __init__(self, hints: Hints, name: str) -> None:
        self.hints = hints
        self.name = name
        self.steps = hints.around.steps
        self.ports = self.steps[name]
        self.edges = hints.ending.get(name, [])
        self.wiring = hints.wirings[name]
        self.keys = frozenset(problem.key for problem in self.wiring.problems)

    def text(self, problem: WiringProblem, alternatives: list[list[Line]], follows: set[_Key]) -> str | None:
        """Return the hint of a problem."""
        lines = _join_alternatives(alternatives)
        if problem.remedy == "add":
            return f"write the edge {lines}, or {problem.hint}" if lines else problem.hint
        if problem.remedy == "give":
            given = " or ".join(repr(text) for text in self._given(problem))
            return f"write {given}" if given else problem.hint
        if problem.remedy is None or problem.edge is None:
            return problem.hint
        remedies = [f"write {lines}"] if lines else []
        source = self.steps[problem.edge.source]
        order = replace(problem.edge, source_port=None, target_port=None, order_only=True)
        if problem.order and self._rest(problem.edge, [order]) <= self.keys - {problem.key} - follows:
            if source.branches is not None and problem.code == "wiring.no-ports":
                remedies.append(f"list {self.name!r} in if_steps or else_steps of {problem.edge.source!r}")
            written = "" if lines and len(remedies) == 1 else "write "
            remedies.append(f"{written}'{order}' if only the order matters")
        if problem.hint is not None:
            remedies.append(problem.hint)
        return ", or ".join(remedies) or None

    def lines(self, problem: WiringProblem) -> list[list[Line]]:
        """Return alternatives, the best first: the lines that are needed for a problem to go."""
        if problem.remedy == "add":
            return [[line] for line in self._additions(problem)]
        if problem.edge is None:
            return []
        found: dict[frozenset[Line], list[Line]] = {}
        for first in self._replacements(problem.edge, problem.code == "wiring.no-ports")[:TRIALS]:
            lines = self._complete(problem, first)
            if lines:
                found.setdefault(frozenset(lines), lines)
            if len(found) == SUGGESTIONS:
                break
        order = [port.name for port in self.ports.inputs]
        return [
            sorted(
                lines,
                key=lambda line: order.index(line.input.name) if line.input.name in order else len(order),
            )
            for lines in found.values()
        ]

    def solved_by_all(self, problem: WiringProblem, alternatives: list[list[Line]]) -> set[_Key]:
        """Return the unfed inputs that each of the alternatives feeds."""
        left: set[_Key] = set()
        for lines in alternatives:
            left |= self._rest(problem.edge, [line.edge for line in lines])
        return {key for key in self.keys - left if key[0] == "wiring.unfed-input"}

    def _rest(self, replaced: Edge | None, lines: Sequence[Edge]) -> frozenset[_Key]:
        """Return the problems that are left with ``lines`` in place of an edge."""
        edges = [edge for edge in self.edges if edge != replaced]
        wiring = wire_step(self.name, self.ports, [*edges, *lines], self.hints.around)
        return frozenset(problem.key for problem in wiring.problems)

    def _complete(self, problem: WiringProblem, first: Line) -> list[Line]:
        """Return ``first`` and the lines that feed what it leaves unfed; none if that does not work."""
        lines = [first]
        for _ in range(len(self.ports.inputs) + 1):
            new = self._rest(problem.edge, [line.edge for line in lines]) - (self.keys - {problem.key})
            if not new:
                return lines
            unfed = [port for code, _, port in new if code == "wiring.unfed-input"]
            wanted = next((port for port in self.ports.inputs if port.name in unfed), None)
            if wanted is None or problem.edge is None or len(unfed) < len(new):
                return []
            candidate = self._best(problem.edge.source, wanted, lines)
            if candidate is None:
                return []
            lines.append(candidate)
        return []

    def _replacements(self, edge: Edge, may_add_input: bool) -> list[Line]:
        """Return the lines that an edge could be written as, the best first."""
        step = self.steps[edge.source]
        output = step.output(edge.source_port) if edge.source_port else None
        outputs = [output] if output is not None else list(step.outputs)
        port = self.ports.target(edge.target_port) if edge.target_port else None
        inputs = [port] if port is not None else self._free()
        lines = [
            Line(edge.source, output, self.name, port)
            for output in outputs
            for port in inputs
            if may_feed(output, port) and (edge.source_port or _is_offered(output, port))
        ]
        if may_add_input and not inputs and self.ports.open_inputs:
            lines = [line for output in outputs if (line := self._new_input(edge.source, output)) is not None]
        return sorted(lines, key=self._rank)

    def _new_input(self, step: str, output: OutputPort) -> Line | None:
        """Return the edge to an input that the step does not declare yet."""
        for name in (output.name, f"{step}_{output.name}"):
            port = self.ports.target(name)
            if port is not None and name not in self.wiring.sources and self.ports.input(name) is None:
                return Line(step, output, self.name, port) if may_feed(output, port) else None
        return None

    def _additions(self, problem: WiringProblem) -> list[Line]:
        """Return the edges that could feed an input, the best first."""
        port = next(port for port in self.ports.inputs if port.name == problem.input)
        direct = self.hints.predecessors(self.name)
        lines = [line for step in sorted(direct & set(self.steps)) for line in self._feeding(step, port)]
        lines.sort(key=self._rank)
        others: list[Line] = []
        for step, output in self.hints.alike(port):
            if len(others) == TRIALS:
                break
            follows = step not in direct and self.hints.may_follow(self.name, step)
            if follows and may_feed(output, port):
                others.append(Line(step, output, self.name, port))
        others.sort(key=self._rank)
        found: list[Line] = []
        for line in (*lines[:TRIALS], *others):
            if len(found) == 3:
                break
            if self._rest(None, [line.edge]) <= self.keys - {problem.key}:
                found.append(line)
        return found

    def _feeding(self, step: str, port: InputPort) -> list[Line]:
        """Return the lines from a predecessor to an input."""
        if not self.hints.may_follow(self.name, step):
            return []
        return [
            Line(step, output, self.name, port)
            for output in self.steps[step].outputs
            if may_feed(output, port) and _is_offered(output, port)
        ]

    def _best(self, step: str, port: InputPort, lines: list[Line]) -> Line | None:
        """Return a line that feeds a further input: from the same step, or from another predecessor."""
        taken = {(line.step, line.output.name) for line in lines}
        candidates = [
            Line(other, output, self.name, port)
            for other in (step, *sorted(self.hints.predecessors(self.name) - {step}))
            if other in self.steps and (other == step or self.hints.may_follow(self.name, other))
            for output in self.steps[other].outputs
            if may_feed(output, port) and _is_offered(output, port)
        ]
        return min(
            candidates,
            key=lambda line: (
                (line.step, line.output.name) in taken,
                line.step != step,
                self._rank(line),
            ),
            default=None,
        )

    def _given(self, problem: WiringProblem) -> list[str]:
        """Return the outputs of a step that an input can be given in the config."""
        step = problem.step
        port = next((port for port in self.ports.inputs if port.name == problem.input), None)
        if step is None or port is None or not self.hints.may_follow(self.name, step):
            return []
        lines = [
            Line(step, output, self.name, port)
            for output in self.steps[step].outputs
            if may_feed(output, port) and _is_offered(output, port)
        ]
        given = [f"{step}.{line.output.name}" for line in sorted(lines, key=self._rank)[:TRIALS]]
        return [source for source in given if self._rest_with(port, source) <= self.keys - {problem.key}]

    def _rest_with(self, port: InputPort, source: str) -> frozenset[_Key]:
        """Return the problems that are left if the config gives a source to an input."""
        inputs = tuple(replace(each, given=source) if each is port else each for each in self.ports.inputs)
        wiring = wire_step(self.name, replace(self.ports, inputs=inputs), self.edges, self.hints.around)
        return frozenset(problem.key for problem in wiring.problems)

    def _free(self) -> list[InputPort]:
        return [
            port for port in self.ports.inputs if port.name not in self.wiring.sources and port.given is None
        ]

    def _rank(self, line: Line) -> tuple[float, ...]:
        """Return what lines are sorted by: names and kinds that fit, then unused outputs, then likeness of names."""
        output, port = line.output, line.input
        same_name, alias = output.name == port.name, matches_alias(output, port)
        from difflib import SequenceMatcher  # needed only for hints

        likeness = SequenceMatcher(None, output.name.casefold(), port.name.casefold()).ratio()
        return (
            output.named_only and not (same_name or alias),
            not (same_name or alias or fits(output, port)),
            (line.step, output.name) in self.hints.used,
            not same_name,
            not alias,
            -likeness if likeness >= 0.5 else 0,
        )


def _is_offered(output: OutputPort, port: InputPort) -> bool:
    """Whether an output is suggested to an input whose name the user did not write next to it."""
    return not output.named_only or output.name == port.name or matches_alias(output, port)


def _join_alternatives(alternatives: list[list[Line]]) -> str:
    """Return lines as text: alternatives are joined by "or", the lines of one by "and"."""
    texts = [" and ".join(str(line) for line in lines) for lines in alternatives]
    return (", or " if any(len(lines) > 1 for lines in alternatives) else " or ").join(texts)
