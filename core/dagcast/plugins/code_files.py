"""Find the files of a plugin's code, digest them, and compare them with what was installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path, PurePosixPath
from typing import Literal

from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.scan import PluginEntry

Kind = Literal["distribution", "path", "archive", "object"]

_CACHE = "__pycache__"
_IMPORTABLE = (".py", ".pyc", *EXTENSION_SUFFIXES)


@dataclass(frozen=True)
class PluginCode:
    """The files of a plugin's code as they lie on disk.

    Attributes:
        kind: ``distribution`` if a RECORD lists the files, ``path`` for an editable installation or a folder on the
            path, ``archive`` for a zip file, ``object`` for an object that was passed from Python.
        files: By path below the folder of imports: the SHA-256 digest of the content, in hexadecimal.
        problems: Differences between the files, their RECORD and the modules that this process imported.
        paths: The real paths of the files.
        packages: The names of the packages and modules that the files define.
    """

    kind: Kind
    files: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    paths: frozenset[str] = field(default=frozenset(), repr=False)
    packages: tuple[str, ...] = ()

    @property
    def digest(self) -> str | None:
        """The digest of all files, the same for an editable installation and a wheel; ``None`` without files."""
        if not self.files:
            return None
        text = "".join(f"{digest}  {path}\n" for path, digest in sorted(self.files.items()))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


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
    module = module_name(entry)
    if place is not None and _defines(recorded, module):
        return _recorded_code(place, recorded, problems, module)
    return _package_code(module, problems)


def file_differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Yield how two sets of files differ, file by file: ``mods_plugin/cli.py was changed``."""
    for path in sorted({*before, *after}):
        if path not in after:
            yield f"{path} was removed"
        elif path not in before:
            yield f"{path} was added"
        elif before[path] != after[path]:
            yield f"{path} was changed"


def module_name(entry: PluginEntry) -> str:
    """Return the name of the module that an entry point names."""
    return entry.value.partition(":")[0].strip()


def read_record(place: Path, problems: list[str]) -> dict[str, str | None]:
    """Return the files of RECORD with their digests, in hexadecimal; ``None`` where it has none.

    Args:
        place: The folder of the distribution's metadata.
        problems: Collects what is malformed, with the path of the file.

    Source of the format: https://packaging.python.org/specifications/recording-installed-packages/#the-record-file
    """
    path = place / "RECORD"
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        problems.append(f"{path} cannot be read: {error}")
        return {}
    recorded: dict[str, str | None] = {}
    try:
        for row in csv.reader(text.splitlines(), strict=True):
            if row:
                recorded[PurePosixPath(row[0].replace("\\", "/")).as_posix()] = _hexadecimal(row)
    except (csv.Error, ValueError) as error:
        problems.append(f"{path} is malformed: {error}")
    return recorded


def _hexadecimal(row: list[str]) -> str | None:
    if len(row) != 3:
        raise ValueError(f"{','.join(row)[:80]!r} is not of the form path,digest,size")
    algorithm, _, digest = row[1].partition("=")
    if algorithm != "sha256":
        return None
    content = base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4))
    if len(content) != hashlib.sha256().digest_size:
        raise ValueError(f"{row[1]!r} is not a SHA-256 digest")
    return content.hex()


def _is_code(path: str) -> bool:
    """Return whether a file of RECORD belongs to the code: no metadata, no cache, no script of the environment."""
    parts = PurePosixPath(path).parts
    return not (
        path.startswith("/")
        or ".." in parts
        or _CACHE in parts
        or parts[0].endswith((".dist-info", ".egg-info"))
        or path.endswith(".pth")
    )


def _defines(recorded: Iterable[str], module: str) -> bool:
    stem = module.replace(".", "/")
    names = {f"{stem}/__init__", stem}
    return any(path.partition(".")[0] in names for path in recorded if _is_code(path))


def _recorded_code(
    place: Path, recorded: Mapping[str, str | None], problems: list[str], module: str
) -> PluginCode:
    root = place.parent
    files: dict[str, str] = {}
    paths: set[str] = set()
    for path, expected in recorded.items():
        in_metadata = path.startswith(f"{place.name}/")
        if not (_is_code(path) or (in_metadata and expected is not None)):
            continue
        file = root / path
        try:
            digest = _digest(file)
        except (OSError, ValueError) as error:
            problems.append(f"{path!r} of its RECORD cannot be read: {error}")
            continue
        if expected is not None and digest != expected:
            problems.append(f"{path} differs from its RECORD: it was changed after the installation")
        if not in_metadata:
            files[path] = digest
            paths.add(os.path.realpath(file))
    packages = _top_packages(path for path in recorded if _is_code(path))
    for package in packages:
        for path, file in _walk(root, package):
            if path not in recorded and path.endswith(_IMPORTABLE):
                problems.append(f"{path} is not in its RECORD: it was added after the installation")
                files[path] = _safe_digest(file)
                paths.add(os.path.realpath(file))
    modules = {path.rpartition(".")[0] for path in files if "/" not in path and path.endswith(".py")}
    names = (*(package.replace("/", ".") for package in packages), *sorted(modules))
    return PluginCode("distribution", files, tuple(problems), frozenset(paths), names or (module,))


def _package_code(module: str, problems: list[str]) -> PluginCode:
    """Return the files of the package that an import of the module finds."""
    parts = module.split(".")
    locations: list[str] | None = None
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        try:
            spec = (
                importlib.util.find_spec(name) if locations is None else PathFinder.find_spec(name, locations)
            )
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            break
        locations = list(spec.submodule_search_locations or ())
        # A namespace package belongs to several distributions; the first regular package is the plugin's.
        if not spec.origin or spec.origin in ("namespace", "built-in", "frozen"):
            continue
        origin = Path(spec.origin)
        if not locations:
            found = {origin.name: origin}
        else:
            root = Path(locations[0]).parent
            prefix = "/".join(parts[: length - 1])
            found = {
                f"{prefix}/{path}" if prefix else path: file
                for path, file in _walk(root, Path(locations[0]).name)
            }
        readable = {path: file for path, file in found.items() if file.is_file()}
        if readable:
            files = {path: _safe_digest(file) for path, file in readable.items()}
            paths = frozenset(os.path.realpath(file) for file in readable.values())
            return PluginCode("path", files, tuple(problems), paths, (name,))
        break
    problems.append(f"the files of module {module!r} cannot be found")
    return PluginCode("path", {}, tuple(problems), frozenset(), (module,))


def _archive(path: Path, entry: PluginEntry) -> PluginCode:
    name = entry.value.partition(":")[0].partition(".")[0].strip()
    try:
        files = {path.name: _digest(path)}
    except OSError as error:
        return PluginCode(
            "archive", {}, (f"{path} cannot be read: {error.strerror or error}",), packages=(name,)
        )
    # Modules of an archive have no files of their own.
    return PluginCode("archive", files, packages=(name,))


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


# Each compile of a process digests the files again; most have not changed since the last one.
_DIGESTS: dict[Path, tuple[tuple[int, ...], str]] = {}


def _safe_digest(path: Path) -> str:
    try:
        return _digest(path)
    except (OSError, ValueError):
        return "unreadable"
