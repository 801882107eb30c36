"""Lineage entities of each kind, and associations between them: LineageStep."""

from __future__ import annotations

from typing import Any

from sagemaker.lineage.action import Action
from sagemaker.lineage.artifact import Artifact
from sagemaker.lineage.context import Context
from sagemaker.workflow.lineage_step import (
    LineageAssociation,
    LineageEntityReference,
    LineageStep,
)
from sagemaker.workflow.pipeline import Pipeline

from ..inputs import ACCOUNT, MODEL_DATA, OUTPUT, REGION


def build(session: Any) -> Pipeline:
    """One step that records a run, its model and the project, and what they are to each other."""
    step = LineageStep(
        name="record",
        actions=Action.create(
            action_name="training-run",
            source_uri=f"{OUTPUT}/run",
            source_type="S3ETag",
            action_type="ModelTraining",
            sagemaker_session=session,
        ),
        artifacts=Artifact.create(
            artifact_name="trained-model",
            source_uri=MODEL_DATA,
            artifact_type="Model",
            sagemaker_session=session,
        ),
        contexts=Context.create(
            context_name="breast-cancer",
            source_uri="https://example.com/breast-cancer",
            context_type="Project",
            sagemaker_session=session,
        ),
        associations=[
            LineageAssociation(
                source=LineageEntityReference(name="training-run", type="Action"),
                destination=LineageEntityReference(name="trained-model", type="Artifact"),
                association_type="Produced",
            ),
            LineageAssociation(
                source=LineageEntityReference(
                    arn=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:artifact/0123456789abcdef0123456789abcdef"
                ),
                destination=LineageEntityReference(name="breast-cancer", type="Context"),
                association_type="AssociatedWith",
            ),
        ],
    )
    return Pipeline(name="lineage", steps=[step], sagemaker_session=session)
