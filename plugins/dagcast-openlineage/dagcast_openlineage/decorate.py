"""The decorated template class: one that tells of each compile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dagcast_openlineage.options import LineageOptions
from dagcast_openlineage.pipeline import events_of, ports_of
from dagcast_openlineage.sending import Sender, is_heard

Made = TypeVar("Made")


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
        events = events_of(self.config, self.lineage_metadata, self.lineage_options)
        try:
            sender.send(events.start())
            try:
                made = make()
            except Exception as error:
                self.lineage_is_told = False
                sender.send(events.fail(f"{type(error).__name__}: {error}"))
                raise
            if not sender.given_up:
                for event in events.steps(self.compilation.spec, ports_of(self.config)):
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
