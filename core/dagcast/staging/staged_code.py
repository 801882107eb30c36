"""Staged code: what the files that a step runs become in S3."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class StagedCode:
    """Code that a step runs: files of the user's, and the S3 object that they will be.

    Attributes:
        uri: The S3 URI of the object; it holds the digest of the content.
        digest: SHA-256 of the object's bytes, in hexadecimal.
        size: Bytes of the object.
        source: The file or folder that was staged, as the config names it.
        root: The absolute folder that ``source`` is relative to, on the compiling machine.
        form: ``file`` is the file's own bytes, ``script`` a gzipped tar that holds that one file, ``archive`` a
            gzipped tar of the folder, ``text`` the content below.
        content: For ``text``: the bytes themselves (a small launcher script that dagcast provides).
    """

    uri: str
    digest: str
    size: int
    source: str
    root: str = field(default="", compare=False)
    form: Literal["file", "script", "archive", "text"] = "archive"
    content: bytes = b""
