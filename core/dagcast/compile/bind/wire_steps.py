"""Wire the steps of a pipeline: decide which output feeds which input.

An edge without ports is resolved in this order: the explicit choice of the config (the step's ``inputs``, a reference,
or a branch of a condition), the ports of the same name or alias, the one pair of an output and a free input whose kinds
fit. No such pair, or several, is an error that lists the lines to write. :mod:`dagcast.compile.bind.match_edges` does
this for one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagcast.compile.bind.branches import Branches
from dagcast.compile.bind.free_text import check_texts
from dagcast.compile.bind.hints import Hints
from dagcast.compile.bind.match_edges import Surroundings, wire_step
from dagcast.compile.bind.ports import StepPorts
from dagcast.compile.bind.wiring import StepWiring, Wiring, WiringProblem
from dagcast.dag import Edge
from dagcast.errors import DiagnosticSink, Location


def wire(
    edges: Iterable[Edge],
    steps: Mapping[str, StepPorts],
    invalid: frozenset[str],
    sink: DiagnosticSink,
    branches: Branches | None = None,
    *,
    unclear: frozenset[str] = frozenset(),
    unread: frozenset[str] = frozenset(),
) -> Wiring:
    """Decide what every input reads. The order of the edges makes no difference to that.

    Args:
        edges: The edges of the DAG.
        steps: The ports of every step whose config is valid.
        invalid: Steps whose config is invalid and reported already; nothing is reported of their edges.
        sink: Takes the mistakes.
        branches: The branches of conditions; ``None`` for a pipeline without any.
        unclear: Steps at which wrong edges may have been meant to end, which are reported already.
        unread: Steps with fields that are reported as unknown, and may have been meant to declare ports.
    """
    listed = list(edges)
    known = Branches(lambda step, _: Location(step)) if branches is None else branches
    around = Surroundings(steps, invalid, known.never_both_run, unclear | unread, unread)
    ending: dict[str, list[Edge]] = {name: [] for name in steps}
    for edge in listed:
        if edge.target in ending:
            ending[edge.target].append(edge)
    wirings = {name: wire_step(name, ports, ending[name], around) for name, ports in steps.items()}
    hints = Hints(listed, around, wirings, known.runs_only_in_branch)
    for name, ports in steps.items():
        for problem, hint in hints.of_step(name):
            location = _location(problem, ports)
            sink.error(problem.message, location, code=problem.code, hint=hint, cause=problem.cause)
        for problem in check_texts(name, ports, steps, hints.may_follow):
            # What is compared is not known, so nothing is said of its type.
            wirings[name].incomplete |= problem.path is not None and problem.path[0] == "conditions"
            report = sink.error if problem.severity == "error" else sink.warn
            report(problem.message, _location(problem, ports), code=problem.code, hint=problem.hint)
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


def _location(problem: WiringProblem, ports: StepPorts) -> Location | None:
    if problem.edge is not None:
        return problem.edge.location or ports.locate(())
    if problem.path is not None:
        return ports.locate(problem.path)
    return ports.locate(("inputs", problem.input or ""))
