"""The console transport. The client's own transport writes to a log that ``dagcast --verbose`` does not show."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from openlineage.client.serde import Serde
from openlineage.client.transport.console import ConsoleConfig, ConsoleTransport

if TYPE_CHECKING:
    from openlineage.client.client import Event

logger = logging.getLogger("dagcast.openlineage")


class LogTransport(ConsoleTransport):
    """Writes each event as a line of JSON to the log ``dagcast.openlineage``."""

    def __init__(self) -> None:
        super().__init__(ConsoleConfig())

    def emit(self, event: Event) -> None:
        """Write one event."""
        logger.info("%s", Serde.to_json(event))
