"""Every kind of step that the service reports, or an SDK emits, is typed or refused by name."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import botocore
import botocore.session
import pytest
from botocore.loaders import Loader

from dagcast.compile.emit.sdk import load_sdk
from dagcast.sagemaker.sdk import require_sdk
from dagcast.sagemaker.step_kinds import STEP_KINDS, UNTYPED_KINDS
from tests.support.compiling import config, only_error

AS_DEFINED = {
    "TrainingJob": "Training",
    "ProcessingJob": "Processing",
    "TransformJob": "Transform",
    "TuningJob": "Tuning",
    "AutoMLJob": "AutoML",
}
"""What the metadata of executions calls a kind, and what definitions call it."""


def unnamed_kinds(data: Path | None = None) -> set[str]:
    """The kinds that botocore knows and dagcast does not name; ``data`` is a folder of models to prefer."""
    session = botocore.session.Session()
    if data is not None:
        session.register_component("data_loader", Loader(extra_search_paths=[str(data)]))
    members = session.get_service_model("sagemaker").shape_for("PipelineExecutionStepMetadata").members
    return {AS_DEFINED.get(name, name) for name in members} - STEP_KINDS.keys() - UNTYPED_KINDS.keys()


def test_every_kind_that_botocore_knows_is_named() -> None:
    """A kind that is new in botocore is added to STEP_KINDS with a step type, or to UNTYPED_KINDS."""
    assert unnamed_kinds() == set()


def test_a_kind_that_a_newer_botocore_adds_is_missed(tmp_path: Path) -> None:
    """The test before this one fails with a botocore that has one more kind."""
    model = Loader().load_service_model("sagemaker", "service-2")
    model["shapes"]["PipelineExecutionStepMetadata"]["members"]["Quantum"] = {"shape": "FailStepMetadata"}
    # Newer than the installed one: loaders take the latest version of a service.
    folder = tmp_path / "sagemaker" / "2999-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(model), encoding="utf-8")
    assert unnamed_kinds(tmp_path) == {"Quantum"}


def test_every_kind_that_the_sdk_emits_is_named() -> None:
    kinds = {member.value for member in load_sdk().StepTypeEnum}
    assert kinds - STEP_KINDS.keys() - UNTYPED_KINDS.keys() == set()


def test_the_sdk_has_no_function_that_references_lack() -> None:
    """An SDK that has IfExpression or Omit makes this fail: then there is a form to support."""
    package = "sagemaker.workflow" if require_sdk().major == 2 else "sagemaker.core.workflow"
    functions = importlib.import_module(f"{package}.functions")
    made = {
        name
        for name, value in vars(functions).items()
        if isinstance(value, type) and value.__module__ == functions.__name__
    }
    assert made == {"Join", "JsonGet"}


def test_no_kind_is_typed_and_untyped() -> None:
    assert STEP_KINDS.keys() & UNTYPED_KINDS.keys() == set()


@pytest.mark.parametrize(
    ("kind", "known", "hint"),
    [
        ("BedrockModelImport", "botocore", "type Request with step_type: BedrockModelImport"),
        ("Athena", "botocore", "type Request with step_type: Athena"),
        ("HubContent", "botocore", "type Request with step_type: HubContent"),
        ("ForEach", "SageMaker Python SDK 3.27 (ForEachStep)", "a Request cannot hold steps"),
    ],
)
def test_a_kind_without_a_type_is_refused_by_name(kind: str, known: str, hint: str) -> None:
    error = only_error(config({"step": {"type": kind}}))
    assert error.code == "config.unknown-type"
    assert error.message == f"step 'step': dagcast has no step type for {kind}, which {known} has"
    assert hint in str(error.hint)


@pytest.mark.parametrize(
    ("name", "hint"), [("IfExpression", "Condition step"), ("Omit", "leave the field out")]
)
def test_a_function_of_no_sdk_is_refused_by_name(name: str, hint: str) -> None:
    error = only_error(config({"step": {"type": name}}))
    assert error.code == "config.unknown-type"
    assert (
        error.message
        == f"step 'step': {name} is not a step type, and no supported SageMaker Python SDK has it"
    )
    assert hint in str(error.hint)
