"""Every framework of the SDK's image tables compiles to the image that the SDK itself names.

The newest version of each framework is tried.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.sagemaker.sdk import load_image_uris
from tests.support.compiling import PIPELINE

TABLES = load_image_uris()
FILES = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(TABLES.__file__).parent / "image_uri_config").glob("*.json"))
}
MACHINES = {
    "cpu": "ml.m5.xlarge",
    "gpu": "ml.g5.xlarge",
    "inf": "ml.inf1.xlarge",
    "inf2": "ml.inf2.xlarge",
    "neuronx": "ml.trn1.2xlarge",
    "trn": "ml.trn1.2xlarge",
}
VARIANTS = {
    "huggingface-neuron": {"framework": "huggingface", "inference_tool": "neuron"},
    "huggingface-neuronx": {"framework": "huggingface", "inference_tool": "neuronx"},
    "huggingface-training-compiler": {"framework": "huggingface", "training_compiler_config": True},
    "pytorch-neuron": {"framework": "pytorch", "inference_tool": "neuron"},
    "pytorch-training-compiler": {"framework": "pytorch", "training_compiler_config": True},
}
"""How ``retrieve`` finds the tables that it cannot read by their names."""

PROCESSING = ("clarify", "data-wrangler", "model-monitor", "spark")
"""Frameworks for Processing alone, for which no scope is passed."""

UNNAMED = {
    "hyperpod-recipes-neuron": "retrieve knows no instance type that fits the table's only processor, neuronx",
    "sagemaker-base-python": "retrieve cannot read the table; a function of its own does, for @step functions",
}
"""Frameworks that no step can name, each with the reason; a step that does has an error with its line."""


UNNAMED_VERSIONS: Mapping[str, set[str]] = {
    "huggingface-neuronx": {"4.48.1", "4.51.0"},
    "pytorch-smp": {"2.3.1"},
}
"""Versions by framework that a table lists and ``retrieve`` has no image for: it takes no Trainium for Hugging Face."""


@dataclass(frozen=True)
class Candidate:
    """One way to ask for an image of a table: the step's fields, and the arguments of ``retrieve``."""

    version: str
    step: dict[str, Any]
    arguments: dict[str, Any]


def parts_of(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each scope of a table with its part."""
    if "versions" in table:
        for scope in table.get("scope", ["training"]):
            yield scope, table
        return
    for scope, part in table.items():
        if isinstance(part, dict) and "versions" in part:
            yield scope, part


def candidates(framework: str) -> list[Candidate]:
    """Every way to name an image of the last version of a framework that each scope of its table lists."""
    found = []
    for scope, part in parts_of(FILES[framework]):
        if (
            scope == "eia"
        ):  # Elastic Inference is not a service any more, and its images take an argument of their own
            continue
        versions = dict([list(part["versions"].items())[-1]])
        for version, entry in versions.items():
            bases = {key: value for key, value in entry.items() if key.startswith(("pytorch", "tensorflow"))}
            for base, inner in (bases or {None: entry}).items():
                found += list(_of_version(framework, scope, version, base, {**part, **inner}))
    return found


def _of_version(
    framework: str, scope: str, version: str, base: str | None, entry: Mapping[str, Any]
) -> Iterator[Candidate]:
    region = next((name for name in ("us-east-1", "us-west-2") if name in entry["registries"]), None) or next(
        iter(entry["registries"])
    )
    pythons = entry.get("py_versions") or [None]
    machines: list[str | None] = [MACHINES[name] for name in entry.get("processors") or ["cpu"]]
    if "neuronx" in (entry.get("processors") or ()) and scope == "inference":
        machines.append(None)
    if scope == "inference_graviton":
        machines = ["ml.c7g.xlarge"]
    for python in pythons:
        for machine in machines:
            for sdk in entry.get("sdk_versions") or [None]:
                fields = {
                    "framework": framework,
                    "framework_version": version,
                    "py_version": python,
                    "base_framework_version": base,
                    "sdk_version": sdk,
                    "instance_type": machine,
                }
                kind = "CreateModel" if scope.startswith("inference") else "Training"
                if scope not in ("inference", "inference_graviton", "training"):
                    kind = "Processing"
                asked: str | None = "inference" if kind == "CreateModel" else "training"
                if kind == "Processing" and framework in PROCESSING:
                    asked = None
                given = {
                    "framework": framework,
                    "region": region,
                    "version": version,
                    "py_version": python,
                    "base_framework_version": base,
                    "sdk_version": sdk,
                    "instance_type": machine,
                    "image_scope": asked,
                    **VARIANTS.get(framework, {}),
                }
                yield Candidate(
                    version,
                    {"type": kind, **{key: value for key, value in fields.items() if value is not None}},
                    {key: value for key, value in given.items() if value is not None},
                )


def retrieved(arguments: Mapping[str, Any]) -> str | None:
    """The image that the SDK names, or ``None`` if it raises whatever error."""
    try:
        uri: str = TABLES.retrieve(**arguments)
    except (ValueError, LookupError, TypeError, AttributeError, NameError, NotImplementedError, OSError):
        return None
    return uri


def image_of(step: Mapping[str, Any]) -> str:
    """The image in the request of a step."""
    arguments = step["Arguments"]
    holder = arguments.get("PrimaryContainer") or arguments.get("AppSpecification")
    if holder is None:
        return str(arguments["AlgorithmSpecification"]["TrainingImage"])
    return str(holder.get("Image") or holder.get("ImageUri"))


def pipeline(region: str, steps: Mapping[str, Any]) -> PipelineDAGCompiler:
    """A pipeline of these steps, whose other mistakes do not count."""
    source = {"pipeline": {**PIPELINE, "region": region}, "steps": steps}
    return PipelineDAGCompiler(source, plugins=[])


FRAMEWORKS = [name for name in FILES if any(parts_of(FILES[name]))]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_images_of_a_framework_are_the_sdks(framework: str) -> None:
    by_region: dict[str, list[tuple[Candidate, str | None]]] = {}
    all_candidates = candidates(framework)
    for candidate in all_candidates:
        entry = (candidate, retrieved(candidate.arguments))
        by_region.setdefault(candidate.arguments["region"], []).append(entry)
    tried: set[str] = set()
    for region, entries in by_region.items():
        there = {f"s{index}": entry for index, entry in enumerate(entries) if entry[1] is not None}
        if there:
            compiler = pipeline(region, {name: candidate.step for name, (candidate, _) in there.items()})
            made = json.loads(compiler.compile_definition().definition)
            images = {step["Name"]: image_of(step) for step in made["Steps"]}
            assert images == {name: uri for name, (_, uri) in there.items()}
        missing = {f"s{index}": entry for index, entry in enumerate(entries) if entry[1] is None}
        if missing:
            result = pipeline(region, {name: c.step for name, (c, _) in missing.items()}).validate()
            reported = {error.code for error in result.errors}
            assert reported == {"image.unknown"}
        tried.update(candidate.version for candidate, _ in there.values())
    if framework in UNNAMED:
        assert tried == set()
    else:
        missed = {candidate.version for candidate in all_candidates} - tried
        assert missed <= UNNAMED_VERSIONS.get(framework, set())
