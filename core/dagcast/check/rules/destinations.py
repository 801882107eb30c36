"""Rules about where steps write and read in S3: destinations that meet each other, and inputs that hold results."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

from dagcast.check.destinations import (
    Address,
    Destination,
    find_all_destinations,
    find_destinations,
    find_sibling_prefixes,
    flatten_address,
    starts_with,
)
from dagcast.check.rules.examples import definition_example, job_example
from dagcast.check.rules.pipeline_rule import PipelineRule, StepFinding
from dagcast.check.rules.rule import PipelineFacts
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import JsonGet, Reference, StepProperty
from dagcast.paths import FieldPath
from dagcast.sagemaker.data_fields import data_fields
from dagcast.sagemaker.path_patterns import find_values


def _sibling_prefix(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    for first, second in find_sibling_prefixes(definition):
        if not first.per_job:
            message = (
                f"{first} is written to {_text(first.value)}, which {second} starts with as well: an input that "
                "reads the first one reads both"
            )
            yield StepFinding(first.step, first.path, message, "end the shorter one with a slash")


def _own_results(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    defaults = definition.parameter_defaults()
    results = _PrefixIndex(find_all_destinations(definition))
    for step in definition.steps:
        for path, value in _inputs(step):
            address = flatten_address(value, defaults)
            result = results.first_longer(address)
            what = None
            if result is not None:
                what = f"the results of this pipeline ({result})"
            elif facts.code_folder is not None and starts_with((facts.code_folder,), address):
                what = "the code of this pipeline"
            if what is not None:
                yield StepFinding(
                    step.name,
                    path,
                    f"it reads everything whose key starts with {_text(value)}, {what} included",
                    "keep data apart from pipeline.prefix and from the destinations of steps",
                )


def _same_target(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    seen: dict[tuple[str, ...], str] = {}
    for step in definition.steps:
        for item in find_destinations(step):
            folder = _folder(item.address) if not item.per_job else None
            if folder is None:
                continue
            other = seen.setdefault(folder, step.name)
            if other != step.name:
                message = f"writes to the place of step {other!r}, s3://{'/'.join(folder)}"
                yield StepFinding(step.name, item.path, message, hint="give each step a place of its own")


def _folder(address: Address) -> tuple[str, ...] | None:
    """Return an address as parts that can be compared, references included; ``None`` if it is not known."""
    text = "".join(map(str, address))
    if not text.startswith("s3://") or any(isinstance(part, (StepProperty, JsonGet)) for part in address):
        return None
    return tuple(part for part in text.removeprefix("s3://").split("/") if part)


class _PrefixIndex:
    """An index of destinations by address prefix. Comparing every input with every destination is too slow."""

    def __init__(self, destinations: Iterable[Destination]) -> None:
        # In sorted order, all addresses with a common prefix directly follow the prefix.
        flattened = ((_joined(item.address), place, item) for place, item in enumerate(destinations))
        self._sorted = sorted(flattened, key=lambda entry: entry[:2])
        self._texts = [text for text, _, _ in self._sorted]
        self._found: dict[Address, Destination | None] = {}

    def first_longer(self, address: Address) -> Destination | None:
        """Return the first destination that starts with ``address`` and is longer, or ``None``."""
        # Cache the result: many steps may read the same address, and all destinations may start with it.
        if address not in self._found:
            self._found[address] = self._find(address)
        return self._found[address]

    def _find(self, address: Address) -> Destination | None:
        start = _joined(address)
        best: tuple[int, Destination] | None = None
        for index in range(bisect_left(self._texts, start), len(self._texts)):
            text, place, item = self._sorted[index]
            if not text.startswith(start):
                break
            fits = starts_with(item.address, address) and item.address != address
            if fits and (best is None or place < best[0]):
                best = place, item
        return best[1] if best is not None else None


def _joined(address: Address) -> str:
    return "\0".join(map(str, address))


def _inputs(step: Step) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the addresses that a step reads by prefix, with their paths in the step's entry."""
    for pattern in data_fields(step.definition_type).reads:
        # Other fields, such as ModelDataUrl, name one object.
        if pattern[0] == "Arguments" and pattern[-1] == "S3Uri":
            for path, source in find_values(step.arguments, pattern[1:-1]):
                if (
                    isinstance(source, dict)
                    and source.get("S3DataType", "S3Prefix") == "S3Prefix"
                    and isinstance(source.get("S3Uri"), (str, Reference))
                ):
                    yield ("Arguments", *path, "S3Uri"), source["S3Uri"]


def _text(value: Any) -> str:
    return repr(str(value))


def _reader(uri: str) -> dict[str, Any]:
    source = {
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3Uri": uri,
        "LocalPath": "/opt/ml/processing/in",
    }
    step = job_example("a", "s3://my-bucket/run/a")
    step["Arguments"]["ProcessingInputs"] = [{"InputName": "data", "S3Input": source}]
    return step


RULES = (
    PipelineRule(
        id="data.sibling-prefix",
        summary="No destination is the start of the name of another one",
        source="SageMaker API reference, S3DataSource, S3DataType: all objects that match the key name prefix",
        check=_sibling_prefix,
        severity="warning",
        obeys=definition_example(
            job_example("a", "s3://my-bucket/a/"), job_example("b", "s3://my-bucket/a_labels")
        ),
        breaks=definition_example(
            job_example("a", "s3://my-bucket/a"), job_example("b", "s3://my-bucket/a_labels")
        ),
    ),
    PipelineRule(
        id="data.own-results",
        summary="An input does not hold the results or the code of its own pipeline",
        source="SageMaker API reference, S3DataSource, S3DataType: all objects that match the key name prefix",
        check=_own_results,
        severity="warning",
        obeys=definition_example(_reader("s3://my-bucket/data")),
        breaks=definition_example(_reader("s3://my-bucket/run")),
    ),
    PipelineRule(
        id="pipeline.same-target",
        summary="Steps write to different places of S3",
        source="Equal keys overwrite each other",
        check=_same_target,
        severity="warning",
        obeys=definition_example(job_example("a", "s3://my-bucket/a"), job_example("b", "s3://my-bucket/b")),
        breaks=definition_example(
            job_example("a", "s3://my-bucket/a"), job_example("b", "s3://my-bucket/a/")
        ),
    ),
)
