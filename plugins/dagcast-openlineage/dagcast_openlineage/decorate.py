"""Decorate the template class so that it sends events of each compile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dagcast_openlineage.options import LineageOptions
from dagcast_openlineage.pipeline import create_event_factory, output_ports
from dagcast_openlineage.sending import Sender, has_receiver

Compiled = TypeVar("Compiled")


class LineageMixin:
    """Mixin of a template class that sends the events of its compile once, even if several methods are called."""

    lineage_options: LineageOptions
    lineage_metadata: Mapping[str, Any]
    lineage_is_sent = False

    def send_lineage(self: Any, compile_template: Callable[[], Compiled]) -> Compiled:
        """Call ``compile_template`` and return its result; send an event before and events after it.

        Raises:
            Exception: The exception of ``compile_template``, after an event of the failure. A retry sends events
                again.
        """
        if self.lineage_is_sent or not has_receiver(self.lineage_options):
            return compile_template()
        self.lineage_is_sent = True
        sender = Sender(self.lineage_options, self.config.root)
        events = create_event_factory(self.config, self.lineage_metadata, self.lineage_options)
        try:
            sender.send(events.start())
            try:
                compiled = compile_template()
            except Exception as error:
                self.lineage_is_sent = False
                sender.send(events.fail(f"{type(error).__name__}: {error}"))
                raise
            if not sender.has_given_up:
                for event in events.steps(self.compilation.spec, output_ports(self.config)):
                    sender.send(event)
            sender.send(events.complete())
            return compiled
        finally:
            sender.close()


def add_lineage(template_class: type, metadata: Mapping[str, Any], options: LineageOptions) -> type:
    """Return a subclass of a template class that sends the events of its compile.

    Args:
        template_class: The base class.
        metadata: The metadata of the pipeline; ``author`` becomes the owner of the jobs.
        options: The receiver and the names in events.
    """

    class WithLineage(template_class, LineageMixin):  # type: ignore[misc]
        lineage_options = options
        lineage_metadata = metadata

        def generate_definition(self) -> Any:
            return self.send_lineage(super().generate_definition)

        def generate_pipeline(self) -> Any:
            return self.send_lineage(super().generate_pipeline)

    return WithLineage
