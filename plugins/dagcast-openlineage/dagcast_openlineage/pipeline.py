"""Read the values of events from a pipeline's config: job, owner, parent run and ports of steps."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagcast.plugin import OutputPort, PipelineConfig
from dagcast_openlineage.options import LineageOptions

if TYPE_CHECKING:
    from dagcast_openlineage.events import EventFactory, ParentRun

logger = logging.getLogger("dagcast.openlineage")

PARENT_VARIABLE = "OPENLINEAGE_PARENT_ID"
"""The variable with the current run in OpenLineage's integrations: ``namespace/name/run-id``."""


def create_event_factory(
    config: PipelineConfig, metadata: Mapping[str, Any], options: LineageOptions
) -> EventFactory:
    """Return the factory of the events of one run of the pipeline's job.

    Args:
        config: The typed config.
        metadata: The metadata of the pipeline; ``author`` becomes the owner of the jobs.
        options: The names in events.
    """
    from dagcast_openlineage.events import EventFactory

    base = config.pipeline
    author = metadata.get("author") or base.author
    return EventFactory(
        options.namespace,
        producer=options.producer,
        pipeline=base.name,
        description=base.description,
        author=str(author) if author else None,
        parent=_parent(os.environ.get(PARENT_VARIABLE)),
    )


def output_ports(config: PipelineConfig) -> dict[str, tuple[OutputPort, ...]]:
    """Return the output ports of each step of the config."""
    return {name: config.catalog[step.type].outputs(step, name) for name, step in config.steps.items()}


def _parent(text: str | None) -> ParentRun | None:
    """Parse the parent run that an orchestrator set; an invalid one is ignored with a warning."""
    if not text:
        return None
    from uuid import UUID

    from dagcast_openlineage.events import ParentRun

    try:
        namespace, name, run_id = text.rsplit("/", 2)
        return ParentRun(namespace, name, str(UUID(run_id)))
    except ValueError:
        logger.warning("ignored invalid %s %r: expected namespace/name/run-id", PARENT_VARIABLE, text)
        return None
