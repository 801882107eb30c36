"""The decorated template class: one that tells of each compile."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dagsmith.plugin import OutputPort, PipelineConfig, PipelineSpec
from dagsmith_openlineage.options import LineageOptions
from dagsmith_openlineage.sending import Sender, is_heard

if TYPE_CHECKING:
    from dagsmith_openlineage.events import Events, ParentRun

logger = logging.getLogger("dagsmith.openlineage")

PARENT_VARIABLE = "OPENLINEAGE_PARENT_ID"
"""The variable by which OpenLineage's integrations hand on the run that they are in: ``namespace/name/run-id``."""

Made = TypeVar("Made")


class CompilationLike(Protocol):
    """What is used of a compilation."""

    @property
    def spec(self) -> PipelineSpec:
        """The pipeline as data."""


class Template(Protocol):
    """What is used of a template."""

    config: PipelineConfig

    @property
    def compilation(self) -> CompilationLike:
        """The pipeline as data; made on first use."""


class TellsLineage:
    """Mixin of a template class: tells of its compile once, however often and by which method it is asked."""

    lineage_options: LineageOptions
    lineage_metadata: Mapping[str, Any]
    lineage_is_told = False

    def tell_lineage(self: Any, make: Callable[[], Made]) -> Made:
        """Make what ``make`` makes, with an event before and events after.

        Raises:
            Exception: What ``make`` raises; that is told too, and the next try is told anew.
        """
        if self.lineage_is_told or not is_heard(self.lineage_options):
            return make()
        self.lineage_is_told = True
        sender = Sender(self.lineage_options, self.config.root)
        events = _events(self, self.lineage_options, self.lineage_metadata)
        try:
            sender.send(events.start())
            try:
                made = make()
            except Exception as error:
                self.lineage_is_told = False
                sender.send(events.fail(error))
                raise
            if not sender.given_up:
                for event in events.steps(self.compilation.spec, _ports(self)):
                    sender.send(event)
            sender.send(events.complete())
            return made
        finally:
            sender.close()


def decorated(template_class: type, metadata: Mapping[str, Any], options: LineageOptions) -> type:
    """A subclass of a template class that tells of each compile.

    Args:
        template_class: The class to derive from.
        metadata: What is known of the pipeline beside its config; ``author`` becomes the owner of the jobs.
        options: Where the events go.
    """

    class WithLineage(template_class, TellsLineage):  # type: ignore[misc]
        lineage_options = options
        lineage_metadata = metadata

        def generate_definition(self) -> Any:
            return self.tell_lineage(super().generate_definition)

        def generate_pipeline(self) -> Any:
            return self.tell_lineage(super().generate_pipeline)

    return WithLineage


def _events(template: Template, options: LineageOptions, metadata: Mapping[str, Any]) -> Events:
    from dagsmith_openlineage.events import Events

    base = template.config.pipeline
    author = metadata.get("author") or base.author
    return Events(
        options.namespace,
        options.producer,
        base.name,
        base.description,
        str(author) if author else None,
        _parent(os.environ.get(PARENT_VARIABLE)),
    )


def _parent(text: str | None) -> ParentRun | None:
    """The run that an orchestrator says this compile is a part of."""
    if not text:
        return None
    from uuid import UUID

    from dagsmith_openlineage.events import ParentRun

    try:
        namespace, name, run_id = text.rsplit("/", 2)
        return ParentRun(namespace, name, str(UUID(run_id)))
    except ValueError:
        logger.warning("%s is %r, expected namespace/name/run-id, and is left out", PARENT_VARIABLE, text)
        return None


def _ports(template: Template) -> dict[str, tuple[OutputPort, ...]]:
    """By step of the config: its output ports."""
    catalog, steps = template.config.catalog, template.config.steps
    return {name: catalog[step.type].outputs(step, name) for name, step in steps.items()}
