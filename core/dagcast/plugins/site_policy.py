"""The site policy: plugins and options that a platform team sets for every pipeline of its machines.

A policy is a file ``dagcast/site.yaml``. The system's folder is always read; every other file only adds to it, and a
contradiction between two files is an error. ``docs/decisions/site-policy.md`` says why.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dagcast.compile.config.merge import deep_merge
from dagcast.compile.document.document import Document, read_document
from dagcast.errors import Diagnostic, DiagnosticSink, InvalidInputError, Location, escape_text
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath, format_path

if TYPE_CHECKING:
    from dagcast.plugins.site_policy_models import SitePluginsConfig

SITE_VARIABLE = "DAGCAST_SITE"
SYSTEM_FOLDER = Path("/etc/xdg")
"""The folder that is read whatever the environment says.

Source: https://specifications.freedesktop.org/basedir-spec/latest/ (the default of ``XDG_CONFIG_DIRS``). The variable
adds folders and removes none, because each user can set it.
"""

SITE_FILE = Path("dagcast", "site.yaml")
CODE = "plugin.policy"


@dataclass(frozen=True)
class PolicyFile:
    """One file of the site policy.

    Attributes:
        path: Its absolute path.
        plugins: Its content.
    """

    path: str
    plugins: SitePluginsConfig
    document: Document = field(repr=False, compare=False)

    @property
    def names(self) -> frozenset[str]:
        """The plugins that it names."""
        own = self.plugins
        return frozenset(
            (*own.required, *own.forbidden, *(own.enable or ()), *own.disable, *own.options, *own.fixed)
        )

    def locate(self, *path: str | int) -> Location:
        """Return the place of a value of the section ``plugins``."""
        return self.document.locate(("plugins", *path))

    def as_dict(self) -> dict[str, Any]:
        """Return what the file says as JSON data, without the values of options, which may be secret."""
        return {
            "file": self.path,
            "required": list(self.plugins.required),
            "forbidden": list(self.plugins.forbidden),
            "enable": None if self.plugins.enable is None else list(self.plugins.enable),
            "disable": list(self.plugins.disable),
            "options": {name: sorted(options) for name, options in self.plugins.options.items()},
            "fixed": {name: sorted(options) for name, options in self.plugins.fixed.items()},
        }


@dataclass(frozen=True, kw_only=True)
class SitePolicy:
    """All files of the site policy, merged.

    Attributes:
        files: The files, the system's first.
        required: By plugin that always runs: the place that says so.
        forbidden: By plugin that never runs: the place that says so.
        enable: The plugins that run if nothing else selects any; ``None`` if no file says so.
        disable: By plugin that does not run unless the API, a flag, the variable or the config selects it: the place
            that says so.
        options: By plugin: its options, which a config may override.
        fixed: By plugin: options with the only value that a config may give them.
    """

    files: tuple[PolicyFile, ...] = ()
    required: Mapping[str, Location] = field(default_factory=dict)
    forbidden: Mapping[str, Location] = field(default_factory=dict)
    enable: tuple[str, ...] | None = None
    disable: Mapping[str, Location] = field(default_factory=dict)
    options: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    fixed: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def locate(self, plugin: str, path: FieldPath) -> Location | None:
        """Return the place of an option of a plugin; ``None`` if no file sets it.

        Args:
            plugin: The plugin.
            path: The path of the value in the plugin's options; ``()`` for the closest place that names the plugin.
        """
        for section in ("fixed", "options"):
            for file in self.files:
                if file.document.has(("plugins", section, plugin, *path)):
                    return file.locate(section, plugin, *path)
        return self.required.get(plugin) if not path else None

    def places(self, plugin: str) -> tuple[Location, ...]:
        """Return every place that names a plugin."""
        found: list[Location] = []
        for file in self.files:
            section = file.plugins
            for key in ("required", "forbidden", "enable", "disable"):
                names = getattr(section, key) or ()
                found += [file.locate(key, index) for index, name in enumerate(names) if name == plugin]
            for key in ("options", "fixed"):
                found += [file.locate(key, plugin)] if plugin in getattr(section, key) else []
        return tuple(found)

    def as_data(self) -> tuple[Mapping[str, Any], ...]:
        """Return the files as JSON data, for reports."""
        return tuple(file.as_dict() for file in self.files)


NO_POLICY = SitePolicy()


def site_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the places of site policies, the system's first. A file may be missing, except that of the variable.

    Args:
        environment: The environment variables.
    """
    shared = environment.get("XDG_CONFIG_DIRS", "").split(os.pathsep)
    folders = dict.fromkeys((SYSTEM_FOLDER, *(Path(folder) for folder in shared if _is_absolute(folder))))
    own, named = _own_file(environment), _named_file(environment)
    return (*(folder / SITE_FILE for folder in folders), *(file for file in (own, named) if file is not None))


def _own_file(environment: Mapping[str, str]) -> Path | None:
    folder = environment.get("XDG_CONFIG_HOME", "")
    if _is_absolute(folder):
        return Path(folder) / SITE_FILE
    home = environment.get("HOME", "")
    return Path(home, ".config") / SITE_FILE if _is_absolute(home) else None


def _named_file(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(SITE_VARIABLE, "")
    return Path(named).absolute() if named else None


def read_site_policy(environment: Mapping[str, str] | None = None) -> SitePolicy:
    """Read and merge all site policies.

    Args:
        environment: The environment variables. Default: those of the process.

    Raises:
        InvalidInputError: If a file cannot be read or is invalid, or two statements contradict each other.
    """
    variables = os.environ if environment is None else environment
    sink = DiagnosticSink()
    files: list[PolicyFile] = []
    seen: list[os.stat_result] = []
    own, named = _own_file(variables), _named_file(variables)
    for path in site_files(variables):
        with sink.collecting():
            found = _stat(path, must_exist=path == named, may_be_closed=path == own)
            if found is None or any(os.path.samestat(found, other) for other in seen):
                continue
            seen.append(found)
            files.append(_read(path))
    sink.raise_errors()
    return _merge(files, sink) if files else NO_POLICY


def format_policy(policy: Mapping[str, Any]) -> str:
    """Return one file of a site policy on one line: where it lies, and what a config cannot change.

    Args:
        policy: The file as JSON data, as reports hold it.
    """
    fixed = [
        format_path((plugin, option)) for plugin, options in policy["fixed"].items() for option in options
    ]
    said = [
        f"{verb} {escape_text(', '.join(names))}"
        for verb, names in (
            ("requires", policy["required"]),
            ("forbids", policy["forbidden"]),
            ("fixes", fixed),
        )
        if names
    ]
    place = Location(policy["file"])
    return f"site policy: {place} ({'; '.join(said)})" if said else f"site policy: {place}"


def is_same_value(first: Any, second: Any) -> bool:
    """Return whether two values of a document are the same. ``1``, ``1.0`` and ``true`` differ."""
    return json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


def _is_absolute(folder: str) -> bool:
    # The specification has relative paths ignored: they would depend on the working directory.
    return "\0" not in folder and Path(folder).is_absolute()


def _stat(path: Path, *, must_exist: bool, may_be_closed: bool) -> os.stat_result | None:
    """Return the status of a policy file; ``None`` without a file.

    A link to nothing, at the file or its folder, is a policy that cannot be read.

    Args:
        path: The file.
        must_exist: Whether a missing file is an error.
        may_be_closed: Whether a folder that cannot be searched has no policy. A container that runs as another user
            often has a home that is not this user's.

    Raises:
        InvalidInputError: If it exists and is not a readable regular file.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        links = [each for each in (path, path.parent) if each.is_symlink() and not each.exists()]
        if not links and not must_exist:
            return None
        problem = f"{str(links[0])!r} is a link to nothing" if links else f"{SITE_VARIABLE} names no file"
        raise _unreadable(path, problem) from None
    except (OSError, ValueError) as error:
        if may_be_closed and isinstance(error, PermissionError):
            return None
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from None
    if not stat.S_ISREG(found.st_mode):
        # Reading a named pipe would wait for a writer.
        raise _unreadable(path, "it is not a regular file")
    return found


def _unreadable(path: Path, problem: str) -> InvalidInputError:
    message = f"the site policy cannot be read: {problem}"
    return InvalidInputError([Diagnostic(message, Location(str(path)), code=CODE)])


def _read(path: Path) -> PolicyFile:
    # Most machines have no site policy, and need not build the models of one.
    from dagcast.plugins.site_policy_models import SiteConfig, SitePluginsConfig

    document = read_document(path)
    sink = DiagnosticSink()
    sections = dict(document.data)
    for key in document.data:
        if key in SitePluginsConfig.model_fields:
            del sections[key]
            message, hint = (
                f"the site policy has no section {key!r}",
                f"write it below plugins: {{{key}: ...}}",
            )
            sink.error(message, document.locate((key,), key=True), code="config.unknown-field", hint=hint)
    try:
        config = SiteConfig.model_validate(
            {key: value for key, value in sections.items() if value is not None}
        )
    except ValidationError as error:
        from dagcast.compile.config.validation_errors import report_validation

        report_validation(
            error, "site policy", SiteConfig, lambda tail, *, key=False: document.locate(tail, key=key), sink
        )
        config = SiteConfig()
    sink.raise_errors()
    return PolicyFile(str(path), config.plugins, document)


def _merge(files: Iterable[PolicyFile], sink: DiagnosticSink) -> SitePolicy:
    files = tuple(files)
    required, forbidden, enable, disable = (
        _names(files, key) for key in ("required", "forbidden", "enable", "disable")
    )
    for first, says, second, denies in (
        (required, "required", forbidden, "forbidden"),
        (required, "required", disable, "disabled"),
        (enable, "enabled", forbidden, "forbidden"),
        (enable, "enabled", disable, "disabled"),
    ):
        for name in first:
            if name in second:
                message = (
                    f"site policies contradict each other: plugin {name!r} is {denies} here, "
                    f"and {says} by {first[name]}"
                )
                sink.error(message, second[name], code=CODE, hint="remove one of the two")
    fixed: dict[str, dict[str, Any]] = {}
    options: dict[str, dict[str, Any]] = {}
    set_by: dict[FieldPath, Location] = {}
    for file in files:
        for plugin, given in file.plugins.fixed.items():
            for key, value in given.items():
                own = fixed.setdefault(plugin, {})
                place = file.locate("fixed", plugin, key)
                if key in own and not is_same_value(own[key], value):
                    _contradict((plugin, key), place, set_by[plugin, key], sink)
                own.setdefault(key, value)
                set_by.setdefault((plugin, key), place)
    leaves: dict[FieldPath, tuple[Any, Location]] = {}
    for file in files:
        for plugin, given in file.plugins.options.items():
            for key, value in given.items():
                if key in fixed.get(plugin, {}) and not is_same_value(fixed[plugin][key], value):
                    _contradict((plugin, key), file.locate("options", plugin, key), set_by[plugin, key], sink)
                for path, leaf in _leaves((plugin, key), value):
                    place = file.locate("options", *path)
                    other = next((found for found in leaves if _overlap(found, path)), None)
                    if other is not None and not (other == path and is_same_value(leaves[other][0], leaf)):
                        _contradict(path, place, leaves[other][1], sink)
                    leaves.setdefault(path, (leaf, place))
            options[plugin] = deep_merge(options.get(plugin, {}), given)
    sink.raise_errors()
    lists = [file.plugins.enable for file in files if file.plugins.enable is not None]
    chosen = tuple(dict.fromkeys(chain.from_iterable(lists))) if lists else None
    return SitePolicy(
        files=files,
        required=required,
        forbidden=forbidden,
        enable=chosen,
        disable=disable,
        options=options,
        fixed=fixed,
    )


def _names(files: Iterable[PolicyFile], key: str) -> dict[str, Location]:
    """Return the names in a list of all files, each with the first place that has it."""
    found: dict[str, Location] = {}
    for file in files:
        for index, name in enumerate(getattr(file.plugins, key) or ()):
            found.setdefault(name, file.locate(key, index))
    return found


def _leaves(path: FieldPath, value: Any) -> Iterator[tuple[FieldPath, Any]]:
    """Iterate over the values that merging does not look into. An empty mapping is such a value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves((*path, key), item)
    else:
        yield path, value


def _overlap(first: FieldPath, second: FieldPath) -> bool:
    length = min(len(first), len(second))
    return first[:length] == second[:length]


def _contradict(path: FieldPath, place: Location, other: Location, sink: DiagnosticSink) -> None:
    # Values are not shown: an option may be a secret.
    message = f"site policies contradict each other: option {format_path(path)} has another value at {other}"
    sink.error(message, place, code=CODE, hint="remove one of the two")
