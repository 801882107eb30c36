"""Send events through the OpenLineage client. An error never stops the compile or the run."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dagcast_openlineage.options import LineageOptions

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.client import Event
    from openlineage.client.transport import Transport

logger = logging.getLogger("dagcast.openlineage")

RETRIES = 1
"""The number of retries of an event. The client's default of five, with growing pauses, would delay the compile."""


def has_receiver(options: LineageOptions) -> bool:
    """Return whether events have a receiver: the log of the console transport is off by default."""
    return options.transport != "console" or logger.isEnabledFor(logging.INFO)


class Sender:
    """Sends the events of one compile or run. After the first failure, further events are dropped.

    Args:
        options: The receiver.
        folder: The base folder of a relative file path.
    """

    def __init__(self, options: LineageOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._client: OpenLineageClient | None = None
        self.has_given_up = False

    def send(self, event: Event) -> None:
        """Send an event; log a warning if this fails, and never raise."""
        if self.has_given_up:
            return
        try:
            if self._client is None:
                self._client = _client(self._options, self._folder)
            self._client.emit(event)
        # Lineage must not make a compile fail, and client and transport may raise anything.
        except Exception as error:
            self.has_given_up = True
            logger.warning("cannot send lineage events: %s", error)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()


def _client(options: LineageOptions, folder: Path) -> OpenLineageClient:
    from openlineage.client import OpenLineageClient

    return OpenLineageClient(transport=_transport(options, folder))


def _transport(options: LineageOptions, folder: Path) -> Transport:
    if options.transport == "file":
        from dagcast_openlineage.file import LinesTransport

        return LinesTransport(folder / str(options.path))
    if options.transport == "http":
        from openlineage.client.transport.http import HttpConfig, HttpTransport

        return HttpTransport(HttpConfig.from_dict(_http(options)))
    from dagcast_openlineage.console import LogTransport

    return LogTransport()


def _http(options: LineageOptions) -> dict[str, object]:
    """Return the client's configuration of its HTTP transport.

    Raises:
        LookupError: If the variable of the API key is not set.
    """
    config: dict[str, object] = {
        "url": options.url,
        "endpoint": options.endpoint,
        "timeout": options.timeout_in_seconds,
        "retry": {"total": RETRIES, "connect": RETRIES, "read": RETRIES},
    }
    if options.api_key_variable is not None:
        key = os.environ.get(options.api_key_variable)
        if not key:
            raise LookupError(
                f"environment variable {options.api_key_variable} is not set or empty, expected an API key"
            )
        config["auth"] = {"type": "api_key", "apiKey": key}
    return config
