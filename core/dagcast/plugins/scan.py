"""Finding plugins: what the metadata of installed distributions says, without importing anything.

A plugin is an entry point of group ``dagcast``. Two further groups say more about the plugin of the same name:
``dagcast.api`` holds the version of the hooks it is written for (``v1``), and an entry in ``dagcast.autoload``
asks that it be active as soon as it is installed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from dagcast.plugins.distributions import ENTRY_POINTS, Distribution, find_distributions
from dagcast.plugins.hooks import API_VERSION

if TYPE_CHECKING:
    from email.message import Message

GROUP = "dagcast"
API_GROUP = "dagcast.api"
AUTOLOAD_GROUP = "dagcast.autoload"

PLUGIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VALUE = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?")
_API = re.compile(r"v?(\d+)")


class _Point(NamedTuple):
    group: str
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class PluginEntry:
    """One entry point of group ``dagcast``.

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
class InstalledPlugins:
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


def scan_plugins(path: Iterable[str] | None = None) -> InstalledPlugins:
    """Read the entry points of every installed distribution; nothing is imported.

    Args:
        path: Folders and zips to look in; ``sys.path`` if left out.
    """
    entries: list[PluginEntry] = []
    problems: list[str] = []
    everything = tuple(find_distributions(sys.path if path is None else path, problems))
    ours: dict[int, tuple[_Point, ...]] = {}
    for index, distribution in enumerate(everything):
        # Nobody may be kept from compiling by the metadata of a distribution that he did not ask for, and what a
        # broken archive or a foreign finder raises may be anything.
        try:
            points = tuple(_points(distribution.read_text(ENTRY_POINTS) or ""))
        except Exception as error:
            problems.append(_unreadable(distribution, error))
            continue
        if points:
            ours[index] = points
    rivals = _rivals(everything) if ours else {}
    for index, points in ours.items():
        try:
            standing = _standing(index, everything, rivals, ours)
            if standing is _Standing.HIDDEN:
                continue
            metadata = everything[index].metadata()
        except Exception as error:
            problems.append(_unreadable(everything[index], error))
            continue
        name = _field(metadata, "Name") or "unknown"
        doubt = (
            (f"two versions of {name} are installed in one folder",) if standing is _Standing.DOUBTFUL else ()
        )
        entries.extend(_entries(metadata, name, points, doubt))
        own = {point.name for point in points if point.group == GROUP}
        for point in points:
            if point.group in (API_GROUP, AUTOLOAD_GROUP) and point.name not in own:
                problems.append(f"{name}: {point.group} names {point.name!r}, which is none of its plugins")
            elif point.group not in (GROUP, API_GROUP, AUTOLOAD_GROUP):
                problems.append(f"{name}: there is no entry-point group {point.group!r}")
    return InstalledPlugins(
        tuple(sorted(entries, key=lambda entry: (entry.name, entry.distribution))), tuple(problems)
    )


def _unreadable(distribution: Distribution, error: Exception) -> str:
    return f"{distribution.place}: its metadata cannot be read: {type(error).__name__}: {error}"


class _Standing(Enum):
    """How a distribution stands among those of its name."""

    SOUND = "sound"
    HIDDEN = "hidden"
    DOUBTFUL = "doubtful"


def _rivals(everything: Sequence[Distribution]) -> dict[str, list[int]]:
    """By name of a distribution: the indexes of all that go by it."""
    found: dict[str, list[int]] = {}
    for index, distribution in enumerate(everything):
        try:
            found.setdefault(distribution.key, []).append(index)
        # One whose name cannot be read hides no other.
        except Exception:
            continue
    return found


def _standing(
    index: int, everything: Sequence[Distribution], rivals: Mapping[str, list[int]], ours: Container[int]
) -> _Standing:
    """Whether an earlier distribution hides this one, and whether there is doubt about it.

    One in an earlier folder of the path hides the same distribution in a later one, as it does for imports. In one and
    the same folder, the remains of another version, it is luck which of them counts.
    """
    distribution = everything[index]
    standing = _Standing.SOUND
    for other_index in rivals[distribution.key]:
        other, earlier = everything[other_index], other_index < index
        if other.place == distribution.place:
            if earlier:
                return _Standing.HIDDEN
        elif other.is_whole():
            beside = other.folder is not None and other.folder == distribution.folder
            if earlier and (not beside or other_index in ours):
                return _Standing.HIDDEN
            if beside:
                standing = _Standing.DOUBTFUL
    return standing


def _points(text: str) -> Iterator[_Point]:
    """The entry points of dagcast's groups. What stands in other groups, and may be broken, is none of ours.

    The format: https://packaging.python.org/specifications/entry-points/#file-format
    """
    if GROUP not in text:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        elif line and line[0] not in "#;" and (group.strip() == GROUP or group.startswith(f"{GROUP}.")):
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"{line!r} in [{group}] is not of the form name = value")
            yield _Point(group, name.strip(), value.strip())


def _entries(
    metadata: Message, distribution: str, points: Iterable[_Point], doubt: tuple[str, ...]
) -> Iterator[PluginEntry]:
    api = {point.name: point.value for point in points if point.group == API_GROUP}
    autoload = {point.name for point in points if point.group == AUTOLOAD_GROUP}
    for point in points:
        if point.group != GROUP:
            continue
        name, value = point.name, point.value
        problems = []
        if not PLUGIN_NAME.fullmatch(name):
            problems.append(
                f"{name!r} is not a name: letters, digits, hyphens and underscores, a letter first"
            )
        if not _VALUE.fullmatch(value):
            problems.append(f"{value!r} does not point to a module or module:attribute")
        stated = _API.fullmatch(api.get(name, f"v{API_VERSION}"))
        if stated is None:
            problems.append(f"{API_GROUP} says {api[name]!r}, expected v{API_VERSION}")
        yield PluginEntry(
            name=name,
            value=value,
            distribution=distribution,
            version=_field(metadata, "Version") or "unknown",
            api_version=int(stated[1]) if stated else None,
            autoload=name in autoload,
            summary=_field(metadata, "Summary"),
            url=_documentation(metadata),
            problems=(*problems, *doubt),
        )


def _field(metadata: Message, name: str) -> str:
    """A field on one line; empty if it is not there."""
    return " ".join(str(metadata.get(name) or "").split())


def _documentation(metadata: Message) -> str | None:
    """The project URL that is labelled as documentation, else the home page."""
    urls: dict[str, str] = {}
    for line in metadata.get_all("Project-URL") or ():
        label, _, url = str(line).partition(",")
        urls[label.strip().casefold()] = " ".join(url.split())
    for label in ("documentation", "docs", "homepage", "home"):
        if label in urls:
            return urls[label]
    return _field(metadata, "Home-page") or None
