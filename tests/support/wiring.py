"""Steps with ports for tests of wiring, and what they are bound to."""

from __future__ import annotations

from typing import Any

from dagcast import PipelineDAGCompiler
from tests.support.compiling import JOB, config, steps_of


def load(*outputs: str, **fields: Any) -> dict[str, Any]:
    """A Processing step with outputs."""
    return {"type": "Processing", **JOB, "outputs": dict.fromkeys(outputs), **fields}


def work(*inputs: str, **fields: Any) -> dict[str, Any]:
    """A Processing step with declared inputs."""
    return {"type": "Processing", **JOB, "inputs": dict.fromkeys(inputs), **fields}


def train(**fields: Any) -> dict[str, Any]:
    """A Training step."""
    return {"type": "Training", **JOB, **fields}


def model(**fields: Any) -> dict[str, Any]:
    """A CreateModel step."""
    return {"type": "CreateModel", "image_uri": JOB["image_uri"], **fields}


def bindings(steps: dict[str, Any], edges: list[Any], **sections: Any) -> list[str]:
    """The bindings of a pipeline as text."""
    compiler = PipelineDAGCompiler(config(steps, edges=edges, **sections), plugins=[])
    return [str(binding) for binding in compiler.compile_definition().report.bindings]


def inputs_of(steps: dict[str, Any], edges: list[Any], step: str) -> dict[str, Any]:
    """What each input of a Processing step reads."""
    arguments = steps_of(config(steps, edges=edges))[step]["Arguments"]
    return {item["InputName"]: item["S3Input"]["S3Uri"] for item in arguments.get("ProcessingInputs", [])}


def output(step: str, name: str) -> dict[str, str]:
    """The reference to an output of a Processing step."""
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}
