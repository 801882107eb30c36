"""What events say of a pipeline: its job, its owner, the run that it is a part of, the ports of its steps."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagcast.plugin import OutputPort, PipelineConfig
from dagcast_openlineage.options import LineageOptions

if TYPE_CHECKING:
    from dagcast_openlineage.events import Events, ParentRun

logger = logging.getLogger("dagcast.openlineage")

PARENT_VARIABLE = "OPENLINEAGE_PARENT_ID"
"""The variable by which OpenLineage's integrations hand on the run that they are in: ``namespace/name/run-id``."""


def events_of(config: PipelineConfig, metadata: Mapping[str, Any], options: LineageOptions) -> Events:
    """What makes the events of one run of the pipeline's job.

    Args:
        config: The typed config.
        metadata: What is known of the pipeline beside its config; ``author`` becomes the owner of the jobs.
        options: The names that events carry.
    """
    from dagcast_openlineage.events import Events

    base = config.pipeline
    author = metadata.get("author") or base.author
    return Events(
        options.namespace,
        producer=options.producer,
        pipeline=base.name,
        description=base.description,
        author=str(author) if author else None,
        parent=_parent(os.environ.get(PARENT_VARIABLE)),
    )


def ports_of(config: PipelineConfig) -> dict[str, tuple[OutputPort, ...]]:
    """By step of the config: its output ports."""
    return {name: config.catalog[step.type].outputs(step, name) for name, step in config.steps.items()}


def _parent(text: str | None) -> ParentRun | None:
    """The run that an orchestrator says this one is a part of."""
    if not text:
        return None
    from uuid import UUID

    from dagcast_openlineage.events import ParentRun

    try:
        namespace, name, run_id = text.rsplit("/", 2)
        return ParentRun(namespace, name, str(UUID(run_id)))
    except ValueError:
        logger.warning("%s is %r, expected namespace/name/run-id, and is left out", PARENT_VARIABLE, text)
        return None
