"""Wiring: which output feeds which input.

An edge without ports is settled in this order: what the config says explicitly (in the
step's ``inputs``, by a reference, or as a branch of a condition); else the ports of the same name or alias; else the
one pair of an output and a free input that fits. No pair, or more than one, is an error with the lines to write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dagcast.compile.bind.binding import Binding, Problem
from dagcast.compile.bind.branches import Branches
from dagcast.compile.bind.free_text import check_texts
from dagcast.compile.bind.hints import Hints
from dagcast.compile.bind.match_edges import StepWiring, Surroundings, wire_step
from dagcast.compile.bind.ports import VALUE_KINDS, Source, StepPorts
from dagcast.dag import Edge
from dagcast.errors import DiagnosticSink, Location

__all__ = ["VALUE_KINDS", "Binding", "Wiring", "wire"]


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


def wire(
    edges: Iterable[Edge],
    steps: Mapping[str, StepPorts],
    invalid: frozenset[str],
    sink: DiagnosticSink,
    branches: Branches | None = None,
) -> Wiring:
    """Decide what every input reads. The order of the edges makes no difference to that.

    Args:
        edges: The edges of the DAG.
        steps: The ports of every step whose config is valid.
        invalid: Steps whose config is invalid and reported already; nothing is reported of their edges.
        sink: Takes the mistakes.
        branches: The branches of conditions; ``None`` for a pipeline without any.
    """
    listed = list(edges)
    known = Branches(lambda step, _: Location(step)) if branches is None else branches
    around = Surroundings(steps, invalid, known.never_both_run)
    ending: dict[str, list[Edge]] = {name: [] for name in steps}
    for edge in listed:
        if edge.target in ending:
            ending[edge.target].append(edge)
    wirings = {name: wire_step(name, ports, ending[name], around) for name, ports in steps.items()}
    hints = Hints(listed, around, wirings, known.runs_only_in_branch)
    for name, ports in steps.items():
        for problem, hint in hints.of_step(name):
            sink.error(problem.message, _location(problem, ports), code=problem.code, hint=hint)
        for problem in check_texts(name, ports, steps, hints.may_follow):
            sink.error(problem.message, _location(problem, ports), code=problem.code, hint=problem.hint)
    return _join(wirings, {edge: rank for rank, edge in enumerate(dict.fromkeys(listed))})


def _join(wirings: Mapping[str, StepWiring], ranks: Mapping[Edge, int]) -> Wiring:
    """Return the wiring of a pipeline, given that of each step and the place of each edge in the DAG."""
    wiring = Wiring()
    ranked = [item for each in wirings.values() for item in each.bindings]
    ranked.sort(key=lambda item: (item[0], -1 if item[1] is None else ranks[item[1]]))
    wiring.bindings = [binding for _, _, binding in ranked]
    for name, each in wirings.items():
        wiring.sources[name] = each.sources
        wiring.order += [(source, name) for source in each.order]
        if each.incomplete:
            wiring.incomplete.add(name)
    return wiring


def _location(problem: Problem, ports: StepPorts) -> Location | None:
    if problem.edge is not None:
        return problem.edge.location or ports.locate(())
    if problem.path is not None:
        return ports.locate(problem.path)
    return ports.locate(("inputs", problem.input or ""))
