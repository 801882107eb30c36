"""Sending events through the OpenLineage client. Whatever goes wrong there, the compile or the run goes on."""

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
"""How often an event is sent again. The client's own five, each after a longer pause, would hold up the compile."""


def is_heard(options: LineageOptions) -> bool:
    """Whether anybody takes the events: the log of the console transport is quiet unless it is turned on."""
    return options.transport != "console" or logger.isEnabledFor(logging.INFO)


class Sender:
    """Sends the events of one compile or run. After one that could not be sent, the rest is left out.

    Args:
        options: Where they go.
        folder: The folder that the file's path is relative to.
    """

    def __init__(self, options: LineageOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._client: OpenLineageClient | None = None
        self.given_up = False

    def send(self, event: Event) -> None:
        """Send an event, or warn that it could not be sent; nothing is raised."""
        if self.given_up:
            return
        try:
            if self._client is None:
                self._client = _client(self._options, self._folder)
            self._client.emit(event)
        # Nothing is ever to fail for its lineage: client, transport and receiver may raise what they will.
        except Exception as error:
            self.given_up = True
            logger.warning("the lineage is not sent: %s", error)

    def close(self) -> None:
        """Let go of the connection."""
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
    """The client's configuration of its HTTP transport.

    Raises:
        LookupError: If the variable that should hold the API key is not set.
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
            raise LookupError(f"the environment variable {options.api_key_variable} holds no API key")
        config["auth"] = {"type": "api_key", "apiKey": key}
    return config
