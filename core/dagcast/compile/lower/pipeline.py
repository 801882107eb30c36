"""Lower a typed config and a DAG to a :class:`~dagcast.compile.spec.pipeline.PipelineSpec`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from dagcast.compile.bind.branches import Branches
from dagcast.compile.bind.ports import (
    InputPort,
    OutputPort,
    Source,
    StagedText,
    StepPorts,
    shared_aliases,
)
from dagcast.compile.bind.wire_steps import wire
from dagcast.compile.bind.wiring import Wiring
from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.compile.config.step import InputConfig, OutputConfig, StepConfig, WithInputs, WithOutputs
from dagcast.compile.lower.adapt_defaults import adapt_pipeline
from dagcast.compile.lower.find_references import find_free_texts, find_steps_read
from dagcast.compile.spec.pipeline import Origin, ParameterSpec, PipelineSpec, StepSpec, freeze_origins
from dagcast.compile.steps.lowering import ImageLookup, Lowering
from dagcast.compile.steps.step_type import StepType
from dagcast.dag import topological_order
from dagcast.definition.values import freeze
from dagcast.errors import CycleError, DiagnosticSink, Location, did_you_mean, nearest
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.staging.code_stager import CodeStager, CodeUse, NoBucketError

CONFIG_ROLE = Origin("config", ("pipeline", "role"))


@dataclass(frozen=True)
class Lowered:
    """The result of lowering.

    Attributes:
        spec: The pipeline.
        wiring: The bindings of outputs to inputs, with their reasons.
        incomplete: Steps that could not be built completely. The reasons are reported.
        code: The code that the config names, and the staged objects.
    """

    spec: PipelineSpec
    wiring: Wiring
    incomplete: frozenset[str] = frozenset()
    code: tuple[CodeUse, ...] = ()


def lower_pipeline(
    config: PipelineConfig,
    dag: PipelineDAG,
    sink: DiagnosticSink,
    *,
    images: ImageLookup,
    role: str | None = None,
    region: str | None = None,
    added: tuple[ParameterSpec, ...] = (),
) -> Lowered:
    """Bind the nodes of ``dag`` to the steps of ``config``, wire the steps, and build every request.

    Args:
        config: The typed config.
        dag: The steps and their edges.
        sink: Collects diagnostics.
        images: Looks up images of frameworks.
        role: The execution role. It overrides the role in the config.
        region: The AWS region. The region in the config overrides it.
        added: Additional parameters from plugins.

    Returns:
        The result. After an error it is usable only for finding further errors.
    """
    return _Lowerer(config, dag=dag, sink=sink, images=images, role=role, region=region, added=added).lower()


class _Lowerer:
    def __init__(
        self,
        config: PipelineConfig,
        *,
        dag: PipelineDAG,
        sink: DiagnosticSink,
        images: ImageLookup,
        role: str | None,
        region: str | None,
        added: tuple[ParameterSpec, ...],
    ) -> None:
        self.added = added
        self.defaults: Mapping[str, Any] = {}
        self.config = config
        self.dag = dag
        self.sink = sink
        self.images = images
        self.role = role if role is not None else config.pipeline.role
        self.role_origin = Origin("argument", detail="role") if role is not None else CONFIG_ROLE
        self.region = config.pipeline.region or region
        self.steps = {name: config.steps[name] for name in dag.nodes if name in config.steps}
        self.known = set(self.steps) | {name for name in config.invalid_steps if name in dag}
        self.incomplete = {*config.incomplete, *config.invalid_steps}
        base = config.pipeline
        self.code = CodeStager(
            config.root,
            base.bucket,
            base.prefix or base.name,
            project=config.project,
            limit=config.code_limit,
        )

    def lower(self) -> Lowered:
        self._check_nodes()
        reads = {name: frozenset(find_steps_read(step)) for name, step in self.steps.items()}
        branches = Branches.of(self.steps, self.known, self._locate_field, self.sink)
        ports = {name: self._ports(name, step, reads[name], branches) for name, step in self.steps.items()}
        unclear = self.config.unclear_nodes if self.dag is self.config.dag else frozenset[str]()
        wiring = wire(
            self.dag.edges,
            ports,
            self.config.invalid_steps,
            self.sink,
            branches,
            unclear=unclear,
            unread=self.config.unread_steps,
        )
        self.incomplete |= wiring.incomplete
        order = self._order(wiring, reads, branches)
        waits = self._waits(wiring, branches)
        edges = ((edge.source, edge.target) for edge in self.dag.edges if edge.target in self.steps)
        data = {
            (b.source, b.target) for b in wiring.bindings if b.input is not None or b.reason == "reference"
        }
        data |= {(other, name) for name, names in reads.items() for other in names}
        branches.check_dependencies((*self._dependencies(wiring, reads), *edges), self.sink, frozenset(data))
        parameters = tuple(
            ParameterSpec(name, item.type, item.value, item.enum)
            for name, item in self.config.parameters.items()
        )
        parameters += self.added
        types = {parameter.name: parameter.type for parameter in parameters}
        self.defaults = {parameter.name: parameter.default for parameter in parameters}
        steps = tuple(self._lower_step(name, wiring, waits.get(name, ()), types) for name in order)
        spec = adapt_pipeline(self._spec(parameters, steps), self.sink, self.config.source.locate)
        return Lowered(spec, wiring, frozenset(self.incomplete), self.code.uses)

    def _check_nodes(self) -> None:
        for node in self.dag.nodes:
            if node not in self.known:
                hint = did_you_mean(node, self.config.steps) or "add it under steps"
                location = self.dag.node_location(node) or self.config.source.locate(("steps",))
                self.sink.error(
                    f"node {node!r} has no config under steps",
                    location,
                    code="dag.unconfigured-node",
                    hint=hint,
                    cause=f"step {node!r}",
                )
        for name in self.config.steps:
            if name not in self.dag:
                location = self.config.source.locate(("steps", name))
                self.sink.warn(
                    f"step {name!r} is not in the DAG and is left out", location, code="config.unused-step"
                )

    def _ports(self, name: str, step: StepConfig, reads: frozenset[str], branches: Branches) -> StepPorts:
        step_type: StepType[Any] = self.config.catalog[step.type]
        inputs = tuple(_configured(port, step) for port in step_type.inputs(step))
        outputs = tuple(_with_aliases(port, step) for port in step_type.outputs(step, name))
        if isinstance(step, WithInputs) and not step_type.open_inputs:
            known = [port.name for port in inputs]
            self._check_names(name, "inputs", step.inputs, known)
            meant = {nearest(port, known) for port in step.inputs if port not in known}
            if meant:
                # What is misspelt is reported, and not that the input which it means has no source.
                self.incomplete.add(name)
                inputs = tuple(
                    replace(port, required=False) if port.name in meant and port.given is None else port
                    for port in inputs
                )
        if isinstance(step, WithOutputs):
            self._check_names(name, "outputs", step.outputs, [port.name for port in outputs])
        for side, shared in (("inputs", shared_aliases(inputs)), ("outputs", shared_aliases(outputs))):
            for alias, port_name, owner in shared:
                self.sink.error(
                    f"step {name!r}: {side}.{port_name} has the alias {alias!r}, which is a name of {owner!r}",
                    self._locate_field(name, (side, port_name, "aliases")),
                    code="wiring.shared-alias",
                    hint="give each name to one port",
                )
        return StepPorts(
            inputs=inputs,
            outputs=outputs,
            open_inputs=step_type.open_inputs,
            reads=reads,
            depends_on=frozenset(step.depends_on),
            branches=branches.members(name),
            texts=tuple(find_free_texts(step, inputs)),
            locate=lambda path: self._locate_field(name, path),
        )

    def _check_names(
        self, name: str, side: Literal["inputs", "outputs"], given: Iterable[str], known: list[str]
    ) -> None:
        """Report each name of a port that the type of a step does not have."""
        for port in given:
            if port not in known:
                message = f"step {name!r}: unknown {side[:-1]} {port!r}"
                location = self.config.source.locate(("steps", name, side, port), key=True)
                self.sink.error(message, location, code="wiring.unknown-port", hint=did_you_mean(port, known))

    def _dependencies(self, wiring: Wiring, reads: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str]]:
        """Yield pairs of steps where the second step requires the first step to have run."""
        for binding in wiring.bindings:
            if binding.reason != "branch":
                yield binding.source, binding.target
        for name, names in reads.items():
            for other in sorted(names):
                if other in self.steps:
                    yield other, name
        for name, step in self.steps.items():
            for index, other in enumerate(step.depends_on):
                if other in self.steps:
                    yield other, name
                elif other not in self.known:
                    hint = did_you_mean(other, self.known)
                    message = f"step {name!r} depends on {other!r}, which is not a step of this pipeline"
                    location = self._locate_field(name, ("depends_on", index))
                    self.sink.error(
                        message,
                        location,
                        code="reference.unknown-step",
                        hint=hint,
                        cause=f"step {other!r}",
                    )

    def _order(self, wiring: Wiring, reads: Mapping[str, frozenset[str]], branches: Branches) -> list[str]:
        edges = [(edge.source, edge.target) for edge in self.dag.edges]
        pairs = [*edges, *self._dependencies(wiring, reads), *branches.pairs()]
        unique = dict.fromkeys(pair for pair in pairs if pair[0] in self.steps and pair[1] in self.steps)
        try:
            return topological_order(self.steps, unique)
        except CycleError as error:
            location = self._cycle_location(error.cycle)
            self.sink.extend(CycleError(error.cycle, location).diagnostics)
            return list(self.steps)

    def _cycle_location(self, cycle: tuple[str, ...]) -> Location:
        around = set(itertools.pairwise(cycle))
        for edge in self.dag.edges:
            if (edge.source, edge.target) in around and edge.location is not None:
                return edge.location
        return self.config.source.locate(("steps", cycle[0]))

    def _waits(self, wiring: Wiring, branches: Branches) -> dict[str, list[str]]:
        """Return, for each step, the steps that it waits for without reading from them, in the order of the config.

        The enclosing condition is omitted, because a step in a branch always waits for it.
        """
        waits: dict[str, dict[str, None]] = {}
        for source, target in wiring.order:
            waits.setdefault(target, {})[source] = None
        for binding in wiring.bindings:
            # The URI of a staged file is a literal in the request, which makes no step wait for another.
            sources = wiring.sources.get(binding.target, {})
            if binding.input is not None and isinstance(sources.get(binding.input), StagedText):
                waits.setdefault(binding.target, {})[binding.source] = None
        for name, step in self.steps.items():
            for other in step.depends_on:
                if other in self.steps:
                    waits.setdefault(name, {})[other] = None
        return {
            name: [other for other in others if other not in branches.around(name)]
            for name, others in waits.items()
        }

    def _lower_step(
        self, name: str, wiring: Wiring, waits: Iterable[str], parameters: Mapping[str, Any]
    ) -> StepSpec:
        config = self.steps[name]
        step_type: StepType[Any] = self.config.catalog[config.type]
        step = Lowering(
            name=name,
            config=config,
            pipeline=self.config.pipeline,
            role=self.role,
            role_origin=self.role_origin,
            region=self.region,
            parameters=parameters,
            defaults=self.defaults,
            sources=self._stage_sources(name, wiring.sources[name]),
            sink=self.sink,
            locate=lambda path: self._locate_field(name, path),
            code=self.code,
            images=self.images,
            locate_pipeline=lambda: self.config.source.locate(("pipeline",)),
            pipeline_is_valid="pipeline" not in self.config.incomplete,
            lacks_fields=name in self.config.incomplete,
            local=self.config.local,
        )
        step_type.lower(step, config)
        if step.incomplete:
            self.incomplete.add(name)
        step.put_service_fields()
        step.merge_request()
        arguments, fields, origins = step.frozen()
        # Most steps have no branches, and pydantic models look up missing attributes slowly.
        values = vars(config)
        return StepSpec(
            name=name,
            step_type=config.type,
            definition_type=step_type.definition_type_of(config),
            arguments=arguments,
            fields=fields,
            depends_on=tuple(waits),
            display_name=config.display_name,
            description=config.description,
            if_steps=tuple(item for item in values.get("if_steps", ()) if item in self.steps),
            else_steps=tuple(item for item in values.get("else_steps", ()) if item in self.steps),
            properties=step_type.properties_of(config),
            shapes=step_type.shapes_of(config),
            origins=origins,
        )

    def _stage_sources(self, name: str, sources: Mapping[str, Source]) -> dict[str, Source]:
        """Return the sources of a step with the S3 URI of each staged file. Without a bucket it has none."""
        staged: dict[str, Source] = {}
        for port, source in sources.items():
            if not isinstance(source, StagedText):
                staged[port] = source
                continue
            try:
                staged[port] = self.code.text(source.name, source.content)
            except NoBucketError:  # the step that stages the file reports it
                self.incomplete.add(name)
        return staged

    def _spec(self, parameters: tuple[ParameterSpec, ...], steps: tuple[StepSpec, ...]) -> PipelineSpec:
        base = self.config.pipeline
        origins: dict[FieldPath, Origin] = {
            ("Parameters", name): Origin("config", ("parameters", name)) for name in self.config.parameters
        }
        experiment = None
        if base.experiment is not False:
            experiment = freeze({"ExperimentName": base.experiment.name, "TrialName": base.experiment.trial})
            for key, field in (("ExperimentName", "name"), ("TrialName", "trial")):
                if field in base.experiment.model_fields_set:
                    origins["PipelineExperimentConfig", key] = Origin(
                        "config", ("pipeline", "experiment", field)
                    )
        return PipelineSpec(
            name=base.name,
            parameters=parameters,
            steps=steps,
            experiment=experiment,
            description=base.description,
            version=base.version,
            region=self.region,
            role=self.role if isinstance(self.role, str) else None,
            tags=tuple(base.tags.items()),
            parallelism=base.parallelism,
            definition_bucket=base.bucket,
            definition_prefix=base.prefix or base.name,
            staged=self.code.staged,
            origins=freeze_origins(origins),
        )

    def _locate_field(self, name: str, path: FieldPath) -> Location:
        return self.config.source.locate(("steps", name, *path))


def _configured(port: InputPort, step: StepConfig) -> InputPort:
    """Return an input port with the aliases from the config. The config can make the port optional."""
    item = _port_config(step, "inputs", port.name)
    if not isinstance(item, InputConfig):
        return port
    return replace(port, aliases=(*port.aliases, *item.aliases), required=port.required and not item.optional)


def _with_aliases(port: OutputPort, step: StepConfig) -> OutputPort:
    """Return an output port with the aliases from the config."""
    item = _port_config(step, "outputs", port.name)
    return replace(port, aliases=(*port.aliases, *item.aliases)) if isinstance(item, OutputConfig) else port


def _port_config(step: StepConfig, field: str, port: str) -> object:
    declared = getattr(step, field, None)
    return declared.get(port) if isinstance(declared, Mapping) else None
