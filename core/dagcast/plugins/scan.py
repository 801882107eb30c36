"""Find the installed plugins in the metadata of distributions, without importing them.

A plugin is an entry point of group ``dagcast``, and a local image one of group ``dagcast.local_images``. Entry points
of the same name in two further groups are optional: ``dagcast.api`` holds the version of the hooks that the plugin is
written for (``v1``), and ``dagcast.autoload`` makes the plugin active on installation.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern
from dagcast.plugins.api_version import API_VERSION
from dagcast.plugins.distributions import ENTRY_POINTS, Distribution, find_distributions

if TYPE_CHECKING:
    from email.message import Message

GROUP = "dagcast"
API_GROUP = "dagcast.api"
AUTOLOAD_GROUP = "dagcast.autoload"
LOCAL_IMAGES_GROUP = "dagcast.local_images"

PLUGIN_NAME = lazy_pattern(r"[A-Za-z][A-Za-z0-9_-]*")
# Spaces around the colon, and extras, are allowed: https://packaging.python.org/specifications/entry-points/
_VALUE = lazy_pattern(r"([A-Za-z_][\w.]*)\s*(?::\s*([A-Za-z_][\w.]*))?\s*(?:\[[^\]]*\])?")
_API = lazy_pattern(r"v?(\d+)")


class _EntryPoint(NamedTuple):
    group: str
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class PluginEntry:
    """One entry point of group ``dagcast`` or ``dagcast.local_images``.

    Attributes:
        name: The name of the plugin or local image.
        value: The object reference: ``module`` or ``module:attribute``.
        distribution: The name of the distribution that provides it.
        version: The distribution's version.
        api_version: The version of the hooks it is written for; ``None`` if the value is invalid.
        autoload: Whether it is active on installation.
        summary: The distribution's one-line summary.
        url: The documentation URL of the distribution, if its metadata has one.
        problems: Errors in its metadata.
        place: The folder of its distribution's metadata; ``None`` if a third-party finder does not tell.
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
    place: str | None = None

    @property
    def module(self) -> str:
        """The name of the module."""
        return self.value.partition(":")[0].strip()

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"


@dataclass(frozen=True)
class InstalledPlugins:
    """The installed plugins.

    Attributes:
        entries: The plugins, sorted by name and distribution.
        problems: Errors in metadata that no single plugin owns.
        local_images: The local images, sorted likewise.
    """

    entries: tuple[PluginEntry, ...]
    problems: tuple[str, ...] = ()
    local_images: tuple[PluginEntry, ...] = ()

    def named(self, name: str) -> tuple[PluginEntry, ...]:
        """Return the entries of that name: more than one if several distributions provide it."""
        return tuple(entry for entry in self.entries if entry.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The distinct names of the plugins."""
        return tuple(dict.fromkeys(entry.name for entry in self.entries))


def scan_plugins(path: Iterable[str] | None = None) -> InstalledPlugins:
    """Read the entry points of all installed distributions. No plugin is imported.

    Args:
        path: Folders and zip files to scan. Default: ``sys.path``.
    """
    entries: list[PluginEntry] = []
    local_images: list[PluginEntry] = []
    problems: list[str] = []
    distributions = tuple(find_distributions(sys.path if path is None else path, problems))
    with_plugins: dict[int, tuple[_EntryPoint, ...]] = {}
    for index, distribution in enumerate(distributions):
        # Broken metadata of an unrelated distribution does not stop a compile. A broken archive or a third-party
        # finder may raise any exception.
        try:
            points = tuple(_parse_entry_points(distribution.read_text(ENTRY_POINTS) or ""))
        except Exception as error:
            problems.append(_read_error(distribution, error))
            continue
        if points:
            with_plugins[index] = points
    same_name = _group_by_name(distributions) if with_plugins else {}
    for index, points in with_plugins.items():
        try:
            status = _status_of(index, distributions, same_name, with_plugins)
            if status is DistributionStatus.SHADOWED:
                continue
            metadata = distributions[index].metadata()
        except Exception as error:
            problems.append(_read_error(distributions[index], error))
            continue
        name = _field(metadata, "Name") or "unknown"
        ambiguity = (
            (f"two versions of {name} are installed in one folder",)
            if status is DistributionStatus.AMBIGUOUS
            else ()
        )
        distribution = distributions[index]
        place = None if distribution.folder is None else str(distribution.place)
        for group, found in ((GROUP, entries), (LOCAL_IMAGES_GROUP, local_images)):
            found.extend(
                replace(entry, place=place) for entry in _entries(metadata, group, points, ambiguity)
            )
        own = {point.name for point in points if point.group in (GROUP, LOCAL_IMAGES_GROUP)}
        for point in points:
            if point.group in (API_GROUP, AUTOLOAD_GROUP) and point.name not in own:
                problems.append(
                    f"{name}: {point.group} names {point.name!r}, which is not one of its plugins"
                )
            elif point.group not in (GROUP, API_GROUP, AUTOLOAD_GROUP, LOCAL_IMAGES_GROUP):
                problems.append(f"{name}: unknown entry-point group {point.group!r}")
    return InstalledPlugins(_sorted(entries), tuple(problems), _sorted(local_images))


def _sorted(entries: Iterable[PluginEntry]) -> tuple[PluginEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.name, entry.distribution)))


def _read_error(distribution: Distribution, error: Exception) -> str:
    return f"{distribution.place}: its metadata cannot be read: {type(error).__name__}: {error}"


class DistributionStatus(Enum):
    """Whether a distribution takes effect, given the others of its name."""

    EFFECTIVE = "effective"
    SHADOWED = "shadowed"
    AMBIGUOUS = "ambiguous"


def _group_by_name(distributions: Sequence[Distribution]) -> dict[str, list[int]]:
    """Return the indexes of distributions by their normalized name."""
    found: dict[str, list[int]] = {}
    for index, distribution in enumerate(distributions):
        try:
            found.setdefault(distribution.key, []).append(index)
        # A distribution without a readable name shadows no other.
        except Exception:
            continue
    return found


def _status_of(
    index: int,
    distributions: Sequence[Distribution],
    same_name: Mapping[str, list[int]],
    with_plugins: Container[int],
) -> DistributionStatus:
    """Return whether an earlier distribution of the same name shadows this one, or which of two applies is ambiguous.

    A distribution in an earlier folder of the path shadows the same distribution in a later folder, as with imports.
    Two versions in one folder, such as the remains of an upgrade, are ambiguous.
    """
    distribution = distributions[index]
    status = DistributionStatus.EFFECTIVE
    for other_index in same_name[distribution.key]:
        other, earlier = distributions[other_index], other_index < index
        if other.place == distribution.place:
            if earlier:
                return DistributionStatus.SHADOWED
        elif other.has_metadata():
            same_folder = other.folder is not None and other.folder == distribution.folder
            if earlier and (not same_folder or other_index in with_plugins):
                return DistributionStatus.SHADOWED
            if same_folder:
                status = DistributionStatus.AMBIGUOUS
    return status


def _parse_entry_points(text: str) -> Iterator[_EntryPoint]:
    """Parse the entry points of dagcast's groups. Other groups may be broken and are ignored.

    Source of the format: https://packaging.python.org/specifications/entry-points/#file-format
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
            yield _EntryPoint(group, name.strip(), value.strip())


def _entries(
    metadata: Message, group: str, points: Iterable[_EntryPoint], ambiguity: tuple[str, ...]
) -> Iterator[PluginEntry]:
    """Yield the entry points of one group of a distribution."""
    api = {point.name: point.value for point in points if point.group == API_GROUP}
    autoload = {point.name for point in points if point.group == AUTOLOAD_GROUP}
    for point in points:
        if point.group != group:
            continue
        name, value = point.name, point.value
        problems = []
        if not PLUGIN_NAME.fullmatch(name):
            problems.append(
                f"{name!r} is not a valid name: use letters, digits, hyphens and underscores, starting with a letter"
            )
        reference = _VALUE.fullmatch(value)
        if reference is not None:
            value = ":".join(filter(None, reference.groups()))
        else:
            problems.append(f"{value!r} does not point to a module or module:attribute")
        match = _API.fullmatch(api.get(name, f"v{API_VERSION}"))
        if match is None:
            problems.append(f"{API_GROUP} says {api[name]!r}, expected v{API_VERSION}")
        yield PluginEntry(
            name=name,
            value=value,
            distribution=_field(metadata, "Name") or "unknown",
            version=_field(metadata, "Version") or "unknown",
            api_version=int(match[1]) if match else None,
            autoload=name in autoload,
            summary=_field(metadata, "Summary"),
            url=_documentation(metadata),
            problems=(*problems, *ambiguity),
        )


def _field(metadata: Message, name: str) -> str:
    """Return a metadata field on one line; an empty string if it is missing."""
    return " ".join(str(metadata.get(name) or "").split())


def _documentation(metadata: Message) -> str | None:
    """Return the project URL labelled as documentation, else the home page."""
    urls: dict[str, str] = {}
    for line in metadata.get_all("Project-URL") or ():
        label, _, url = str(line).partition(",")
        urls[label.strip().casefold()] = " ".join(url.split())
    for label in ("documentation", "docs", "homepage", "home"):
        if label in urls:
            return urls[label]
    return _field(metadata, "Home-page") or None
