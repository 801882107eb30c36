"""Find all installed distributions, as ``importlib_metadata`` does, in less time.

A compile scans hundreds of distributions for plugins. Each folder and zip file of the path is listed once, and one
small file of each distribution is read. Third-party finders on ``sys.meta_path`` are called as ``importlib_metadata``
does. Nothing is cached: each scan reads the current state.
"""

# ruff: noqa: PTH118, PTH119, PTH123, PTH208 - Path objects take half the time of a scan

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dagcast.lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from email.message import Message
    from zipfile import ZipFile

ENTRY_POINTS = "entry_points.txt"

METADATA_FILES = ("METADATA", "PKG-INFO", "")
"""The files that may hold the metadata. The empty name is an ``.egg-info`` that is a file."""

_SUFFIXES = (".dist-info", ".egg-info")
_SEPARATORS = lazy_pattern(r"[-_.]+")
_MISSING_FILE_ERRORS = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


class Distribution(NamedTuple):
    """An installed distribution, whose files are read on demand.

    Attributes:
        folder: The entry of the path that contains it; ``None`` if a third-party finder does not tell.
        name: The name of its metadata folder or file.
        reader: Reads its files, if it is not in a folder.
    """

    folder: str | None
    name: str
    reader: Any = None

    @property
    def place(self) -> Path:
        """The path of its metadata."""
        return Path(self.folder or "", self.name)

    @property
    def key(self) -> str:
        """Its normalized name; empty if it has no name.

        Source: "Names and normalization" of the Python packaging specifications.
        """
        name = self.name.lower()
        if name.endswith(_SUFFIXES):
            name = name.rpartition(".")[0].partition("-")[0]
        else:
            name = str(self.metadata().get("Name") or "").lower()
        return _SEPARATORS.sub("-", name)

    def read_text(self, file: str) -> str | None:
        """Return the text of a metadata file; ``None`` if it is missing.

        Raises:
            Exception: If the file is not valid UTF-8, or a third-party finder raises.
        """
        if self.reader is not None:
            found = self.reader.read_text(file)
            return None if found is None else str(found)
        place = os.path.join(self.folder or "", self.name)
        try:
            with open(f"{place}{os.sep}{file}" if file else place, "rb") as stream:
                return _decode(stream.read())
        except _MISSING_FILE_ERRORS:
            return None

    def metadata(self) -> Message:
        """Return the fields of its metadata.

        Raises:
            LookupError: If it has no metadata file.
            Exception: If the file cannot be read.
        """
        text = next(filter(None, map(self.read_text, METADATA_FILES)), None)
        if text is None:
            raise LookupError("it has no METADATA")
        return _parse_fields(text)

    def has_metadata(self) -> bool:
        """Return whether a metadata file exists. An incomplete uninstall leaves an empty folder."""
        try:
            return any(map(self.read_text, METADATA_FILES))
        # A file that cannot be read exists.
        except Exception:
            return True


def find_distributions(path: Iterable[Any], problems: list[str]) -> Iterator[Distribution]:
    """Iterate over all distributions, in the order in which an earlier one shadows a later one.

    Args:
        path: Folders and zip files, as in ``sys.path``.
        problems: Collects failures of third-party finders.

    Example:
        >>> import sys
        >>> sum(1 for distribution in find_distributions(sys.path, [])) > 0
        True
    """
    # Like the import system, ignore entries that are not strings.
    entries = list(dict.fromkeys(entry for entry in path if isinstance(entry, str)))
    for finder in _finders():
        if finder is PathFinder:
            for entry in entries:
                yield from _find_in_entry(entry)
            continue
        try:
            yield from _find_with_finder(finder, entries)
        # A finder is third-party code. Its failure does not stop a compile.
        except Exception as error:
            problems.append(f"the finder {finder!r} failed: {type(error).__name__}: {error}")


def _finders() -> list[Any]:
    """Return the finders of distributions, in the order of ``sys.meta_path``. ``PathFinder`` stands for the path.

    On import, ``importlib_metadata`` installs its own finder for the path and disables that of ``PathFinder``.
    """
    found = []
    for finder in tuple(sys.meta_path):
        backport = type(finder).__name__ == "MetadataPathFinder" and type(finder).__module__ == (
            "importlib_metadata"
        )
        if finder is PathFinder or (not backport and getattr(finder, "find_distributions", None) is not None):
            found.append(finder)
    return found if any(finder is PathFinder for finder in found) else [*found, PathFinder]


def _find_in_entry(entry: str) -> Iterator[Distribution]:
    try:
        names = os.listdir(entry or ".")
    except NotADirectoryError:
        yield from _find_in_zip(entry)
    except (OSError, ValueError):
        return
    else:
        for name in _metadata_names(entry, names):
            yield Distribution(entry, name)


def _metadata_names(entry: str, names: Iterable[str]) -> list[str]:
    """Return the names of metadata folders, sorted, since the order of a folder listing is arbitrary."""
    egg = "egg-info" if os.path.basename(entry).lower().endswith(".egg") else None
    return sorted(name for name in names if name.lower().endswith(_SUFFIXES) or name.lower() == egg)


class _ZipReader:
    """Metadata files of a distribution in a zip file, read at once: ``importlib_metadata`` leaves the archive open."""

    def __init__(self, archive: ZipFile, name: str) -> None:
        self._contents: dict[str, bytes | Exception] = {}
        for file in (ENTRY_POINTS, *METADATA_FILES):
            try:
                self._contents[file] = archive.read(f"{name}/{file}")
            except KeyError:
                continue
            # The member may be broken or encrypted. The error is raised when the file is read.
            except Exception as error:
                self._contents[file] = error

    def read_text(self, file: str) -> str | None:
        content = self._contents.get(file)
        if isinstance(content, Exception):
            raise content
        return None if content is None else _decode(content)


def _find_in_zip(entry: str) -> Iterator[Distribution]:
    from zipfile import ZipFile

    try:
        with ZipFile(entry) as archive:
            names = dict.fromkeys(member.partition("/")[0] for member in archive.namelist())
            found = [
                Distribution(entry, name, _ZipReader(archive, name)) for name in _metadata_names(entry, names)
            ]
    # Not a readable zip file. The import system ignores it too.
    except Exception:
        return
    yield from found


def _find_with_finder(finder: Any, entries: list[str]) -> Iterator[Distribution]:
    for distribution in finder.find_distributions(_context(entries)):
        path = _path_of(distribution)
        if isinstance(path, Path):
            yield Distribution(str(path.parent), path.name, distribution)
        else:
            yield Distribution(None, "", distribution)


def _parse_fields(text: str) -> Message:
    """Parse the fields above the description, which is most of the text. Source: RFC 822, 3.1 and 3.4.2.

    Importing the parser of ``email`` takes longer than a scan.
    """
    from email.message import Message

    fields: list[list[str]] = []
    for line in text.split("\n"):
        if line[:1] in (" ", "\t") and fields:
            fields[-1][1] += f"\n{line}"
            continue
        name, colon, value = line.partition(":")
        if not colon or not name:
            break
        fields.append([name, value.strip()])
    message = Message()
    for name, value in fields:
        message[name] = value
    return message


def _decode(content: bytes) -> str:
    text = content.decode()
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _path_of(distribution: Any) -> Any:
    return getattr(distribution, "_path", None)


def _context(entries: list[str]) -> Any:
    from importlib_metadata import DistributionFinder

    context: Any = DistributionFinder.Context
    return context(path=entries)
