"""Metadata providers: functions that return template metadata, found through entry points and selected by name.

A provider is a function in entry-point group ``mods_plugin.metadata_providers``. It takes a :class:`ProviderContext`
and returns a mapping of the fields it knows. It is imported only if the options name it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.plugin import InvalidInputError, PipelineConfig, did_you_mean, find_distributions
from mods_plugin.errors import plugin_error
from mods_plugin.metadata import FIELDS

if TYPE_CHECKING:
    from email.message import Message

    from importlib_metadata import EntryPoint

GROUP = "mods_plugin.metadata_providers"


@dataclass(frozen=True)
class ProviderContext:
    """The input of a provider.

    Attributes:
        root: The folder of the config file; the working directory if the config is a Python object.
        environment: The environment variables of the process.
        config: The typed config.
    """

    root: Path
    environment: Mapping[str, str]
    config: PipelineConfig


Provider = Callable[[ProviderContext], Mapping[str, Any]]


@dataclass(frozen=True)
class _Installed:
    """An installed provider.

    Attributes:
        point: Its entry point.
        owner: Name and version of its distribution.
    """

    point: EntryPoint
    owner: str


class UnknownProviderError(ValueError):
    """No installed distribution has a provider of this name.

    Attributes:
        hint: The nearest name, or all names if there are few.
    """

    def __init__(self, name: str, known: Iterable[str], unreadable: Iterable[str] = ()) -> None:
        self.hint = did_you_mean(name, known)
        broken = "".join(f"; the metadata of {place} cannot be read" for place in unreadable)
        super().__init__(f"unknown metadata provider {name!r}{broken}")


def call_provider(name: str, context: ProviderContext) -> Mapping[str, Any]:
    """Load the provider of a name and return the fields it knows.

    Args:
        name: The name of the provider's entry point.
        context: The input of the provider.

    Returns:
        The metadata by field, without fields that are ``None``.

    Raises:
        UnknownProviderError: If no distribution has a provider of this name.
        InvalidInputError: If the provider found a mistake in the user's files.
        PluginError: If several distributions have one, it raises an error, or it returns anything but metadata.
    """
    unreadable: list[str] = []
    providers = list(_installed(unreadable))
    found = {(item.point.value, item.owner): item for item in providers if item.point.name == name}
    if not found:
        raise UnknownProviderError(name, (item.point.name for item in providers), unreadable)
    if len(found) > 1:
        owners = " and ".join(sorted(owner for _, owner in found))
        raise plugin_error(
            f"metadata provider {name!r} is provided by {owners}", "uninstall all but one of them"
        )
    provider = next(iter(found.values()))
    try:
        load: Callable[[], Provider] = provider.point.load
        given = load()(context)
    except InvalidInputError:
        raise
    # A provider is third-party code: whatever it raises, SystemExit included, is reported as its failure.
    except (Exception, SystemExit) as error:
        raise _broken(provider, f"raised {type(error).__name__}: {error}") from error
    if not isinstance(given, Mapping):
        raise _broken(provider, f"returned {given!r}, expected a mapping")
    unknown = [key for key in given if key not in FIELDS]
    if unknown:
        raise _broken(provider, f"returned unknown field {unknown[0]!r}, expected {', '.join(FIELDS)}")
    return {key: value for key, value in given.items() if value is not None}


def _installed(unreadable: list[str]) -> Iterator[_Installed]:
    """Yield every provider; skip distributions with unreadable metadata and append their places."""
    from importlib_metadata import EntryPoint

    for distribution in find_distributions(sys.path, []):
        # Broken metadata of an unrelated distribution, whatever is wrong with it, does not stop a compile.
        try:
            found = _in_group(distribution.read_text("entry_points.txt") or "")
            owner = _name_and_version(distribution.metadata()) if found else ""
        except Exception:
            unreadable.append(str(distribution.place))
            continue
        for name, value in found.items():
            yield _Installed(EntryPoint(name, value, GROUP), owner)


def _name_and_version(metadata: Message) -> str:
    return f"{metadata['Name']} {metadata['Version']}"


def _in_group(text: str) -> Mapping[str, str]:
    """Return the entry points of providers, by name.

    The format: https://packaging.python.org/specifications/entry-points/#file-format
    """
    if GROUP not in text:
        return {}
    parser = ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    # Names keep their case; by default, the parser converts them to lower case.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return dict(parser[GROUP]) if GROUP in parser else {}


def _broken(provider: _Installed, problem: str) -> Exception:
    remedy = "fix it, or remove it from plugins.options.mods.providers"
    return plugin_error(f"metadata provider {provider.point.name!r} ({provider.owner}) {problem}", remedy)
