"""A cache of image URIs from the SDK's tables, on disk between compiles.

There is one JSON file for each SDK version, in the folder of :mod:`dagcast.sagemaker.cache_files`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from dagcast.sagemaker.cache_files import write_cache_file
from dagcast.sagemaker.sdk import SDKVersion

# The next lookup replaces a file of another format.
FORMAT = 1


class ImageCache:
    """Image URIs by the arguments of the lookup, for one version of the SDK.

    Args:
        folder: The folder of the file; it is created when the first URI is stored.
        version: The version of the SDK.
    """

    def __init__(self, folder: Path, version: SDKVersion) -> None:
        name = f"images-{version}" + (f"-core-{version.core}" if version.core else "")
        self.path = folder / (re.sub(r"[^\w.+-]", "_", name) + ".json")
        self._uris = self._read()

    def get(self, key: str) -> str | None:
        """Return the cached URI, or ``None``."""
        return self._uris.get(key)

    def put(self, key: str, uri: str) -> None:
        """Store a URI, and keep the URIs that other processes have stored since."""
        self._uris = {**self._read(), **self._uris, key: uri}
        self._write()

    def _read(self) -> dict[str, str]:
        try:
            content: Any = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            return {}
        uris = content.get("images")
        if not isinstance(uris, dict) or not all(isinstance(uri, str) for uri in uris.values()):
            return {}
        return uris

    def _write(self) -> None:
        text = json.dumps({"format": FORMAT, "images": self._uris}, indent=0, sort_keys=True)
        write_cache_file(self.path, text.encode())
