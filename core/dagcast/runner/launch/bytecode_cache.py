"""Keeps the bytecode of what jobs import, if their Python environment has none.

A job writes bytecode to its layer, which ends with it. So each job would compile again all that it imports from an
environment without bytecode, such as one made by uv. This cache is a folder that jobs see with ``PYTHONPYCACHEPREFIX``.
It learns from a job the names of missing files only, and compiles the sources itself: a job could forge their content.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from dagcast.runner.launch.filesystem_view import ENVIRONMENTS_FOLDER
from dagcast.sagemaker.cache_files import cache_folder, write_cache_file

VARIABLE = "PYTHONPYCACHEPREFIX"
"""Makes Python read and write bytecode in another folder, which mirrors absolute paths. Source: Python's manual."""

_SUFFIX = f".{sys.implementation.cache_tag}.pyc"

_MAX_NAMES = 50_000
"""How many files are learned from one job."""

_COMPILED, _SOURCES = b"compiled", b"sources"
"""What is known of an environment: installers have compiled all of it, or not."""

_POLL_SECONDS = 0.05


class BytecodeCache:
    """The bytecode cache of this user. Threads and processes share it: each file appears whole, by a rename.

    Args:
        runs_folder: The folder of all runs. Sources in it are not compiled, except those of kept environments.
    """

    def __init__(self, runs_folder: Path) -> None:
        self._runs_folder = runs_folder
        self._prefix = cache_folder().absolute() / "bytecode"
        self._lock = threading.Lock()
        self._usable: dict[Path, bool] = {}

    def prepare(self, python: Path) -> Path | None:
        """Return the folder for the bytecode of an interpreter's jobs; ``None`` if its environment has bytecode."""
        with self._lock:
            if python not in self._usable:
                self._usable[python] = self._prepare(python)
            return self._prefix if self._usable[python] else None

    def _prepare(self, python: Path) -> bool:
        roots = self._find_roots(python)
        marker = self._prefix / ".environments" / _digest(roots)
        try:
            known = marker.read_bytes()
        except OSError:
            known = _COMPILED if all(map(_is_compiled, roots)) else _SOURCES
            write_cache_file(marker, known)
        return known == _SOURCES and os.access(self._prefix, os.R_OK | os.W_OK | os.X_OK)

    def learn(self, layer: Path, python: Path, stop: threading.Event) -> None:
        """Add the bytecode that a job has written, if its sources are those of the environment.

        Args:
            layer: The folder of the ended job's layer.
            python: The job's interpreter.
            stop: Set when the run is stopping.
        """
        if self._usable.get(python):
            with suppress(OSError):  # such as a full disk: the cache only saves time, and the job has ended
                self._learn(layer, python, stop)

    def _learn(self, layer: Path, python: Path, stop: threading.Event) -> None:
        roots = self._find_roots(python)
        missing: list[str] = []
        for source in _find_written(layer, self._prefix, roots):
            if not _is_valid(self._mirror(source), source):
                own = source.with_name("__pycache__") / f"{source.stem}{_SUFFIX}"
                if _is_valid(own, source):
                    self._link(source, own)
                else:
                    missing.append(str(source))
        if missing:
            self._compile(missing, stop)

    def _compile(self, sources: Sequence[str], stop: threading.Event) -> None:
        with TemporaryDirectory(prefix="dagcast-") as folder:
            names = Path(folder, "names")
            names.write_text("".join(f"{source}\n" for source in sources), "utf-8", "surrogateescape")
            compileall = ["-m", "compileall", "-qq", "--invalidation-mode", "timestamp", "-i", str(names)]
            process = subprocess.Popen(
                # Isolated, so that nothing of the user runs; a source with an error is skipped, as in the job.
                [sys.executable, "-I", "-S", "-X", f"pycache_prefix={self._prefix}", *compileall],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                while process.poll() is None and not stop.wait(_POLL_SECONDS):
                    pass
            finally:
                process.kill()
                process.wait()

    def _link(self, source: Path, bytecode: Path) -> None:
        """Link the environment's own bytecode, which stays valid when the environment changes it."""
        target = self._mirror(source)
        with suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                target.unlink()
            target.symlink_to(bytecode)

    def _mirror(self, source: Path) -> Path:
        return self._prefix.joinpath(*source.parent.parts[1:], f"{source.stem}{_SUFFIX}")

    def _find_roots(self, python: Path) -> list[Path]:
        """Return the folders of the standard library and of packages, of this environment and the interpreter's own."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        found = [
            *sys.path,
            sysconfig.get_path("stdlib"),
            str(python.parent.parent / "lib" / version / "site-packages"),
        ]
        folders = [
            path for path in dict.fromkeys(found) if path.startswith("/") and _is_readable_folder(path)
        ]
        kept = self._runs_folder / ENVIRONMENTS_FOLDER
        return [
            root
            for root in map(Path, folders)
            if not root.is_relative_to(self._runs_folder) or root.is_relative_to(kept)
        ]


def _is_readable_folder(path: str | Path) -> bool:
    """Whether a path is a folder that this user can list. Unlike ``Path.is_dir``, this never raises PermissionError."""
    return os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK)  # noqa: PTH112


def _digest(roots: Sequence[Path]) -> str:
    """Return a digest that changes when distributions are installed, upgraded or removed."""
    digest = hashlib.sha256(_SUFFIX.encode())
    for root in roots:
        names = sorted(entry.name for entry in root.iterdir() if entry.suffix == ".dist-info")
        digest.update(
            "\0".join([str(root), str(root.stat().st_mtime_ns), *names, ""]).encode(errors="replace")
        )
    return digest.hexdigest()


def _is_compiled(root: Path) -> bool:
    """Whether installers have compiled all distributions in a folder, by the lists of their files.

    Source: PyPA specifications, "Recording installed projects". pip lists the bytecode that it makes, uv makes none.
    """
    for record in root.glob("*.dist-info/RECORD"):
        with suppress(OSError):
            content = record.read_bytes()
            if b".py," in content and b".pyc," not in content:
                return False
    return True


def _find_written(layer: Path, prefix: Path, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the sources in the roots whose bytecode a job has written below the prefix.

    The job may have put anything there, so only names are read, and no link is followed.
    """
    parts = prefix.parts[1:]
    left = _MAX_NAMES
    for upper in layer.glob("disk/*/upper"):
        # The upper folder mirrors the folder that it was mounted over, which lies above the prefix or is it.
        for place in (upper.joinpath(*parts[start:]) for start in range(len(parts) + 1)):
            if (
                not _is_readable_folder(place)
                or os.path.realpath(place) != os.path.realpath(upper) + str(place)[len(str(upper)) :]
            ):
                continue
            for parent, _, files in os.walk(place):
                folder = Path("/", *Path(parent).relative_to(place).parts)
                if not any(folder.is_relative_to(root) for root in roots):
                    continue
                for name in files:
                    source = folder / f"{name.removesuffix(_SUFFIX)}.py"
                    is_source = "\n" not in str(source) and os.path.isfile(source)  # noqa: PTH113 - as above
                    if name.endswith(_SUFFIX) and is_source and left > 0:
                        left -= 1
                        yield source


def _is_valid(bytecode: Path, source: Path) -> bool:
    """Whether bytecode is that of a source as it is now. Source: PEP 552, the header of ``.pyc`` files."""
    try:
        with bytecode.open("rb") as file:
            header = file.read(16)
        status = source.stat()
    except OSError:
        return False
    times = (int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)
    return header[4:8] == b"\0\0\0\0" and header[8:16] == b"".join(
        each.to_bytes(4, "little") for each in times
    )
