"""The plugin lock: a file next to a definition that records the plugins of the compile and their code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dagcast.compile.report import CODE_REMEDY
from dagcast.errors import Diagnostic, InvalidInputError, Location
from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import format_path

FIELDS = MappingProxyType(
    {
        "distribution": "its distribution",
        "version": "its version",
        "api_version": "the version of its hooks",
        "entry_point": "its entry point",
        "options_sha256": "the digest of its options",
        "code_sha256": "the digest of its code",
    }
)
"""The fields that are compared, and their names in messages."""

Files = Mapping[str, Mapping[str, str]]
"""By plugin and path: the digest of a file of its code."""

SUFFIX = "plugins.json"

_LOCK_OF_OTHER_FORMATS = lazy_pattern(rf"\.\w+-{re.escape(SUFFIX)}\Z")


def lock_path(definition: Path) -> Path:
    """Return the path of the lock of a definition.

    It is ``x.plugins.json`` for ``x.json``, and ``x.yaml-plugins.json`` for ``x.yaml``: two definitions in one folder
    never share a lock.

    Example:
        >>> lock_path(Path("out/churn.json")).name, lock_path(Path("out/churn.yaml")).name
        ('churn.plugins.json', 'churn.yaml-plugins.json')
    """
    name = definition.name
    stem = name.removesuffix(".json")
    return definition.with_name(f"{name}-{SUFFIX}" if stem == name else f"{stem}.{SUFFIX}")


def is_lock_path(path: Path) -> bool:
    """Return whether a path is that of the lock of some definition."""
    return path.name.endswith(f".{SUFFIX}") or bool(_LOCK_OF_OTHER_FORMATS.search(path.name))


def lock_text(
    plugins: Sequence[Mapping[str, Any]],
    *,
    definition_sha256: str | None = None,
    files: Files = MappingProxyType({}),
    policies: Sequence[Mapping[str, Any]] = (),
    local_images: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the lock as the text of its file.

    Args:
        plugins: The entries of the plugins, in order.
        definition_sha256: The digest of the definition's JSON, in hexadecimal.
        files: The files of each plugin's code. With them, a difference is reported file by file.
        policies: The files of the site policy that held, as reports hold them.
        local_images: The entries of the local images of a run. A compile has none.
    """
    content: dict[str, Any] = {"plugins": [dict(plugin) for plugin in plugins]}
    if definition_sha256 is not None:
        content["definition_sha256"] = definition_sha256
    if files:
        content["files"] = {name: dict(found) for name, found in files.items()}
    if policies:
        content["policy"] = _locked_policy(policies)
    if local_images:
        content["local_images"] = [dict(image) for image in local_images]
    return json.dumps(content, indent=2) + "\n"


def check_lock(
    path: Path,
    plugins: Sequence[Mapping[str, Any]],
    files: Files = MappingProxyType({}),
    policies: Sequence[Mapping[str, Any]] = (),
) -> str | None:
    """Compare plugins with a lock: names, order, versions, options, code, and the site policy that holds.

    Args:
        path: The lock.
        plugins: The entries of the plugins, in order.
        files: The files of each plugin's code.
        policies: The files of the site policy that holds, as reports hold them.

    Returns:
        The digest of the definition that the lock records, if any.

    Raises:
        InvalidInputError: If they differ, with all differences, or if the lock is missing or invalid.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        differences = lock_differences(content["plugins"], plugins, content.get("files", {}), files)
        differences += _policy_differences(content.get("policy", {}), _locked_policy(policies))
        definition = content.get("definition_sha256")
    except FileNotFoundError:
        hint = "compile without --locked once, and keep the file"
        missing = Diagnostic("missing plugin lock", Location(str(path)), code="plugin.lock", hint=hint)
        raise InvalidInputError([missing]) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"invalid plugin lock: {error}"
        raise InvalidInputError([Diagnostic(message, Location(str(path)), code="plugin.lock")]) from error
    found = [
        Diagnostic(
            text, Location(str(path)), code="plugin.lock", hint="compile without --locked to accept it"
        )
        for text in differences
    ]
    found += [
        Diagnostic(
            f"plugin {plugin['name']!r}: {problem}", Location(str(path)), code="plugin.lock", hint=CODE_REMEDY
        )
        for plugin in plugins
        for problem in plugin.get("code_problems", ())
    ]
    if found:
        raise InvalidInputError(found)
    return definition if isinstance(definition, str) else None


def lock_differences(
    locked: Sequence[Mapping[str, Any]],
    plugins: Sequence[Mapping[str, Any]],
    locked_files: Files = MappingProxyType({}),
    files: Files = MappingProxyType({}),
) -> list[str]:
    """Return all differences between a lock and the selected plugins: names, order, versions, options and code.

    Args:
        locked: The entries of the lock.
        plugins: The entries of the selected plugins.
        locked_files: The files of each plugin's code, as the lock holds them.
        files: The files of each selected plugin's code.
    """
    by_name = {entry["name"]: entry for entry in locked}
    differences = []
    for plugin in plugins:
        name = plugin["name"]
        entry = by_name.pop(name, None)
        if entry is None:
            differences.append(f"plugin {name!r} is selected but is not in the lock")
            continue
        own = _plugin_differences(entry, plugin, locked_files.get(name, {}), files.get(name, {}))
        differences += [f"plugin {name!r}: {difference}" for difference in own]
    differences += [f"plugin {name!r} is in the lock but is not selected" for name in by_name]
    if not differences and [plugin["name"] for plugin in plugins] != [entry["name"] for entry in locked]:
        differences.append("the order of the plugins differs from the lock")
    return differences


def _locked_policy(policies: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return what a site policy holds against configs and callers, by kind.

    Where its files lie differs between machines, and the values of its options are in the digests of the options.
    """
    return {
        "requires": sorted({f"plugin {name}" for policy in policies for name in policy["required"]}),
        "forbids": sorted({f"plugin {name}" for policy in policies for name in policy["forbidden"]}),
        "fixes": sorted(
            {
                f"option {format_path((plugin, option))}"
                for policy in policies
                for plugin, options in policy["fixed"].items()
                for option in options
            }
        ),
    }


def _policy_differences(
    locked: Mapping[str, Sequence[str]], policy: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for verb, named in policy.items():
        before = locked.get(verb, ())
        for each in named:
            if each not in before:
                yield f"a site policy {verb} {each}, and none did when the lock was written"
        for each in before:
            if each not in named:
                yield f"no site policy {verb} {each}, and one did when the lock was written"


def _plugin_differences(
    locked: Mapping[str, Any],
    plugin: Mapping[str, Any],
    locked_files: Mapping[str, str],
    files: Mapping[str, str],
) -> Iterator[str]:
    for field, what in FIELDS.items():
        if locked.get(field) == plugin.get(field):
            continue
        changed: list[str] = []
        if locked_files and files:
            from dagcast.plugins.code_files import file_differences

            changed = list(file_differences(locked_files, files))
        if field == "code_sha256" and changed:
            yield from (f"{difference} since the lock was written" for difference in changed)
        else:
            yield f"{what} is {plugin.get(field)}, the lock has {locked.get(field)}"
