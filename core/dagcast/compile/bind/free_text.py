"""Free text that names an output of a step, such as ``make.model_name`` in the environment of a job.

In ``inputs`` of most steps, ``step.port`` is read as an output. Other fields send it as it is, which is hardly ever
meant, so it is refused with the reference to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from dagcast.compile.bind.ports import OutputPort, StagedText, StepPorts
from dagcast.compile.bind.wiring import WiringProblem
from dagcast.compile.config.reference_syntax import format_references
from dagcast.errors import nearest
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath, format_path
from dagcast.suggestions import is_likely

_COMPARED = frozenset({"conditions", "error_message"})
"""Free text of steps that send no request."""


def named_part(text: str) -> str:
    """Return the part of a text that may name an output: the value of an option such as ``--model=make.model``."""
    return text.partition("=")[2] if text.startswith("-") else text


def check_texts(
    name: str, ports: StepPorts, steps: Mapping[str, StepPorts], may_follow: Callable[[str, str], bool]
) -> Iterator[WiringProblem]:
    """Find texts of a step that name an output of another step, or almost do.

    Args:
        name: The step.
        ports: Its ports and texts.
        steps: All steps.
        may_follow: Whether the first step can read from the second.
    """
    for path, text in ports.texts:
        source, _, port = named_part(text).partition(".")
        if source not in steps or source == name:
            continue
        output = steps[source].output(port)
        inside = ""
        if output is None and path[0] == "conditions":
            file, _, inside = port.partition(".")
            output = steps[source].output(file)
            output = output if output is not None and output.part_of is not None else None
        where = f"step {name!r}: {format_path(path)} is the text {text!r}"
        if output is not None:
            named = _NamedOutput(path, text, source, output, inside)
            hint = named.hint(ports.open_inputs)
            if not may_follow(name, source):
                hint = f"{name!r} cannot read it, as it does not run after {source!r}"
            if path[0] not in _COMPARED:
                hint = f"{hint}; to send the text itself, set it in the request of {name!r}"
            message = f"{where}, which names an output of {source!r}"
            yield WiringProblem(code="wiring.output-as-text", message=message, path=path, hint=hint)
            continue
        close = nearest(port, tuple(known.name for known in steps[source].outputs))
        if close is not None and is_likely(port, close):
            yield WiringProblem(
                code="wiring.output-as-text",
                message=f"{where}, which is sent as it is: {source!r} has no output {port!r}",
                path=path,
                hint=f"did you mean the output {close!r}?",
                severity="warning",
            )


@dataclass(frozen=True)
class _NamedOutput:
    """An output that a text names.

    Attributes:
        path: The field with the text.
        text: The text.
        source: The step of the output.
        output: The output.
        inside: The path of a value in the file that the output is.
    """

    path: FieldPath
    text: str
    source: str
    output: OutputPort
    inside: str

    def hint(self, open_inputs: bool) -> str:
        """Return what to write in place of the text, in a step that takes any input or not."""
        field, output = self.path[0], self.output
        if field == "conditions" and output.part_of is not None:
            written = f"${{json.{self.source}.{output.name}.{self.inside or 'PATH'}}}"
            return f"write {written}" + ("" if self.inside else ", with the path of a value in the file")
        if isinstance(output.value, StagedText):
            declared = f"declare an input that reads it, inputs: {{{output.name}: {named_part(self.text)}}}"
            return declared if open_inputs else "a staged file has no reference"
        reference = format_references(output.value)
        if field == "hyperparameters" and len(self.path) > 2:
            return f"give it a hyperparameter of its own, {reference}"
        option = self.text[: len(self.text) - len(named_part(self.text))]
        if output.kind in ("number", "boolean") and field not in ("inputs", "conditions") and not option:
            return f"write it in a longer text, such as {output.name}={reference}"
        return f"write {option}{reference}"
