"""A service model without its compression and with an index, kept on disk between compiles.

botocore packs a model with gzip. Unpacking the one of ``sagemaker`` and finding its entries takes 17 ms, a tenth of a
small compile; reading this file takes 2 ms. There is one file for each model, named after the checksum and the sizes
that the gzip file states, so that another version of botocore has another file. A file that is not as it was written is
ignored.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

from dagcast.sagemaker.cache_files import cache_folder, write_cache_file
from dagcast.sagemaker.service_model_sections import Section

FORMAT = 1
"""In the name of the file: files of another format are other files."""


def cache_path(service: str, packed: bytes) -> Path:
    """Return the file that keeps a model.

    Args:
        service: botocore's name of the service.
        packed: The content of the gzip file.
    """
    # Source: RFC 1952, 2.3.1: a gzip file ends in the CRC-32 and the length of what it holds.
    return cache_folder() / f"model-{service}-{packed[-8:].hex()}-{len(packed)}-{FORMAT}.bin"


def read_sections(path: Path) -> dict[str, Section] | None:
    """Return the sections of a model by name, or ``None`` if the file is missing or broken."""
    try:
        content = path.read_bytes()
        checksum, _, rest = content.partition(b"\n")
        if checksum != _checksum(rest):
            return None
        header, _, text = rest.partition(b"\n")
        # What has the right checksum is what was written.
        return {name: Section(text, names, starts) for name, (names, starts) in json.loads(header).items()}
    except OSError:
        return None


def write_sections(path: Path, sections: Mapping[str, Section]) -> None:
    """Keep the sections of a model for later compiles."""
    bases = accumulate((len(section.text) for section in sections.values()), initial=0)
    header = {
        name: (list(section), [base + start for start in section.starts])
        for (name, section), base in zip(sections.items(), bases, strict=False)
    }
    rest = json.dumps(header).encode() + b"\n" + b"".join(section.text for section in sections.values())
    write_cache_file(path, _checksum(rest) + b"\n" + rest)


def _checksum(content: bytes) -> bytes:
    return f"{zlib.crc32(content):08x}".encode()
