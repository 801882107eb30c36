"""The definition of a step type: a config model, ports, and a function that builds the service request.

Each module of a step type defines one :class:`StepType`. Most fields of its config model are mapped to a request
member with :class:`~dagcast.compile.config.step.To`. The ``lower`` function sets the other members.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.step import StepConfig
from dagcast.compile.spec.pipeline import PropertyShape, RequestShape
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


ConfigT = TypeVar("ConfigT", bound=StepConfig)


def no_inputs(config: Any) -> tuple[InputPort, ...]:
    """Return no input ports. Used by step types that read references only."""
    return ()


def no_outputs(config: Any, name: str) -> tuple[OutputPort, ...]:
    """Return no output ports. Used by step types without outputs."""
    return ()


@dataclass(frozen=True, kw_only=True)
class StepType(Generic[ConfigT]):
    """A type of step.

    Attributes:
        name: The ``type`` of the config.
        definition_type: The ``Type`` in the definition, or a function that returns it for a config.
        about: One sentence that ``dagcast steps`` prints.
        config: The config model.
        lower: A function that fills the request of one step.
        inputs: A function that returns the input ports of a config.
        outputs: A function that returns the output ports of a config and the step's name.
        open_inputs: Whether an edge may name an input that the config does not declare.
        shapes: The botocore shapes of the request body, or a function that returns them for a config. Empty if no
            service shape describes the body.
        properties: The properties that ``${step.<name>...}`` may refer to, or a function that returns them for a
            config.
        sample: Fields of an example config, for which the ports can be shown.
        forbidden: Members of the request that pipelines reject, by name or path, each with the reason.

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
        """Return the ``Type`` in the definition of a step with this config."""
        return self.definition_type(config) if callable(self.definition_type) else self.definition_type

    def shapes_of(self, config: ConfigT) -> tuple[RequestShape, ...]:
        """Return the shapes of the request body of a step with this config."""
        return self.shapes(config) if callable(self.shapes) else self.shapes

    def properties_of(self, config: ConfigT) -> PropertyShape:
        """Return the properties that references to a step with this config may use."""
        return self.properties(config) if callable(self.properties) else self.properties


EXPERIMENT_CONFIG = "the pipeline sets the experiment: use pipeline.experiment"
"""Reason why ``ExperimentConfig`` is forbidden for jobs. Source: the SDK drops it from every job step."""


def tag_list(tags: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Convert ``{key: value}`` to the service's list of tags, in the same order."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
