"""Staged code: the S3 object of the files that a step runs."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from dagcast.frozen_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class StagedCode:
    """Code that a step runs: the user's files and the S3 object to create from them.

    Attributes:
        uri: The S3 URI of the object. Contains the digest of the content.
        digest: SHA-256 of the object's bytes, in hexadecimal.
        size: Size of the object in bytes.
        source: The staged file or folder, as written in the config.
        root: The absolute folder that ``source`` is relative to, on the compiling machine.
        form: ``file`` for the bytes of the file, ``script`` for a gzipped tar that contains only the file, ``archive``
            for a gzipped tar of the folder, ``text`` for ``content``.
        content: For ``text``: the bytes of the object (a small launcher script that dagcast provides).
    """

    uri: str
    digest: str
    size: int
    source: str
    root: str = field(default="", compare=False)
    form: Literal["file", "script", "archive", "text"] = "archive"
    content: bytes = b""
