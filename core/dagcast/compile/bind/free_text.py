"""Free text that names an output of a step, such as ``make.model_name`` in the environment of a job.

In ``inputs`` of most steps, ``step.port`` is read as an output. Fields of free text send it as it is, which is hardly
ever meant, so it is refused with the reference to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagcast.compile.bind.ports import StagedText, StepPorts
from dagcast.compile.bind.wiring import WiringProblem
from dagcast.compile.config.reference_syntax import format_references
from dagcast.paths import FieldPath, format_path

FREE_TEXT_FIELDS = ("inputs", "arguments", "args", "environment", "hyperparameters", "parameters")
"""Fields of step configs whose texts reach a job, a function or a queue as they are."""


def find_texts(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    """Yield each text of JSON data that has the form ``step.port``, with its path."""
    if isinstance(value, str):
        step, dot, port = value.partition(".")
        if step and dot and port and "/" not in value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from find_texts(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from find_texts(item, (*path, index))


def check_texts(
    name: str, ports: StepPorts, steps: Mapping[str, StepPorts], may_follow: Callable[[str, str], bool]
) -> Iterator[WiringProblem]:
    """Find texts of a step that name an output of another step.

    Args:
        name: The step.
        ports: Its ports and texts.
        steps: All steps.
        may_follow: Whether the first step can read from the second.
    """
    for path, text in ports.texts:
        source, _, port = text.partition(".")
        output = steps[source].output(port) if source in steps and source != name else None
        if output is None:
            continue
        field = format_path(path)
        as_text = f"to send the text itself, set it in the request of {name!r}"
        if not may_follow(name, source):
            hint = f"{name!r} cannot read it, as it does not run after {source!r}; {as_text}"
        elif isinstance(output.value, StagedText):
            declared = f"declare an input that reads it, inputs: {{{port}: {text}}}"
            hint = f"{declared if ports.open_inputs else 'a staged file has no reference'}; {as_text}"
        elif path[0] == "hyperparameters" and len(path) > 2:
            hint = f"give it a hyperparameter of its own, {format_references(output.value)}; {as_text}"
        elif output.kind in ("number", "boolean") and path[0] != "inputs":
            hint = f"write it in a longer text, such as {port}={format_references(output.value)}; {as_text}"
        else:
            hint = f"write {format_references(output.value)}; {as_text}"
        yield WiringProblem(
            code="wiring.output-as-text",
            message=f"step {name!r}: {field} is the text {text!r}, which names an output of {source!r}",
            path=path,
            hint=hint,
        )
