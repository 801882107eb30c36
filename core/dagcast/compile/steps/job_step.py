"""Job: one of the service's jobs that a document in JSON describes, such as the tuning of a language model."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from dagcast.compile.bind.ports import Source
from dagcast.compile.config.fields import EMPTY, FreeMapping, StrOrReference
from dagcast.compile.config.step import Cached, Retried, StepConfig, To
from dagcast.compile.steps.job import put_role
from dagcast.compile.steps.step_type import StepType, tag_list
from dagcast.definition.references import ExecutionVariable, Join, Reference
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class JobStepConfig(StepConfig, Cached, Retried):
    """The fields of a Job step."""

    type: Literal["Job"] = "Job"
    role: Annotated[
        StrOrReference | None, Field(description="ARN of the job's role; by default the pipeline's")
    ] = None
    job_category: Annotated[
        StrOrReference, Field(description="Category of the job, such as AgentRFT"), To("JobCategory")
    ]
    schema_version: Annotated[
        StrOrReference,
        Field(description="Version of the schema of job_config, such as 1.0.0"),
        To("JobConfigSchemaVersion"),
    ]
    job_config: Annotated[
        FreeMapping,
        Field(
            description="The configuration, which is sent as a JSON document; references in it become text. Each "
            "execution has its own folder below OutputDataConfig.S3OutputPath"
        ),
    ]
    tags: Annotated[dict[str, StrOrReference], Field(description="Tags of the job"), To("Tags", tag_list)] = (
        EMPTY
    )


def lower(step: "Lowering", config: JobStepConfig) -> None:
    """Fill a CreateJob request."""
    step.put_fields()
    put_role(step, config)
    step.put("JobConfigDocument", json_document(_with_own_folder(config.job_config)), "job_config")


def _with_own_folder(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the document with the output path of the running execution. Source: ``JobStep.arguments`` of SDK 3.27.

    The service adds nothing to the path, so executions would read each other's results.
    """
    output = document.get("OutputDataConfig")
    path = output.get("S3OutputPath") if isinstance(output, Mapping) else None
    if not isinstance(output, Mapping) or not isinstance(path, str):
        return document
    folder = Join("/", (path.rstrip("/"), ExecutionVariable("PipelineExecutionId"), ""))
    return {**document, "OutputDataConfig": {**output, "S3OutputPath": folder}}


def json_document(value: Any) -> Source:
    """Return a value as a JSON document, with references where they are filled in.

    A reference is text in the document, whatever its type.
    Source: ``convert_job_config_document_to_string`` of SDK 3.27.

    Args:
        value: JSON data with references.

    Example:
        >>> json_document({"a": [1, "b"]})
        '{"a": [1, "b"]}'
        >>> from dagcast.definition.references import ParameterRef
        >>> str(json_document({"a": ParameterRef("A")}))
        '{"a": "${param.A}"}'
    """
    parts: list[Source] = []
    for part in _parts(value):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return parts[0] if len(parts) == 1 else Join("", tuple(parts))


def _parts(value: Any) -> Iterator[Source]:
    if isinstance(value, Join):
        # The parts are spliced into the document as they are.
        parts = tuple(_escaped(part) if isinstance(part, str) else part for part in value.values)
        yield from ('"', Join(_escaped(value.on), parts), '"')
    elif isinstance(value, Reference):
        yield from ('"', value, '"')
    elif isinstance(value, Mapping):
        for index, (key, item) in enumerate(value.items()):
            yield f"{', ' if index else '{'}{json.dumps(key)}: "
            yield from _parts(item)
        yield "}" if value else "{}"
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield ", " if index else "["
            yield from _parts(item)
        yield "]" if value else "[]"
    else:
        yield json.dumps(value)


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


STEP_TYPE = StepType(
    name="Job",
    definition_type="Job",
    about="Runs a job that a JSON document describes, such as AgentRFT.",
    config=JobStepConfig,
    lower=lower,
    shapes=STEP_KINDS["Job"].shapes,
    properties=STEP_KINDS["Job"].properties,
)
