"""Every kind of step that the service reports is typed, or refused by name."""

from __future__ import annotations

import botocore.session
import pytest

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


def test_every_kind_that_botocore_knows_is_named() -> None:
    """A kind that is new in botocore is added to STEP_KINDS with a step type, or to UNTYPED_KINDS."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    members = model.shape_for("PipelineExecutionStepMetadata").members
    kinds = {AS_DEFINED.get(name, name) for name in members}
    assert kinds - STEP_KINDS.keys() - UNTYPED_KINDS.keys() == set()


def test_no_kind_is_typed_and_untyped() -> None:
    assert STEP_KINDS.keys() & UNTYPED_KINDS.keys() == set()


@pytest.mark.parametrize(
    ("kind", "known", "hint"),
    [
        ("BedrockModelImport", "botocore", "type Request with step_type: BedrockModelImport"),
        ("Athena", "botocore", "type Request with step_type: Athena"),
        ("ForEach", "SageMaker Python SDK 3 (ForEachStep)", "a Request cannot hold steps"),
    ],
)
def test_a_kind_without_a_type_is_refused_by_name(kind: str, known: str, hint: str) -> None:
    error = only_error(config({"step": {"type": kind}}))
    assert error.code == "config.unknown-type"
    assert error.message == f"step 'step': dagcast has no step type for {kind}, which {known} has"
    assert hint in str(error.hint)
