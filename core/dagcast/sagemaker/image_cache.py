"""A cache of what the SDK's image tables say, on disk between compiles: image URIs, and that there is no image.

There is one JSON file for each SDK version, in the folder of :mod:`dagcast.sagemaker.cache_files`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from dagcast.errors import ImageNotFoundError
from dagcast.sagemaker.cache_files import write_cache_file
from dagcast.sagemaker.sdk import SDKVersion

# The next lookup replaces a file of another format.
FORMAT = 2

_MOST_MISSING = 100
"""Most answers that there is no image. Each misspelling has one of its own, and an answer writes the whole file."""

Answer = str | ImageNotFoundError
"""The URI of an image, or why the tables have none."""


class ImageCache:
    """Answers of the tables by the arguments of the lookup, for one version of the SDK.

    Args:
        folder: The folder of the file; it is created when the first answer is stored.
        version: The version of the SDK.
    """

    def __init__(self, folder: Path, version: SDKVersion) -> None:
        name = f"images-{version}" + (f"-core-{version.core}" if version.core else "")
        self.path = folder / (re.sub(r"[^\w.+-]", "_", name) + ".json")
        self._answers = self._read()

    def get(self, key: str) -> Answer | None:
        """Return the cached answer, or ``None``."""
        return self._answers.get(key)

    def put(self, key: str, answer: Answer) -> None:
        """Store an answer, and keep the answers that other processes have stored since.

        Of the answers that there is no image, the oldest give way to new ones.
        """
        answers = {**self._read(), **self._answers, key: answer}
        missing = [known for known, other in answers.items() if not isinstance(other, str)]
        for known in missing[:-_MOST_MISSING]:
            del answers[known]
        self._answers = answers
        self._write()

    def _read(self) -> dict[str, Answer]:
        try:
            content: Any = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            return {}
        uris, missing = content.get("images"), content.get("missing")
        if not isinstance(uris, dict) or not all(isinstance(uri, str) for uri in uris.values()):
            return {}
        if not isinstance(missing, dict):
            return {}
        try:
            refusals = {
                key: ImageNotFoundError(text, tuple(known), hint)
                for key, (text, known, hint) in missing.items()
            }
        except (TypeError, ValueError):
            return {}
        return {**uris, **refusals}

    def _write(self) -> None:
        uris = {key: answer for key, answer in sorted(self._answers.items()) if isinstance(answer, str)}
        missing = {
            key: [answer.message, list(answer.known), answer.hint]
            for key, answer in self._answers.items()
            if not isinstance(answer, str)
        }
        text = json.dumps({"format": FORMAT, "images": uris, "missing": missing}, indent=0)
        write_cache_file(self.path, text.encode())
