"""Metadata providers: functions that say what they know, found through entry points and chosen by name.

A provider is a function in entry-point group ``mods_plugin.metadata_providers``. It takes a :class:`ProviderContext`
and gives a mapping of the fields it knows. It is imported only when the options name it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagsmith.plugin import InvalidInputError, PipelineConfig, did_you_mean
from mods_plugin.failure import failure
from mods_plugin.metadata import FIELDS

if TYPE_CHECKING:
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


class UnknownProviderError(ValueError):
    """There is no provider of a name.

    Attributes:
        hint: The nearest name, or the few that there are.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.hint = did_you_mean(name, known)
        super().__init__(f"there is no metadata provider {name!r}")


def ask_provider(name: str, context: ProviderContext) -> Mapping[str, Any]:
    """What the provider of that name knows.

    Raises:
        UnknownProviderError: If no distribution provides it.
        InvalidInputError: If the provider found a mistake in the user's files.
        PluginError: If several distributions provide it, or it is broken, or gives something else than metadata.
    """
    from importlib_metadata import entry_points

    points = list(entry_points(group=GROUP))
    found = {(point.value, _owner(point)): point for point in points if point.name == name}
    if not found:
        raise UnknownProviderError(name, (point.name for point in points))
    if len(found) > 1:
        owners = " and ".join(sorted(owner for _, owner in found))
        raise failure(f"metadata provider {name!r} is provided by {owners}", "uninstall all but one of them")
    point = next(iter(found.values()))
    try:
        given = point.load()(context)
    except InvalidInputError:
        raise
    # A provider is foreign code: whatever it raises, sys.exit() included, is its failure.
    except (Exception, SystemExit) as error:
        raise _broken(point, f"raised {type(error).__name__}: {error}") from error
    if not isinstance(given, Mapping):
        raise _broken(point, f"gave {given!r}, expected a mapping")
    unknown = [key for key in given if key not in FIELDS]
    if unknown:
        raise _broken(point, f"gave {unknown[0]!r}, which is none of {', '.join(FIELDS)}")
    return {key: value for key, value in given.items() if value is not None}


def _broken(point: EntryPoint, what: str) -> Exception:
    remedy = "mend it, or leave it out of plugins.options.mods.providers"
    return failure(f"metadata provider {point.name!r} ({_owner(point)}) {what}", remedy)


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
