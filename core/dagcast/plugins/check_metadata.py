"""Check the metadata files of all installed distributions, for ``dagcast plugins doctor``.

A malformed file of one distribution ends programs that read the metadata of all. dagcast reads what it needs in
spite of the file; this finds it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from importlib_metadata import EntryPoint

from dagcast.plugins.distributions import ENTRY_POINTS, METADATA_FILES, Distribution, find_distributions
from dagcast.plugins.record import read_record
from dagcast.plugins.scan import GROUP


def metadata_problems() -> Iterator[str]:
    """Yield the problems of metadata files of all distributions on the path, each with the path of the file."""
    for distribution in find_distributions(sys.path, []):
        if distribution.folder is not None:
            yield from _entry_point_problems(distribution)
            yield from _metadata_problems(distribution)
            if distribution.reader is None:
                record: list[str] = []
                read_record(distribution.place, record)
                yield from record


def _entry_point_problems(distribution: Distribution) -> Iterator[str]:
    file = distribution.place / ENTRY_POINTS
    text = ""
    # The text comes from a file of any content, or from an archive.
    try:
        text = distribution.read_text(ENTRY_POINTS) or ""
    except Exception as error:
        yield f"{file} cannot be read: {type(error).__name__}: {error}"
    group = None
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if group is None:
            yield f"{file}:{number}: {line!r} is in no group"
        elif not (equals and name and value):
            yield f"{file}:{number}: {line!r} is not of the form name = value"
        # The scan reports those of dagcast's own groups.
        elif group.partition(".")[0] != GROUP and EntryPoint.pattern.match(value) is None:
            yield f"{file}:{number}: {value!r} does not point to a module or module:attribute"


def _metadata_problems(distribution: Distribution) -> Iterator[str]:
    for name in METADATA_FILES:
        file = distribution.place / name
        try:
            text = distribution.read_text(name)
        except Exception as error:
            yield f"{file} cannot be read: {type(error).__name__}: {error}"
            return
        if text is not None:
            yield from _field_problems(file, distribution)
            return


def _field_problems(file: Path, distribution: Distribution) -> Iterator[str]:
    try:
        fields = distribution.metadata()
    except LookupError:
        yield f"{file} is empty"
        return
    for name in ("Name", "Version"):
        if not str(fields.get(name) or "").strip():
            yield f"{file} has no {name}"
