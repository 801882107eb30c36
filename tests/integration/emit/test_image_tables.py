"""Every image of the SDK's tables compiles to what the SDK itself names, and what it refuses is an error.

The newest version of each framework is tried here, and each version, alias and region by ``make test-images``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from tests.integration.emit.image_tables import (
    FRAMEWORKS,
    SCOPES,
    Question,
    endpoints_read_once,
    questions,
    retrieved,
)
from tests.support.compiling import PIPELINE

REFUSED: Mapping[str, str] = {
    "huggingface-neuronx": "retrieve takes no Trainium for Hugging Face, and cannot read most entries for training",
    "hyperpod-recipes-neuron": "retrieve knows no instance type with neuronx, the only processor of the table",
    "sagemaker-base-python": "retrieve cannot read the table; a function of its own does, for @step functions",
}
"""Frameworks with a version that the SDK names no image of, each with the reason."""


@pytest.fixture(autouse=True)
def _fast_tables() -> Iterator[None]:
    with endpoints_read_once():
        yield


def image_of(step: Mapping[str, Any]) -> str:
    """The image in the request of a step."""
    arguments = step["Arguments"]
    holder = arguments.get("PrimaryContainer") or arguments.get("AppSpecification")
    if holder is None:
        return str(arguments["AlgorithmSpecification"]["TrainingImage"])
    return str(holder.get("Image") or holder.get("ImageUri"))


def compiler(region: str, asked: Mapping[str, Question]) -> PipelineDAGCompiler:
    """A pipeline with a step for each question, whose other mistakes do not count."""
    steps = {name: dict(question.fields) for name, question in asked.items()}
    source = {
        "pipeline": {**PIPELINE, "region": region, "limits": {"steps": len(steps)}},
        "steps": steps,
    }
    return PipelineDAGCompiler(source, plugins=[])


def check(asked: Sequence[Question]) -> set[tuple[str, str]]:
    """Compare what compiles with the SDK's answers; return each scope and version that has an image."""
    answers = [(question, retrieved(question)) for question in asked]
    for region in dict.fromkeys(question.region for question in asked):
        there = {f"s{index}": entry for index, entry in enumerate(answers) if entry[0].region == region}
        known = {name: uri for name, (_, uri) in there.items() if uri is not None}
        if known:
            made = compiler(region, {name: there[name][0] for name in known}).compile_definition()
            assert {step["Name"]: image_of(step) for step in json.loads(made.definition)["Steps"]} == known
        unknown = {name: question for name, (question, uri) in there.items() if uri is None}
        if unknown:
            result = compiler(region, unknown).validate()
            assert {error.code for error in result.errors} == {"image.unknown"}
            lines = [error.message.partition(":")[0] for error in result.errors]
            assert sorted(lines) == sorted(f"step {name!r}" for name in unknown)
    return {(question.scope, question.version) for question, uri in answers if uri is not None}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_newest_images_of_a_framework_are_the_sdks(framework: str) -> None:
    asked = questions(framework, newest=True)
    found = check(asked)
    missing = {(question.scope, question.version) for question in asked} - found
    assert bool(missing) <= (framework in REFUSED)


@pytest.mark.all_images
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("framework", "scope"), SCOPES)
def test_all_images_of_a_framework_are_the_sdks(framework: str, scope: str) -> None:
    asked = questions(framework, scope, newest=False)
    found = check(asked)
    missing = {(question.scope, question.version) for question in asked} - found
    assert bool(missing) <= (framework in REFUSED)


@pytest.mark.all_images
@pytest.mark.parametrize("framework", REFUSED)
def test_what_the_sdk_refuses_has_a_reason_as_long_as_it_does(framework: str) -> None:
    asked = questions(framework, newest=False)
    found = {(question.scope, question.version) for question in asked if retrieved(question) is not None}
    assert {(question.scope, question.version) for question in asked} - found
