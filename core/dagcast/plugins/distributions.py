"""What is installed: every distribution on the path, as ``importlib_metadata`` finds it, without asking it for each.

A compile asks for the plugins among hundreds of distributions. Each folder and zip of the path is listed once, and of
each distribution in it one small file is read. Whatever else a finder on ``sys.meta_path`` knows is asked of it as
``importlib_metadata`` would. Nothing is kept: what the next scan finds is what is there then.
"""

# ruff: noqa: PTH118, PTH119, PTH123, PTH208 - paths are strings here: an object for each is half the time of a scan

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from email.message import Message
    from zipfile import ZipFile

ENTRY_POINTS = "entry_points.txt"

METADATA_FILES = ("METADATA", "PKG-INFO", "")
"""Where the metadata of a distribution stand; the empty name is an ``.egg-info`` that is itself the file."""

_SUFFIXES = (".dist-info", ".egg-info")
_SEPARATORS = re.compile(r"[-_.]+")
_NOT_THERE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


class Distribution(NamedTuple):
    """A distribution, of which nothing is read yet.

    Attributes:
        folder: The entry of the path that it lies in; ``None`` where a foreign finder does not say.
        name: The name of its metadata's folder or file.
        given: What reads its files, where it lies in no folder.
    """

    folder: str | None
    name: str
    given: Any = None

    @property
    def place(self) -> Path:
        """Where its metadata are."""
        return Path(self.folder or "", self.name)

    @property
    def key(self) -> str:
        """Its name as installers compare it; empty where it has none.

        Source: "Names and normalization" of the Python packaging specifications.
        """
        name = self.name.lower()
        if name.endswith(_SUFFIXES):
            name = name.rpartition(".")[0].partition("-")[0]
        else:
            name = str(self.metadata().get("Name") or "").lower()
        return _SEPARATORS.sub("-", name)

    def read_text(self, file: str) -> str | None:
        """The text of one of its files, ``None`` if it is not there.

        Raises:
            Exception: If it cannot be read: it is no UTF-8, or what a foreign finder raises.
        """
        if self.given is not None:
            found = self.given.read_text(file)
            return None if found is None else str(found)
        place = os.path.join(self.folder or "", self.name)
        try:
            with open(f"{place}{os.sep}{file}" if file else place, "rb") as stream:
                return _decoded(stream.read())
        except _NOT_THERE:
            return None

    def metadata(self) -> Message:
        """The fields of its metadata.

        Raises:
            LookupError: If it has none.
            Exception: If they cannot be read.
        """
        from email import message_from_string

        text = next(filter(None, map(self.read_text, METADATA_FILES)), None)
        if text is None:
            raise LookupError("it has no METADATA")
        return message_from_string(text)

    def is_whole(self) -> bool:
        """Whether it is more than an empty folder that an uninstallation left."""
        try:
            return any(map(self.read_text, METADATA_FILES))
        # Whatever is there cannot be read, and so is there.
        except Exception:
            return True


def find_distributions(path: Iterable[Any], problems: list[str]) -> Iterator[Distribution]:
    """Every distribution, in the order in which an earlier one hides a later one.

    Args:
        path: Folders and zips, as ``sys.path`` has them.
        problems: Takes what is wrong with foreign finders.
    """
    # As imports do, it passes over what is no string.
    entries = list(dict.fromkeys(entry for entry in path if isinstance(entry, str)))
    for finder in _finders():
        if finder is PathFinder:
            for entry in entries:
                yield from _in_entry(entry)
            continue
        try:
            yield from _of_finder(finder, entries)
        # A finder is foreign code, and nobody asked for it to compile a pipeline.
        except Exception as error:
            problems.append(f"the finder {finder!r} cannot be asked: {type(error).__name__}: {error}")


def _finders() -> list[Any]:
    """The finders that know of distributions, in the order of imports; ``PathFinder`` stands for the path.

    ``importlib_metadata`` adds one of its own for the path when it is imported, and takes that of ``PathFinder`` away.
    """
    found = []
    for finder in tuple(sys.meta_path):
        backport = type(finder).__name__ == "MetadataPathFinder" and type(finder).__module__ == (
            "importlib_metadata"
        )
        if finder is PathFinder or (not backport and getattr(finder, "find_distributions", None) is not None):
            found.append(finder)
    return found if any(finder is PathFinder for finder in found) else [*found, PathFinder]


def _in_entry(entry: str) -> Iterator[Distribution]:
    try:
        names = os.listdir(entry or ".")
    except NotADirectoryError:
        yield from _in_zip(entry)
    except (OSError, ValueError):
        return
    else:
        for name in _infos(entry, names):
            yield Distribution(entry, name)


def _infos(entry: str, names: Iterable[str]) -> list[str]:
    """Those of the names that hold metadata, sorted: the order of a folder is luck."""
    egg = "egg-info" if os.path.basename(entry).lower().endswith(".egg") else None
    return sorted(name for name in names if name.lower().endswith(_SUFFIXES) or name.lower() == egg)


class _Zipped:
    """A distribution in a zip, read while that was open: ``importlib_metadata`` would leave it open."""

    def __init__(self, archive: ZipFile, name: str) -> None:
        self._contents: dict[str, bytes | Exception] = {}
        for file in (ENTRY_POINTS, *METADATA_FILES):
            try:
                self._contents[file] = archive.read(f"{name}/{file}")
            except KeyError:
                continue
            # Its bytes may be broken in every way, or encrypted. That is told when they are asked for.
            except Exception as error:
                self._contents[file] = error

    def read_text(self, file: str) -> str | None:
        content = self._contents.get(file)
        if isinstance(content, Exception):
            raise content
        return None if content is None else _decoded(content)


def _in_zip(entry: str) -> Iterator[Distribution]:
    from zipfile import ZipFile

    try:
        with ZipFile(entry) as archive:
            names = dict.fromkeys(member.partition("/")[0] for member in archive.namelist())
            found = [Distribution(entry, name, _Zipped(archive, name)) for name in _infos(entry, names)]
    # It is no zip, or not one that can be read, and nothing is imported from it either.
    except Exception:
        return
    yield from found


def _of_finder(finder: Any, entries: list[str]) -> Iterator[Distribution]:
    for distribution in finder.find_distributions(_context(entries)):
        path = _path_of(distribution)
        if isinstance(path, Path):
            yield Distribution(str(path.parent), path.name, distribution)
        else:
            yield Distribution(None, "", distribution)


def _decoded(content: bytes) -> str:
    text = content.decode()
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _path_of(distribution: Any) -> Any:
    return getattr(distribution, "_path", None)


def _context(entries: list[str]) -> Any:
    from importlib_metadata import DistributionFinder

    context: Any = DistributionFinder.Context
    return context(path=entries)
