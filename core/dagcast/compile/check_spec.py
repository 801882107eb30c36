"""Check a whole pipeline before it is emitted. Reports what the SDK accepts but the service rejects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagcast.check.definition import RuleChecker, StepProblem, reference_problems, request_problems
from dagcast.check.problems import ReferenceProblem
from dagcast.check.reference_targets import Targets
from dagcast.check.request import check_request
from dagcast.check.rules.regions import REGION_PATH
from dagcast.check.rules.rule import PipelineFacts, Rule
from dagcast.compile.config.origins import NO_CONFIG, NOTHING, find_origin, origin_at, value_in
from dagcast.compile.config.step import To
from dagcast.compile.spec.pipeline import Origin, PipelineSpec, PropertyShape, StepSpec
from dagcast.definition.references import located_references
from dagcast.definition.write import write_definition
from dagcast.diagnostics import join_names
from dagcast.errors import Diagnostic, DiagnosticSink, Location
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath, format_path, to_path
from dagcast.sagemaker.limits import (
    DEFINITION_MAX_LENGTH,
    EXECUTION_NAME_MAX_LENGTH,
    PIPELINE_NAME_MAX_LENGTH,
)
from dagcast.sagemaker.service_model import ServiceModelError, load_shapes

_ABOUT_REQUEST = frozenset({"request.missing-field", "request.unknown-field"})
"""Problems whose message names members of the request as the user has to write them."""
_USUALLY_INHERITED = frozenset({"processing.no-machine", "training.no-machine"})
"""Rules about fields that steps usually inherit from ``defaults``: several steps without one are one mistake."""


@dataclass(frozen=True)
class Quota:
    """A limit and how much of it a pipeline uses.

    Attributes:
        name: The limited quantity.
        used: The amount that the pipeline uses.
        limit: The maximum.
    """

    name: str
    used: int
    limit: int


class SpecChecker:
    """Checks one spec.

    Args:
        spec: The pipeline.
        locate: Returns the location of an origin, if it has one.
        forbidden: By step type: members of the request that pipelines do not accept, each with the reason.
        fields: By step type: the config fields and their paths in the request.
        step_limit: The compiler warns if the pipeline has more steps.
        sink: Receives the diagnostics.
        incomplete: Steps with missing parts, for reasons that are already reported.
        inherited: Returns whether the value of an origin comes from the config's ``defaults``. Problems of such a value
            affect every step that inherits it. They are reported once, for the defaults.
        ignored: The ids of rules and of request problems that the config ignores.
        rules: The rules of plugins for requests.
        config: The data of the config. Used to find the line of each value.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        *,
        locate: Callable[[Origin], Location | None],
        forbidden: Callable[[str], Mapping[str | FieldPath, str]],
        fields: Callable[[str], tuple[tuple[str, To], ...]],
        step_limit: int,
        sink: DiagnosticSink,
        incomplete: frozenset[str] = frozenset(),
        inherited: Callable[[Origin], bool] = lambda _: False,
        config: Mapping[str, Any] = NO_CONFIG,
        ignored: frozenset[str] = frozenset(),
        rules: Sequence[Rule] = (),
    ) -> None:
        self.ignored = ignored
        self.rules = rules
        self.inherited = inherited
        self.config = config
        self.spec = spec
        self.locate = locate
        self.forbidden = forbidden
        self.fields = fields
        self.step_limit = step_limit
        self.sink = sink
        self.targets = Targets(spec, incomplete)
        self._steps = {step.name: step for step in spec.steps}
        self.incomplete = incomplete
        self._reported: set[tuple[Origin, str]] = set()
        self._known_properties: set[PropertyShape] = set()
        self._origins: dict[tuple[str, FieldPath], Origin | None] = {}
        self._by_plugin: dict[tuple[str, StepProblem], list[tuple[str, Location | None]]] = {}

    def check(self) -> None:
        """Check every step, every reference, and the sizes that do not depend on the definition text."""
        base = f"s3://{self.spec.definition_bucket}/{self.spec.definition_prefix}"
        facts = PipelineFacts(self.spec.region, f"{base}/code/" if self.spec.staged else None)
        rules = RuleChecker(self.spec, facts, added=self.rules)
        for step in self.spec.steps:
            found = self._check_body(step)
            self._check_properties(step)
            self._check_references(step)
            if step.name not in self.incomplete:
                for problem in rules.check_step(step, found):
                    self._report(step, problem)
        # Skip the pipeline rules if the DAG or branches have problems. Those diagnostics cover the effects on steps.
        if not self.incomplete and not any(
            item.code.startswith(("dag.", "branch.")) for item in self.sink.diagnostics
        ):
            for problem in rules.check_pipeline():
                self._report_pipeline(problem)
        self._tell_plugins()
        self._check_pipeline()

    def check_definition(self) -> str:
        """Write the definition and check its size.

        Returns:
            The definition.
        """
        text = write_definition(self.spec)
        if len(text) > DEFINITION_MAX_LENGTH:
            message = (
                f"the definition has {len(text):,} characters, the service takes {DEFINITION_MAX_LENGTH:,}"
            )
            self.sink.error(
                message, self._pipeline_location("name"), code="pipeline.quota", hint="split the pipeline"
            )
        return text

    def locate_field(self, step: str, path: str | FieldPath) -> Location | None:
        """Return the location of a field of a step, or of its nearest ancestor that has a location.

        Args:
            step: The name of the step.
            path: The field in the definition, such as ``("Arguments", "VpcConfig", "Subnets")``, or the name of a
                top-level field of the step's entry.

        Raises:
            ValueError: If the path is a string with a dot.
        """
        parts = to_path(path)
        spec = self._steps.get(step)
        if spec is None:
            return self._pipeline_location("name")
        origin = origin_at(spec.origins, parts)
        return (self.locate(origin) if origin is not None else None) or self._step_location(spec)

    def quotas(self, text: str) -> tuple[Quota, ...]:
        """Return the pipeline-wide limits and how much of each the pipeline uses."""
        return (
            Quota("definition characters", len(text), DEFINITION_MAX_LENGTH),
            Quota("steps", len(self.spec.steps), self.step_limit),
            Quota("pipeline name characters", len(self.spec.name), PIPELINE_NAME_MAX_LENGTH),
        )

    def _check_body(self, step: StepSpec) -> list[StepProblem]:
        found = list(request_problems(step, self.targets, self.forbidden(step.step_type)))
        for problem in found:
            if problem.code == "request.unknown-shape":
                message = f"step {step.name!r}: {problem.message}"
                self.sink.error(message, self._step_location(step), code="request.unknown-shape")
            else:
                self._report(step, problem)
        return found

    def _report_pipeline(self, problem: StepProblem) -> None:
        if problem.step is not None:
            self._report(self._steps[problem.step], problem)
        else:
            field = "region" if problem.path == REGION_PATH else "name"
            self._add(problem, f"pipeline: {problem.message}", self._pipeline_location(field))

    def _add(
        self,
        problem: StepProblem,
        message: str,
        location: Location | None,
        inherited_by: str | None = None,
    ) -> None:
        """Record the diagnostic of a problem, apart from others if the config ignores its rule."""
        steps = () if inherited_by is None else (inherited_by,)
        found = Diagnostic(
            message,
            location,
            problem.severity,
            code=problem.code,
            hint=problem.hint,
            steps=steps,
            cause=problem.cause,
        )
        if problem.code in self.ignored:
            self.sink.ignore(found)
        else:
            self.sink.extend([found])

    def _check_properties(self, step: StepSpec) -> None:
        """Report an error if botocore does not have the shapes of the step's properties."""
        properties = step.properties
        if properties in self._known_properties:
            return
        try:
            for name in properties.shapes:
                load_shapes(properties.service).shape(name)
        except ServiceModelError as error:
            message = f"step {step.name!r}: {error}"
            self.sink.error(message, self._step_location(step), code="request.unknown-shape")
        else:
            self._known_properties.add(properties)

    def _report(self, step: StepSpec, problem: StepProblem) -> None:
        origin = origin_at(step.origins, problem.path)
        if origin is not None and origin.kind == "plugin" and problem.parameter is None:
            self._tell(step, self._origin(step, problem.path), problem)
            return
        message, hint = problem.message, problem.hint
        if problem.code == "request.missing-field":
            if step.name in self.incomplete:
                return
            path = problem.path[1:]
            names = [name for name, to in self.fields(step.step_type) if to.path == path]
            if names:
                message, hint = f"{names[0]!r} is missing", f"it becomes {format_path(path)}"
            else:
                hint = hint or "give it under request"
        if problem.parameter is not None:
            self._report_parameter(step, problem, problem.parameter)
            return
        if origin is not None and (origin.kind == "argument" or origin.path[:1] == ("pipeline",)):
            # A problem in a pipeline-wide value affects every step. Report it once.
            if (origin, problem.code) not in self._reported:
                self._reported.add((origin, problem.code))
                subject = origin.detail or str(origin.path[-1])
                self._add(replace(problem, hint=hint), f"{subject}: {message}", self.locate(origin))
            return
        problem = replace(problem, message=message, hint=hint)
        origin = self._origin(step, problem.path)
        in_request = problem.path[:1] == ("Arguments",) and problem.code not in _ABOUT_REQUEST
        plugin = None
        if in_request and (origin is None or origin.kind in ("config", "default")):
            # A problem of the shape of a request is about its own path, and may list the names of others.
            is_rule = not problem.code.startswith("request.")
            plugin = self._plugin_in(step, problem) if is_rule else None
            problem, origin = self._spell_fields(step, origin, problem)
        self._tell(step, origin, problem, plugin)

    def _plugin_in(self, step: StepSpec, problem: StepProblem) -> str | None:
        """Return the plugin that set a member which a problem of another one names, such as what needs the other."""
        from dagcast.compile.field_names import FieldNames

        for member in FieldNames(step, ()).members(problem.message, problem.path[1:]):
            path = ("Arguments", *member)
            origin = origin_at(step.origins, path)
            is_set = value_in(step.arguments, member) is not NOTHING
            if is_set and origin is not None and origin.kind == "plugin":
                return origin.detail
        return None

    def _spell_fields(
        self, step: StepSpec, origin: Origin | None, problem: StepProblem
    ) -> tuple[StepProblem, Origin | None]:
        """Name config fields in a problem. Locate the first of them if the value itself is in no line of the config."""
        from dagcast.compile.field_names import FieldNames, field_of

        names = FieldNames(step, self.fields(step.step_type))
        message, members = names.spell(problem.message, problem.path[1:])
        hint, _ = names.spell(problem.hint or "", problem.path[1:])
        if origin is None or origin.kind == "default" or len(origin.path) < 3:
            places = [("Arguments", *member) for member in members]
            given = [place for place in places if place in step.origins and field_of(step.origins[place])]
            if given:
                origin = self._origin(step, given[0])
        return replace(problem, message=message, hint=hint or None), origin

    def _origin(self, step: StepSpec, path: FieldPath) -> Origin | None:
        """Return the origin of a value of a step, at the line of the value itself."""
        found = self._origins.get((step.name, path))
        if found is None:
            values = {"Arguments": step.arguments, **step.fields}
            found = find_origin(step.origins, path, value_in(values, path), self.config)
            # Cache the origin: one value may contain thousands of invalid references.
            self._origins[step.name, path] = found
        return found

    def _report_parameter(self, step: StepSpec, problem: StepProblem, name: str) -> None:
        """Report a value of a parameter that a field rejects. Report it once, even if several fields reject it."""
        origin = self.spec.origins.get(("Parameters", name))
        if origin is None or (origin, problem.code) in self._reported:
            return
        self._reported.add((origin, problem.code))
        declared = Origin(origin.kind, (*origin.path, "default"), origin.detail)
        problem, _ = self._spell_fields(step, declared, problem)
        message = f"parameter {name!r}, which step {step.name!r} reads: {problem.message}"
        self._add(problem, message, self.locate(declared))

    def _check_references(self, step: StepSpec) -> None:
        for problem in reference_problems(step, self.targets):
            self._tell(step, self._origin(step, problem.path), problem)

    def _tell(
        self, step: StepSpec, origin: Origin | None, problem: StepProblem, plugin: str | None = None
    ) -> None:
        """Report a problem of a step, and who set the value.

        Args:
            step: The step.
            origin: The origin of the value.
            problem: The problem.
            plugin: The plugin that caused the problem with another value, if one did.
        """
        location = (self.locate(origin) if origin is not None else None) or self._step_location(step)
        if origin is not None and origin.kind == "plugin":
            plugin = origin.detail
        if plugin is not None:
            self._by_plugin.setdefault((plugin, replace(problem, step=None)), []).append(
                (step.name, location)
            )
            return
        from_defaults = origin is not None and self.inherited(origin)
        owner = "defaults" if from_defaults else f"step {step.name!r}"
        if problem.code in _USUALLY_INHERITED:
            problem = replace(problem, cause=problem.message)
        elif from_defaults and origin is not None and problem.cause is None:
            # A value that jobs of several types inherit may be refused by each of them, in different words.
            problem = replace(problem, cause=f"default {location} {problem.path[-1:]} {problem.code}")
        self._add(problem, f"{owner}: {problem.message}", location, step.name if from_defaults else None)

    def _tell_plugins(self) -> None:
        """Report the problems that plugins caused. A plugin changes many steps in one way: that is one problem."""
        for (plugin, problem), found in self._by_plugin.items():
            names = [name for name, _ in found]
            owner = f"step {names[0]!r}, as plugin {plugin!r} changed it"
            if len(names) > 1:
                owner = f"steps {join_names(names)}, as plugin {plugin!r} changed them"
            remedy = f"report it to the authors of plugin {plugin!r}, or leave the plugin out"
            hint = f"{problem.hint}; {remedy}" if problem.hint else remedy
            self._add(replace(problem, hint=hint), f"{owner}: {problem.message}", found[0][1])

    def _check_pipeline(self) -> None:
        spec = self.spec
        if len(spec.name) > EXECUTION_NAME_MAX_LENGTH:
            message = (
                f"the pipeline's name has {len(spec.name)} characters; "
                f"names of executions have {EXECUTION_NAME_MAX_LENGTH}"
            )
            self.sink.warn(message, self._pipeline_location("name"), code="pipeline.long-name")
        if len(spec.steps) > self.step_limit:
            message = f"the pipeline has {len(spec.steps)} steps, over the limit of {self.step_limit}"
            hint = "ask AWS for a higher quota, and set pipeline.limits.steps to it"
            self.sink.warn(message, self._pipeline_location("limits"), code="pipeline.quota", hint=hint)
        tags = [{"Key": key, "Value": value} for key, value in spec.tags]
        for problem in check_request(
            tags, "TagList", path=("tags",), parameter_types={}, reference_type=lambda _: None
        ):
            message = f"pipeline: {problem.message}"
            self.sink.error(message, self._pipeline_location("tags"), code=problem.code, hint=problem.hint)
        for path, reference in located_references({"experiment": spec.experiment}):
            found = self.targets.problem(reference)
            if reference.steps:
                message = f"{reference} is not known yet when the experiment is set, before any step"
                found = ReferenceProblem(message, "reference.not-yet-known")
            if found is not None:
                place = self._pipeline_location(str(path[0]))
                self.sink.error(found.message, place, code=found.code, hint=found.hint, cause=found.cause)

    def _step_location(self, step: StepSpec) -> Location | None:
        return self.locate(Origin("config", ("steps", step.name)))

    def _pipeline_location(self, field: str) -> Location | None:
        return self.locate(Origin("config", ("pipeline", field)))
