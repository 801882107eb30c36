"""Find the files of a plugin's code, digest them, and compare them with what was installed.

What runs is not always what lies in the distribution: a file was edited or added after the installation. Whether this
process imported these files, ``imported_code`` tells.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, field
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path, PurePosixPath
from typing import Literal

from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.record import read_record
from dagcast.plugins.scan import PluginEntry

Kind = Literal["distribution", "path", "archive", "object"]

_CACHE = "__pycache__"
_IMPORTABLE = (".py", ".pyc", *EXTENSION_SUFFIXES)
_SCRIPTS = frozenset({"bin", "Scripts"})


@dataclass(frozen=True)
class PluginCode:
    """The files of a plugin's code as they lie on disk.

    Attributes:
        kind: ``distribution`` if a RECORD lists the files, ``path`` for an editable installation or a folder on the
            path, ``archive`` for a zip file, ``object`` for an object that was passed from Python.
        files: By path below the folder of imports: the SHA-256 digest of the content, in hexadecimal.
        problems: Differences between the files, their RECORD and the modules that this process imported.
        paths: By real path of each file: the path at which an import finds it.
        packages: The names of the packages and modules that the files define.
        archive: The real path of the zip file.
    """

    kind: Kind
    files: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    _: KW_ONLY
    paths: Mapping[str, str] = field(default_factory=dict, repr=False)
    packages: tuple[str, ...] = ()
    archive: str | None = None

    @property
    def digest(self) -> str | None:
        """The digest of all files, the same for an editable installation and a wheel; ``None`` without files."""
        if not self.files:
            return None
        text = "".join(f"{digest}  {path}\n" for path, digest in sorted(self.files.items()))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    def is_own(self, file: str) -> bool:
        """Return whether a module's file is one of these files; also if none are known."""
        found = os.path.realpath(file)
        if self.archive is not None:
            return found.startswith(f"{self.archive}{os.sep}")
        return not self.paths or found in self.paths


def read_code(entry: PluginEntry) -> PluginCode:
    """Digest the files of a plugin. Nothing is imported.

    Args:
        entry: The entry point of the plugin.
    """
    place = Path(entry.place) if entry.place else None
    if place is not None and place.parent.is_file():
        return _archive(place.parent, entry)
    problems: list[str] = []
    recorded = read_record(place, problems) if place is not None else {}
    if place is not None and _defines(recorded, entry.module):
        return _recorded_code(place, recorded, problems, entry.module)
    return _package_code(entry.module, problems)


def file_differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Yield how two sets of files differ, file by file: ``mods_plugin/cli.py was changed``."""
    for path in sorted({*before, *after}):
        if path not in after:
            yield f"{path} was removed"
        elif path not in before:
            yield f"{path} was added"
        elif before[path] != after[path]:
            yield f"{path} was changed"


def find_specs(module: str) -> Iterator[tuple[str, ModuleSpec]]:
    """Yield the specs of the packages around a module, and its own, as far as they can be found. Nothing is imported.

    Args:
        module: The name of the module.
    """
    parts = module.split(".")
    locations: list[str] | None = None
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        try:
            spec = (
                importlib.util.find_spec(name) if locations is None else PathFinder.find_spec(name, locations)
            )
        except (ImportError, ValueError):
            return
        if spec is None:
            return
        yield name, spec
        locations = list(spec.submodule_search_locations or ())


def spec_file(spec: ModuleSpec) -> str | None:
    """Return the file of a module or a regular package; ``None`` for a namespace package or a built-in module."""
    return spec.origin if spec.origin not in ("namespace", "built-in", "frozen") else None


def _is_code(path: str) -> bool:
    """Return whether a file of RECORD belongs to the code: no metadata, no cache, nothing outside of its folder."""
    parts = PurePosixPath(path).parts
    return not (
        path.startswith("/")
        or ".." in parts
        or _CACHE in parts
        or parts[0].endswith((".dist-info", ".egg-info"))
        or path.endswith(".pth")
    )


def _is_startup(path: str, expected: str | None) -> bool:
    """Return whether a file of RECORD is a ``.pth`` of the distribution: Python runs its lines at each start."""
    return path.endswith(".pth") and "/" not in path and expected is not None


def _is_checked(path: str, expected: str | None) -> bool:
    """Return whether a file that is not code must have its recorded content: metadata, and data of the environment.

    Tools that move environments rewrite scripts, which run no hooks.
    """
    parts = PurePosixPath(path).parts
    return expected is not None and _CACHE not in parts and not _SCRIPTS.intersection(parts)


def _defines(recorded: Iterable[str], module: str) -> bool:
    stem = module.replace(".", "/")
    names = {f"{stem}/__init__", stem}
    return any(path.partition(".")[0] in names for path in recorded if _is_code(path))


def _recorded_code(
    place: Path, recorded: Mapping[str, str | None], problems: list[str], module: str
) -> PluginCode:
    root = place.parent
    files: dict[str, str] = {}
    paths: dict[str, str] = {}
    for path, expected in recorded.items():
        is_code = _is_code(path) or _is_startup(path, expected)
        if not (is_code or _is_checked(path, expected)):
            continue
        file = root / path
        try:
            digest = _digest(file)
        except (OSError, ValueError) as error:
            problems.append(f"{path!r} of its RECORD cannot be read: {error}")
            continue
        if expected is not None and digest != expected:
            problems.append(f"{path} differs from its RECORD: it was changed after the installation")
        if is_code:
            files[path] = digest
            paths[os.path.realpath(file)] = str(file)
    packages = _top_packages(path for path in recorded if _is_code(path))
    added = {
        path: file for package in packages for path, file in _walk(root, package) if path not in recorded
    }
    others = _recorded_by_others(place, added) if added else frozenset()
    for path, file in added.items():
        if path not in others:
            problems.append(f"{path} is not in its RECORD: it was added after the installation")
        files[path] = _safe_digest(file)
        paths[os.path.realpath(file)] = str(file)
    names = {package.replace("/", ".") for package in packages}
    names |= {
        path.removesuffix(".py").replace("/", ".")
        for path in files
        if path.endswith(".py") and not any(path.startswith(f"{package}/") for package in packages)
    }
    return PluginCode(
        "distribution", files, tuple(problems), paths=paths, packages=tuple(sorted(names)) or (module,)
    )


def _recorded_by_others(place: Path, paths: Iterable[str]) -> frozenset[str]:
    """Return those of the paths that other distributions in the same folder installed into the plugin's package."""
    found: set[str] = set()
    for other in place.parent.glob("*.dist-info"):
        if other.name != place.name:
            found.update(read_record(other, []))
    return frozenset(found.intersection(paths))


def _package_code(module: str, problems: list[str]) -> PluginCode:
    """Return the files of the package that an import of the module finds."""
    for name, spec in find_specs(module):
        # A namespace package belongs to several distributions; the first regular package is the plugin's.
        origin = spec_file(spec)
        if origin is None:
            continue
        locations = list(spec.submodule_search_locations or ())
        prefix = name.replace(".", "/").rpartition("/")[0]
        if not locations:
            found = [(Path(origin).name, Path(origin))]
        else:
            found = list(_walk(Path(locations[0]).parent, Path(locations[0]).name))
        readable = {f"{prefix}/{path}" if prefix else path: file for path, file in found if file.is_file()}
        if readable:
            files = {path: _safe_digest(file) for path, file in readable.items()}
            paths = {os.path.realpath(file): str(file) for file in readable.values()}
            return PluginCode("path", files, tuple(problems), paths=paths, packages=(name,))
        break
    problems.append(f"the files of module {module!r} cannot be found")
    return PluginCode("path", {}, tuple(problems), packages=(module,))


def _archive(path: Path, entry: PluginEntry) -> PluginCode:
    name, archive = entry.module.partition(".")[0], os.path.realpath(path)
    try:
        files = {path.name: _digest(path)}
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror or error}"
        return PluginCode("archive", {}, (problem,), packages=(name,), archive=archive)
    return PluginCode("archive", files, packages=(name,), archive=archive)


def _top_packages(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the folders of regular packages that are in no other regular package."""
    folders = {path.rpartition("/")[0] for path in paths if path.endswith("/__init__.py")}
    return tuple(
        sorted(
            folder
            for folder in folders
            if not any(str(parent) in folders for parent in PurePosixPath(folder).parents)
        )
    )


def _walk(root: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder with their paths below the root, but for caches of compiled modules."""
    for parent, folders, names in os.walk(root / folder):
        folders[:] = sorted(name for name in folders if name != _CACHE)
        for name in sorted(names):
            file = Path(parent, name)
            yield file.relative_to(root).as_posix(), file


def _digest(path: Path) -> str:
    """Return the SHA-256 digest of a regular file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is another kind of file, such as a pipe, or its path is invalid.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a file")
    # The time of the last change of the inode cannot be set, unlike that of the content.
    state = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    known = _DIGESTS.get(path)
    if known is None or known[0] != state:
        known = _DIGESTS[path] = (state, hashlib.sha256(path.read_bytes()).hexdigest())
    return known[1]


# Each compile of a process digests the files anew; most have not changed since the last one.
_DIGESTS: dict[Path, tuple[tuple[int, ...], str]] = {}


def _safe_digest(path: Path) -> str:
    try:
        return _digest(path)
    except (OSError, ValueError):
        return "unreadable"
