"""Diagnose the installed plugins, without importing them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dagcast.errors import InvalidInputError
from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.api_version import API_VERSION
from dagcast.plugins.check_metadata import metadata_problems
from dagcast.plugins.code_files import find_specs, read_code
from dagcast.plugins.imported_code import check_import
from dagcast.plugins.scan import InstalledPlugins, PluginEntry
from dagcast.plugins.site_policy import NO_POLICY, SitePolicy, read_site_policy
from dagcast.suggestions import is_likely, nearest


@dataclass(frozen=True)
class Finding:
    """A problem of an installed plugin.

    Attributes:
        plugin: The plugin, or ``metadata`` or ``site policy`` if no single plugin is the cause.
        problem: The problem.
        remedy: How to fix it.
    """

    plugin: str
    problem: str
    remedy: str


def diagnose(installed: InstalledPlugins) -> tuple[Finding, ...]:
    """Return all problems: duplicates, stale entry points, unsupported API versions, broken metadata."""
    findings = [Finding("metadata", problem, "fix the distribution") for problem in installed.problems]
    # What the scan could not read is a finding already.
    findings += [
        Finding("metadata", problem, "reinstall or remove the distribution")
        for problem in metadata_problems()
        if not any(problem.startswith(known.partition(": ")[0]) for known in installed.problems)
    ]
    images = InstalledPlugins(installed.local_images)
    for name, entries in (
        *((name, installed.named(name)) for name in installed.names),
        *((name, images.named(name)) for name in images.names),
    ):
        if len(entries) > 1:
            owners = ", ".join(f"{entry.distribution} {entry.version}" for entry in entries)
            findings.append(Finding(name, f"it is provided by {owners}", "uninstall all but one of them"))
    for entry in (*installed.entries, *installed.local_images):
        findings.extend(_entry_findings(entry))
    return tuple(findings)


def diagnose_policy(installed: InstalledPlugins) -> tuple[SitePolicy, tuple[Finding, ...]]:
    """Return the site policy, and its problems: invalid files, required plugins that are missing, misspelt names.

    A policy of many machines may name plugins that this one does not have. Only a name that is close to an installed
    one is a problem.
    """
    try:
        policy = read_site_policy()
    except InvalidInputError as error:
        return NO_POLICY, tuple(
            Finding("site policy", f"{item.location}: {item.message}", item.hint or "fix the file")
            for item in error.diagnostics
        )
    findings: list[Finding] = []
    named = {name for file in policy.files for name in file.names}
    names = {*installed.names, *(entry.name for entry in installed.local_images)}
    for name in sorted(named - names):
        places = ", ".join(map(str, policy.places(name)))
        meant = nearest(name, names)
        if name in policy.required:
            problem = f"{places}: plugin {name!r} is required, and not installed"
            findings.append(Finding("site policy", problem, "install it, or fix the policy"))
        elif meant is not None and is_likely(name, meant):
            problem = f"{places}: plugin {name!r} is not installed"
            findings.append(Finding("site policy", problem, f"did you mean {meant!r}?"))
    return policy, tuple(findings)


def _entry_findings(entry: PluginEntry) -> Iterator[Finding]:
    for problem in entry.problems:
        yield Finding(str(entry), problem, f"fix the entry points of {entry.distribution}")
    if entry.api_version is not None and entry.api_version != API_VERSION:
        problem = (
            f"it is written for version {entry.api_version} of the hooks, this dagcast has {API_VERSION}"
        )
        yield Finding(
            str(entry), problem, f"install a release of {entry.distribution} for version {API_VERSION}"
        )
    if not entry.problems and not module_exists(entry.module):
        problem = f"its entry point names module {entry.module!r}, which does not exist"
        yield Finding(str(entry), problem, f"reinstall {entry.distribution}, or uninstall it")
        return
    if not entry.problems:
        code = read_code(entry)
        record = str(Path(entry.place or "", "RECORD"))
        # Metadata files of all distributions are checked apart.
        own = [problem for problem in code.problems if not problem.startswith(record)]
        for problem in (*own, *check_import(entry, code)):
            yield Finding(str(entry), problem, f"reinstall {entry.distribution}")


def module_exists(name: str) -> bool:
    """Return whether a module can be found. Neither it nor its parents are imported."""
    return any(found == name for found, _ in find_specs(name))
