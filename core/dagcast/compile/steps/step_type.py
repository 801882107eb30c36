"""What a step type is: a config model, ports, and a lowering to its service request.

A step type is one module here that ends in one :class:`StepType`. Most fields of its config model say with
:class:`~dagcast.compile.config.step.To` where in the request they go; ``lower`` does the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.step import StepConfig
from dagcast.compile.spec.pipeline import PropertyShape, RequestShape
from dagcast.paths import FieldPath

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


ConfigT = TypeVar("ConfigT", bound=StepConfig)


def no_inputs(config: Any) -> tuple[InputPort, ...]:
    """For step types that only read references."""
    return ()


def no_outputs(config: Any, name: str) -> tuple[OutputPort, ...]:
    """For step types that nothing flows out of."""
    return ()


@dataclass(frozen=True, kw_only=True)
class StepType(Generic[ConfigT]):
    """A kind of step.

    Attributes:
        name: The ``type`` of the config.
        definition_type: The ``Type`` in the definition, or a function that reads it off the config.
        about: One sentence for ``dagcast steps``.
        config: The config model.
        lower: Fills the request of one step.
        inputs: The input ports that a config declares.
        outputs: The output ports that a config declares, given the step's name.
        open_inputs: Whether an edge may name an input that the config does not declare.
        shapes: The botocore shapes of the request body, or a function that reads them off the config; empty
            where no service shape describes it.
        properties: What ``${step.<name>...}`` may refer to.
        sample: Fields of a config with which the ports can be shown.
        forbidden: Members of the request that pipelines do not take, as names or paths, each with the reason.

    Example:
        >>> from typing import Literal
        >>> class NotifyConfig(StepConfig):
        ...     type: Literal["Notify"] = "Notify"
        ...     text: str
        >>> def lower(step, config):
        ...     step.put("ErrorMessage", config.text, "text")
        >>> notify = StepType(
        ...     name="Notify", definition_type="Fail", about="Ends with a text.", config=NotifyConfig, lower=lower
        ... )
        >>> notify.definition_type_of(NotifyConfig(text="done"))
        'Fail'
    """

    name: str
    definition_type: str | Callable[[ConfigT], str]
    about: str
    config: type[ConfigT]
    lower: Callable[["Lowering", ConfigT], None]
    inputs: Callable[[ConfigT], tuple[InputPort, ...]] = no_inputs
    outputs: Callable[[ConfigT, str], tuple[OutputPort, ...]] = no_outputs
    open_inputs: bool = False
    shapes: tuple[RequestShape, ...] | Callable[[ConfigT], tuple[RequestShape, ...]] = ()
    properties: PropertyShape | Callable[[ConfigT], PropertyShape] = PropertyShape()
    sample: Mapping[str, Any] = field(default_factory=dict)
    forbidden: Mapping[str | FieldPath, str] = field(default_factory=dict)

    def definition_type_of(self, config: ConfigT) -> str:
        """The ``Type`` in the definition of a step with this config."""
        return self.definition_type(config) if callable(self.definition_type) else self.definition_type

    def shapes_of(self, config: ConfigT) -> tuple[RequestShape, ...]:
        """The shapes of the request body of a step with this config."""
        return self.shapes(config) if callable(self.shapes) else self.shapes

    def properties_of(self, config: ConfigT) -> PropertyShape:
        """What may be referred to in a step with this config."""
        return self.properties(config) if callable(self.properties) else self.properties


EXPERIMENT_CONFIG = "the pipeline sets the experiment: use pipeline.experiment"
"""Why jobs in a pipeline take no ExperimentConfig. Source: the SDK drops it from every job step."""


def tag_list(tags: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``{key: value}`` as the service's list of tags, in the order given."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
