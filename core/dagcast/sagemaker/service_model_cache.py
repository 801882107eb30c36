"""A service model without its compression and with an index, kept on disk between compiles.

botocore packs a model with gzip. Unpacking the one of ``sagemaker`` and finding its entries takes 30 ms, a fifth of a
small compile; reading this file takes 2 ms. There is one file for each model, named after the checksum and the sizes
that the gzip file states, so that another version of botocore has another file. A file that is not as it was written is
ignored.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

from dagcast.sagemaker.cache_files import cache_folder, write_cache_file
from dagcast.sagemaker.service_model_sections import Section

FORMAT = 2
"""In the name of the file: files of another format are other files."""


def cache_path(service: str, packed: Path) -> Path:
    """Return the file that keeps a model.

    Args:
        service: botocore's name of the service.
        packed: The gzip file.
    """
    # Source: RFC 1952, 2.3.1: a gzip file ends in the CRC-32 and the length of what it holds.
    with packed.open("rb", buffering=0) as file:
        length = file.seek(-8, os.SEEK_END) + 8
        trailer = file.read(8)
    return cache_folder() / f"model-{service}-{trailer.hex()}-{length}-{FORMAT}.bin"


def read_sections(path: Path) -> dict[str, Section] | None:
    """Return the sections of a model by name, or ``None`` if the file is missing or broken."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    whole = memoryview(content)  # copies of parts would take longer than all else
    header = content.find(b"\n") + 1
    text = content.find(b"\n", header) + 1
    if content[:header] != _checksum(whole[header:]) + b"\n":
        return None
    # What has the right checksum is what was written.
    index = json.loads(content[header:text])
    return {name: Section(whole[text:], names, starts) for name, (names, starts) in index.items()}


def write_sections(path: Path, sections: Mapping[str, Section]) -> None:
    """Keep the sections of a model for later compiles."""
    bases = accumulate((len(section.text) for section in sections.values()), initial=0)
    header = {
        name: (list(section), [base + start for start in section.starts])
        for (name, section), base in zip(sections.items(), bases, strict=False)
    }
    rest = json.dumps(header).encode() + b"\n" + b"".join(section.text for section in sections.values())
    write_cache_file(path, _checksum(rest) + b"\n" + rest)


def _checksum(content: bytes | memoryview) -> bytes:
    return f"{zlib.crc32(content):08x}".encode()
