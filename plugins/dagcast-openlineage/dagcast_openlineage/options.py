"""The options: where events go, and the names they carry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.plugin import ConfigModel
from dagcast_openlineage import __version__

PRODUCER = f"pkg:pypi/dagcast-openlineage@{__version__}"
"""Names this plugin as the maker of the events: a package URL."""

OWNED = {
    "path": "file",
    "url": "http",
    "endpoint": "http",
    "api_key_variable": "http",
    "timeout_in_seconds": "http",
}
"""By option: the transport that it belongs to."""


class LineageOptions(ConfigModel):
    """The options of the plugin.

    Attributes:
        namespace: The namespace of the jobs, and of datasets that have no address of their own.
        transport: ``console`` writes events to the log ``dagcast.openlineage`` at level INFO, ``file`` appends them to
            a file as lines of JSON, and ``http`` posts them to a receiver.
        path: For ``file``: the file, beside the config file unless the path is absolute.
        url: For ``http``: the receiver, such as ``https://lineage.example.com``.
        endpoint: For ``http``: the path below the URL that takes events.
        api_key_variable: For ``http``: the environment variable that holds the API key.
        timeout_in_seconds: For ``http``: seconds to wait for the receiver, for each event; more than 0.
        producer: A URI that names the maker of the events.
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
        for name in sorted(self.model_fields_set & OWNED.keys()):
            if OWNED[name] != self.transport:
                message = "it belongs to transport {needed}, and the transport is {transport}"
                context = {"needed": OWNED[name], "transport": self.transport, "path": (name,)}
                raise PydanticCustomError("transport", message, context)
        for name, transport in (("path", "file"), ("url", "http")):
            if self.transport == transport and getattr(self, name) is None:
                context = {"name": name, "transport": transport, "path": ("transport",)}
                raise PydanticCustomError("transport", "{transport} needs {name}", context)
        return self
