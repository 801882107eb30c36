"""Metadata providers: functions that say what they know, found through entry points and chosen by name.

A provider is a function in entry-point group ``mods_plugin.metadata_providers``. It takes a :class:`ProviderContext`
and gives a mapping of the fields it knows. It is imported only when the options name it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.plugin import InvalidInputError, PipelineConfig, did_you_mean, find_distributions
from mods_plugin.failure import failure
from mods_plugin.metadata import FIELDS

if TYPE_CHECKING:
    from email.message import Message

    from importlib_metadata import EntryPoint

GROUP = "mods_plugin.metadata_providers"


@dataclass(frozen=True)
class ProviderContext:
    """What a provider may look at.

    Attributes:
        root: The folder of the config, or the working directory where the config came from Python.
        environment: The environment variables of the process.
        config: The typed config.
    """

    root: Path
    environment: Mapping[str, str]
    config: PipelineConfig


Provider = Callable[[ProviderContext], Mapping[str, Any]]


@dataclass(frozen=True)
class _Installed:
    """A provider that is installed.

    Attributes:
        point: Its entry point.
        owner: Its distribution, with the version.
    """

    point: EntryPoint
    owner: str


class UnknownProviderError(ValueError):
    """There is no provider of a name.

    Attributes:
        hint: The nearest name, or the few that there are.
    """

    def __init__(self, name: str, known: Iterable[str], unreadable: Iterable[str] = ()) -> None:
        self.hint = did_you_mean(name, known)
        broken = "".join(f"; the metadata of {place} cannot be read" for place in unreadable)
        super().__init__(f"there is no metadata provider {name!r}{broken}")


def ask_provider(name: str, context: ProviderContext) -> Mapping[str, Any]:
    """What the provider of that name knows.

    Raises:
        UnknownProviderError: If no distribution provides it.
        InvalidInputError: If the provider found a mistake in the user's files.
        PluginError: If several distributions provide it, or it is broken, or gives something else than metadata.
    """
    unreadable: list[str] = []
    providers = list(_installed(unreadable))
    found = {(item.point.value, item.owner): item for item in providers if item.point.name == name}
    if not found:
        raise UnknownProviderError(name, (item.point.name for item in providers), unreadable)
    if len(found) > 1:
        owners = " and ".join(sorted(owner for _, owner in found))
        raise failure(f"metadata provider {name!r} is provided by {owners}", "uninstall all but one of them")
    provider = next(iter(found.values()))
    try:
        load: Callable[[], Provider] = provider.point.load
        given = load()(context)
    except InvalidInputError:
        raise
    # A provider is foreign code: whatever it raises, sys.exit() included, is its failure.
    except (Exception, SystemExit) as error:
        raise _broken(provider, f"raised {type(error).__name__}: {error}") from error
    if not isinstance(given, Mapping):
        raise _broken(provider, f"gave {given!r}, expected a mapping")
    unknown = [key for key in given if key not in FIELDS]
    if unknown:
        raise _broken(provider, f"gave {unknown[0]!r}, which is none of {', '.join(FIELDS)}")
    return {key: value for key, value in given.items() if value is not None}


def _installed(unreadable: list[str]) -> Iterator[_Installed]:
    """Every provider; a distribution whose metadata cannot be read is passed over, and its place noted."""
    from importlib_metadata import EntryPoint

    for distribution in find_distributions(sys.path, []):
        # Nobody may be kept from compiling by a distribution that he did not ask for, broken in whatever way.
        try:
            found = _in_group(distribution.read_text("entry_points.txt") or "")
            owner = _named(distribution.metadata()) if found else ""
        except Exception:
            unreadable.append(str(distribution.place))
            continue
        for name, value in found.items():
            yield _Installed(EntryPoint(name, value, GROUP), owner)


def _named(metadata: Message) -> str:
    return f"{metadata['Name']} {metadata['Version']}"


def _in_group(text: str) -> Mapping[str, str]:
    """The entry points of providers, by name.

    The format: https://packaging.python.org/specifications/entry-points/#file-format
    """
    if GROUP not in text:
        return {}
    parser = ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    # Names are taken as they are written; the parser's own would be in small letters.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return dict(parser[GROUP]) if GROUP in parser else {}


def _broken(provider: _Installed, what: str) -> Exception:
    remedy = "mend it, or leave it out of plugins.options.mods.providers"
    return failure(f"metadata provider {provider.point.name!r} ({provider.owner}) {what}", remedy)
