"""Ports: where data enters and leaves a step, and which outputs fit which inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, field
from typing import Final, TypeVar

from dagcast.definition.references import Reference
from dagcast.errors import Location
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath

Source = str | Reference
"""What an input reads: an S3 URI or name, or a reference to it."""


@dataclass(frozen=True)
class StagedText(Reference):
    """The S3 URI of a small file that dagcast generates and stages. It is known when the pipeline is compiled.

    Attributes:
        name: The name of the file.
        content: Its bytes.
    """

    name: str
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.name


TEXT: Final = "value"
"""The kind of the texts that Lambda and Callback steps return. A text can be an S3 URI or a name."""

VALUE_KINDS: Final = frozenset(
    {
        "model-name",
        "endpoint-config-name",
        "endpoint-name",
        "model-package",
        TEXT,
        "number",
        "boolean",
    }
)
"""Kinds that are not S3 URIs."""


@dataclass(frozen=True)
class InputPort:
    """An input that a step declares.

    Attributes:
        name: Unique among the inputs of the step.
        kind: What flows in, such as ``dataset``, ``model`` or ``report``.
        given: What the config says that it reads; ``None`` leaves it to an edge.
        required: Whether the step cannot run without it.
        about: One line for ``dagcast steps``.
        aliases: Other names that edges and outputs may use for it.
        takes_any_kind: Whether every S3 URI fits, because the config does not declare a kind.

    Example:
        >>> InputPort("train", "dataset", required=False).kind
        'dataset'
    """

    name: str
    kind: str
    given: Source | None = None
    required: bool = True
    about: str = ""
    _: KW_ONLY
    aliases: tuple[str, ...] = ()
    takes_any_kind: bool = False


@dataclass(frozen=True)
class OutputPort:
    """An output that a step declares.

    Attributes:
        name: Unique among the outputs of the step.
        kind: What flows out.
        value: The reference that yields it when the pipeline runs.
        about: One line for ``dagcast steps``.
        aliases: Other names that edges and inputs may use for it.
        named_only: Whether it binds only where an edge or an input names it.
        part_of: The output in which this one is a file; ``None`` for an output of its own.

    Example:
        >>> from dagcast.definition.references import StepProperty
        >>> OutputPort("model", "model", StepProperty("train", "ModelArtifacts.S3ModelArtifacts")).name
        'model'
    """

    name: str
    kind: str
    value: Reference
    about: str = ""
    _: KW_ONLY
    aliases: tuple[str, ...] = ()
    named_only: bool = False
    part_of: str | None = None


PortT = TypeVar("PortT", InputPort, OutputPort)


@dataclass(frozen=True, kw_only=True)
class StepPorts:
    """What wiring knows of a step.

    Attributes:
        inputs: Its declared input ports.
        outputs: Its output ports.
        open_inputs: Whether an edge may name an input that is not declared.
        reads: The steps that its config refers to.
        depends_on: The steps that its config lists under ``depends_on``.
        branches: For a condition: the steps of its branches; ``None`` for any other step.
        texts: Texts of its config that could name an output, each with its path; no input reads them.
        locate: Gives the place of a field of the step; of the step itself for ``()``.
    """

    inputs: tuple[InputPort, ...] = ()
    outputs: tuple[OutputPort, ...] = ()
    open_inputs: bool = False
    reads: frozenset[str] = frozenset()
    depends_on: frozenset[str] = frozenset()
    branches: frozenset[str] | None = None
    texts: tuple[tuple[FieldPath, str], ...] = ()
    locate: Callable[[FieldPath], Location | None] = field(default=lambda _: None)

    def input(self, name: str) -> InputPort | None:
        """Return the declared input with this name or alias."""
        return _find(self.inputs, name)

    def output(self, name: str) -> OutputPort | None:
        """Return the output with this name or alias."""
        return _find(self.outputs, name)

    def target(self, name: str) -> InputPort | None:
        """Return the input that an edge can name: a declared one, or a new one of a step with open inputs."""
        port = self.input(name)
        if port is None and self.open_inputs:
            return InputPort(name, "dataset", takes_any_kind=True)
        return port


def _find(ports: Iterable[PortT], name: str) -> PortT | None:
    found = None
    for port in ports:
        if port.name == name:
            return port
        if found is None and name in port.aliases:
            found = port
    return found


def shared_aliases(ports: Iterable[PortT]) -> list[tuple[str, str, str]]:
    """Return the aliases that mean more than one port: each with the port that has it and the other port."""
    owners: dict[str, str] = {}
    listed = list(ports)
    for port in listed:
        owners[port.name] = port.name
    found = []
    for port in listed:
        for alias in port.aliases:
            owner = owners.setdefault(alias, port.name)
            if owner != port.name:
                found.append((alias, port.name, owner))
    return found


def may_feed(output: OutputPort, port: InputPort) -> bool:
    """Whether an output can feed an input where both are named, or have the same name.

    Every S3 URI may feed every input that reads S3. A text may be an S3 URI or a name. Other values feed inputs of
    the same kind.
    """
    if output.kind == TEXT:
        return True
    if port.kind == TEXT:
        return output.kind in VALUE_KINDS
    if output.kind in VALUE_KINDS or port.kind in VALUE_KINDS:
        return output.kind == port.kind
    return True


def fits(output: OutputPort, port: InputPort) -> bool:
    """Whether an output fits an input that nobody names."""
    if port.takes_any_kind:
        # A file inside of another output is a second name for the same data.
        return output.kind not in VALUE_KINDS and output.part_of is None
    return output.kind == port.kind


def matches_alias(output: OutputPort, port: InputPort) -> bool:
    """Whether an output and an input have different names, and share a name through an alias."""
    if output.name == port.name:
        return False
    return not {output.name, *output.aliases}.isdisjoint((port.name, *port.aliases))
