"""The options: the receiver of events and the names in them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.plugin import ConfigModel
from dagcast_openlineage import __version__

PRODUCER = f"pkg:pypi/dagcast-openlineage@{__version__}"
"""The default producer of events: the package URL of this plugin."""

TRANSPORT_OF = {
    "path": "file",
    "url": "http",
    "endpoint": "http",
    "api_key_variable": "http",
    "timeout_in_seconds": "http",
}
"""The transport of each option that applies to only one."""


class LineageOptions(ConfigModel):
    """The options of the plugin.

    Attributes:
        namespace: The namespace of the jobs, and of datasets without an address.
        transport: ``console`` writes events to the log ``dagcast.openlineage`` at level INFO, ``file`` appends them to
            a file as lines of JSON, and ``http`` posts them to a receiver.
        path: For ``file``: the file, relative to the folder of the config.
        url: For ``http``: the receiver, such as ``https://lineage.example.com``.
        endpoint: For ``http``: the path of events below the URL.
        api_key_variable: For ``http``: the environment variable with the API key.
        timeout_in_seconds: For ``http``: the timeout of each event in seconds, greater than 0.
        producer: The URI of the program that produces the events.
    """

    namespace: Annotated[str, Field(min_length=1)] = "dagcast"
    transport: Literal["console", "file", "http"] = "console"
    path: Annotated[str | None, Field(min_length=1)] = None
    url: Annotated[str | None, Field(pattern=r"^https?://[^/]")] = None
    endpoint: Annotated[str, Field(min_length=1)] = "api/v1/lineage"
    api_key_variable: Annotated[str | None, Field(min_length=1)] = None
    timeout_in_seconds: Annotated[float, Field(gt=0)] = 5.0
    producer: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$")] = PRODUCER

    @model_validator(mode="after")
    def _fits_the_transport(self) -> LineageOptions:
        for name in sorted(self.model_fields_set & TRANSPORT_OF.keys()):
            if TRANSPORT_OF[name] != self.transport:
                message = "option of transport {needed}, but the transport is {transport}"
                context = {"needed": TRANSPORT_OF[name], "transport": self.transport, "path": (name,)}
                raise PydanticCustomError("transport", message, context)
        for name, transport in (("path", "file"), ("url", "http")):
            if self.transport == transport and getattr(self, name) is None:
                context = {"name": name, "transport": transport, "path": ("transport",)}
                raise PydanticCustomError("transport", "transport {transport} requires {name}", context)
        return self
