"""A pipeline definition as frozen data: parameters and steps.

:mod:`dagcast.definition.read` reads it from JSON, and :mod:`dagcast.definition.write` writes it. The compiler's specs
(:mod:`dagcast.compile.spec.pipeline`) are subclasses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from typing import Literal

from dagcast.definition.dependencies import Dependencies, find_dependencies
from dagcast.definition.references import Reference, located_references, references
from dagcast.definition.values import FrozenDict
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import FieldPath
from dagcast.sagemaker.limits import STEP_NAME_MAX_LENGTH, STEP_NAME_PATTERN
from dagcast.sagemaker.step_kinds import STEP_KINDS, output_properties
from dagcast.sagemaker.step_shapes import PropertyShape, RequestShape

ParameterType = Literal["String", "Integer", "Float", "Boolean"]


def is_step_name(text: str) -> bool:
    """Return whether ``text`` is a valid name of a step."""
    return len(text) <= STEP_NAME_MAX_LENGTH and _STEP_NAME.fullmatch(text) is not None


_STEP_NAME = lazy_pattern(STEP_NAME_PATTERN)


@dataclass(frozen=True)
class ParameterSpec:
    """A pipeline parameter.

    Attributes:
        name: Unique in the pipeline.
        type: The service's name of its type.
        default: The value if a start gives no other; ``None`` for a required parameter.
        enum: The valid values of a String parameter; if empty, every value is valid.

    Example:
        >>> ParameterSpec("Mode", "String", "fast", ("fast", "slow")).default
        'fast'
    """

    name: str
    type: ParameterType
    default: str | int | float | bool | None = None
    enum: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a definition.

    Attributes:
        name: Unique in the pipeline.
        definition_type: The ``Type`` in the pipeline definition.
        arguments: The request body, with references; of a condition step, without the steps of its branches.
        fields: The other fields of the step's entry in the definition, such as ``CacheConfig``, with references.
        depends_on: The steps under ``DependsOn``, which this step waits for without reading from them.
        triggers: By name of a step in ``depends_on``: how it has to end, one of
            :data:`~dagcast.definition.dependencies.TRIGGERS`. All other steps have to succeed.
        display_name: A name for people, if given.
        description: Free text, if given.
        if_steps: For a condition step: the steps that run if all conditions are true.
        else_steps: For a condition step: the steps that run otherwise.
    """

    name: str
    definition_type: str
    arguments: FrozenDict = field(default_factory=FrozenDict)
    fields: FrozenDict = field(default_factory=FrozenDict)
    depends_on: tuple[str, ...] = ()
    triggers: FrozenDict = field(default_factory=FrozenDict)
    display_name: str | None = None
    description: str | None = None
    if_steps: tuple[str, ...] = ()
    else_steps: tuple[str, ...] = ()

    @property
    def shapes(self) -> tuple[RequestShape, ...]:
        """The shapes of the request body; empty if no service model describes it, or the kind is unknown."""
        kind = STEP_KINDS.get(self.definition_type)
        return kind.shapes if kind is not None else ()

    @property
    def properties(self) -> PropertyShape | None:
        """The properties that other steps may read; ``None`` if the kind of step is unknown."""
        if "OutputParameters" in self.fields:
            return output_properties(self.fields["OutputParameters"])
        kind = STEP_KINDS.get(self.definition_type)
        return kind.properties if kind is not None else None

    @property
    def is_condition(self) -> bool:
        """Whether this is a condition step, which has branches."""
        return self.definition_type == "Condition"

    def references(self) -> Iterator[Reference]:
        """Yield every reference in the step's arguments and other fields, in order."""
        yield from references(self.arguments)
        yield from references(self.fields)

    def reads(self) -> tuple[str, ...]:
        """Return the names of the steps that this one reads from, each once, in the order of the references."""
        return self._reads

    @cached_property
    def located_references(self) -> tuple[tuple[FieldPath, Reference], ...]:
        """Every reference of the step with its path in the definition; in the place of a join those inside of it."""
        return tuple(located_references({"Arguments": self.arguments, **self.fields}))

    @cached_property
    def _reads(self) -> tuple[str, ...]:
        names = dict.fromkeys(name for _, reference in self.located_references for name in reference.steps)
        return tuple(names)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A pipeline definition.

    Attributes:
        parameters: In the order of the definition.
        steps: All steps, including those in branches, which follow their condition.
        experiment: ``ExperimentName`` and ``TrialName``, or ``None`` without an experiment.
    """

    parameters: tuple[ParameterSpec, ...] = ()
    steps: tuple[Step, ...] = ()
    experiment: FrozenDict | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        """The steps by name, in their order."""
        return {step.name: step for step in self.steps}

    @cached_property
    def dependencies(self) -> Mapping[str, Dependencies]:
        """The dependencies of each step by its name."""
        return find_dependencies(self.steps)

    @property
    def top_level_steps(self) -> tuple[Step, ...]:
        """The steps that are in no branch of a condition."""
        nested = {name for step in self.steps for name in (*step.if_steps, *step.else_steps)}
        return tuple(step for step in self.steps if step.name not in nested)

    def parameter_types(self) -> dict[str, ParameterType]:
        """Return the type of each parameter by its name."""
        return {parameter.name: parameter.type for parameter in self.parameters}

    def parameter_defaults(self) -> dict[str, str | int | float | bool | None]:
        """Return the default of each parameter by its name; ``None`` for a parameter without one."""
        return {parameter.name: parameter.default for parameter in self.parameters}
