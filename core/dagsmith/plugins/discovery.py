"""Finding plugins: what the metadata of installed distributions says, without importing anything.

A plugin is an entry point of group ``dagsmith``. Two further groups say more about the plugin of the same name:
``dagsmith.api`` holds the version of the hooks it is written for (``v1``), and an entry in ``dagsmith.autoload``
asks that it be active as soon as it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dagsmith.plugins.hooks import API_VERSION

if TYPE_CHECKING:
    from importlib_metadata import PackageMetadata

GROUP = "dagsmith"
API_GROUP = "dagsmith.api"
AUTOLOAD_GROUP = "dagsmith.autoload"

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VALUE = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?")
_MENTIONED = re.compile(r"^\s*\[\s*dagsmith", re.MULTILINE)
_API = re.compile(r"v?(\d+)")
_SEPARATORS = re.compile(r"[-_.]+")
_UNREADABLE = (OSError, ValueError, TypeError, LookupError)
"""What reading foreign metadata raises: no such file, no UTF-8, a line without ``=``, no such field."""


class _Point(NamedTuple):
    group: str
    name: str
    value: str


@dataclass(frozen=True)
class PluginEntry:
    """One entry point of group ``dagsmith``.

    Attributes:
        name: The plugin's name.
        value: What it points to: ``module`` or ``module:attribute``.
        distribution: The name of the distribution that provides it.
        version: The distribution's version.
        api_version: The version of the hooks it is written for; ``None`` if what it says cannot be read.
        autoload: Whether it asks to be active as soon as it is installed.
        summary: The distribution's one-line summary.
        url: Where its documentation is, if the distribution says.
        problems: What is wrong with the metadata.
    """

    name: str
    value: str
    distribution: str
    version: str
    api_version: int | None = API_VERSION
    autoload: bool = False
    summary: str = ""
    url: str | None = None
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"


@dataclass(frozen=True)
class Scan:
    """What is installed.

    Attributes:
        entries: Every plugin, by name, then distribution.
        problems: What is wrong with metadata that belongs to no single plugin.
    """

    entries: tuple[PluginEntry, ...]
    problems: tuple[str, ...] = ()

    def named(self, name: str) -> tuple[PluginEntry, ...]:
        """The entries of that name: one, none, or several where distributions clash."""
        return tuple(entry for entry in self.entries if entry.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all plugins, each once."""
        return tuple(dict.fromkeys(entry.name for entry in self.entries))


def scan(path: Iterable[str] | None = None) -> Scan:
    """Read the entry points of every installed distribution; nothing is imported.

    Args:
        path: Folders to look in; ``sys.path`` if left out.
    """
    import importlib_metadata

    arguments = {} if path is None else {"path": list(path)}
    entries: list[PluginEntry] = []
    problems: list[str] = []
    seen: dict[str, Path] = {}
    twice: set[str] = set()
    for distribution in importlib_metadata.distributions(**arguments):
        # Nobody may be kept from compiling by the metadata of a distribution that he did not ask for.
        try:
            name, points, found = _read(distribution)
        except _UNREADABLE as error:
            problems.append(
                f"{_place(distribution)}: its metadata cannot be read: {type(error).__name__}: {error}"
            )
            continue
        if not points:
            continue
        place = Path(_place(distribution))
        if _fold(name) in seen:
            # An earlier folder on the path hides the same distribution in a later one, as it does for imports. In one
            # and the same folder, the remains of another version, it is luck which of them counts.
            first = seen[_fold(name)]
            if first.parent == place.parent and first != place:
                twice.add(_fold(name))
            continue
        seen[_fold(name)] = place
        entries.extend(found)
        own = {point.name for point in points if point.group == GROUP}
        for point in points:
            if point.group in (API_GROUP, AUTOLOAD_GROUP) and point.name not in own:
                problems.append(f"{name}: {point.group} names {point.name!r}, which is none of its plugins")
            elif point.group not in (GROUP, API_GROUP, AUTOLOAD_GROUP):
                problems.append(f"{name}: there is no entry-point group {point.group!r}")
    for index, entry in enumerate(entries):
        if _fold(entry.distribution) in twice:
            problem = f"two versions of {entry.distribution} are installed in one folder"
            entries[index] = replace(entry, problems=(*entry.problems, problem))
    return Scan(tuple(sorted(entries, key=lambda entry: (entry.name, entry.distribution))), tuple(problems))


def _read(distribution: Any) -> tuple[str, list[_Point], list[PluginEntry]]:
    """The name of a distribution, its entry points that are dagsmith's, and the plugins among them."""
    text = distribution.read_text("entry_points.txt") or ""
    # Most distributions have no plugins, and reading the names of all of them takes ten times as long.
    if not _MENTIONED.search(text):
        return "", [], []
    points = list(_points(text))
    return (
        distribution.metadata.get("Name") or "unknown",
        points,
        list(_entries(distribution.metadata, points)),
    )


def _points(text: str) -> Iterator[_Point]:
    """The entry points of dagsmith's groups. What stands in other groups, and may be broken, is none of ours.

    The format: https://packaging.python.org/specifications/entry-points/#file-format
    """
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        elif line and line[0] not in "#;" and (group.strip() == GROUP or group.startswith(f"{GROUP}.")):
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"{line!r} in [{group}] is not of the form name = value")
            yield _Point(group, name.strip(), value.strip())


def _fold(name: str) -> str:
    """A distribution's name as installers compare it."""
    return _SEPARATORS.sub("-", name).casefold()


def _place(distribution: object) -> str:
    return str(getattr(distribution, "_path", "a distribution"))


def _entries(metadata: PackageMetadata, points: list[_Point]) -> Iterator[PluginEntry]:
    api = {point.name: point.value for point in points if point.group == API_GROUP}
    autoload = {point.name for point in points if point.group == AUTOLOAD_GROUP}
    for point in points:
        if point.group != GROUP:
            continue
        name, value = point.name, point.value
        problems = []
        if not NAME.fullmatch(name):
            problems.append(
                f"{name!r} is not a name: letters, digits, hyphens and underscores, a letter first"
            )
        if not _VALUE.fullmatch(value):
            problems.append(f"{value!r} does not point to a module or module:attribute")
        stated = _API.fullmatch(api.get(name, f"v{API_VERSION}"))
        if stated is None:
            problems.append(f"{API_GROUP} says {api[name]!r}, expected v{API_VERSION}")
        yield PluginEntry(
            name,
            value,
            metadata.get("Name") or "unknown",
            metadata.get("Version") or "unknown",
            int(stated[1]) if stated else None,
            name in autoload,
            metadata.get("Summary") or "",
            _documentation(metadata),
            tuple(problems),
        )


def _documentation(metadata: PackageMetadata) -> str | None:
    """The project URL that is labelled as documentation, else the home page."""
    urls: dict[str, str] = {}
    for line in metadata.get_all("Project-URL") or ():
        label, _, url = line.partition(",")
        urls[label.strip().casefold()] = url.strip()
    for label in ("documentation", "docs", "homepage", "home"):
        if label in urls:
            return urls[label]
    home = metadata.get("Home-page")
    return str(home) if home else None
