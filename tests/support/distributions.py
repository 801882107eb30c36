"""Real distributions on a real path: what an installer would have left there, written file by file.

Nothing is patched. A test that needs a process of its own gets one whose path holds the folder; all others put the
folder on their own ``sys.path``.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CORE = Path(__file__).parents[2] / "core"
HEADER = "from dagcast.plugin import hookimpl\n\n"


@dataclass(frozen=True)
class Built:
    """A distribution.

    Attributes:
        name: Its name.
        version: Its version.
        modules: By module: its source. A dotted module is put into packages.
        entry_points: By group: by name: what it points to.
        metadata: Further lines of METADATA.
        other_entry_points: Lines of ``entry_points.txt`` before its groups, as they are.
    """

    name: str
    version: str = "1.0"
    modules: Mapping[str, str] = field(default_factory=dict)
    entry_points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    metadata: tuple[str, ...] = ()
    other_entry_points: str = ""

    @property
    def info(self) -> str:
        """The name of the metadata's folder."""
        return f"{self.name.replace('-', '_')}-{self.version}.dist-info"

    def files(self) -> dict[str, str]:
        """Every file by its path below the folder that the distribution is installed into."""
        files = {}
        for module, source in self.modules.items():
            *packages, last = module.split(".")
            for depth in range(1, len(packages) + 1):
                files.setdefault("/".join((*packages[:depth], "__init__.py")), "")
            files["/".join((*packages, f"{last}.py"))] = source
        sections = [
            "\n".join((f"[{group}]", *(f"{name} = {value}" for name, value in points.items())))
            for group, points in self.entry_points.items()
        ]
        top = sorted({module.partition(".")[0] for module in self.modules})
        lines = ("Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}", *self.metadata)
        files[f"{self.info}/METADATA"] = "\n".join(lines) + "\n"
        files[f"{self.info}/entry_points.txt"] = self.other_entry_points + "\n\n".join(sections) + "\n"
        files[f"{self.info}/top_level.txt"] = "".join(f"{name}\n" for name in top)
        files[f"{self.info}/WHEEL"] = (
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        return files

    def install(self, folder: Path) -> None:
        """Write the files and their RECORD as an installer does."""
        files = self.files()
        for name, text in (*files.items(), (f"{self.info}/RECORD", self._record(files))):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def wheel(self, folder: Path) -> Path:
        """Write a wheel that installers take."""
        files = self.files()
        path = folder / f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in (*files.items(), (f"{self.info}/RECORD", self._record(files))):
                archive.writestr(name, text)
        return path

    def _record(self, files: Mapping[str, str]) -> str:
        lines = []
        for name, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text.encode())}")
        return "\n".join((*lines, f"{self.info}/RECORD,,")) + "\n"


def plugin(
    name: str,
    source: str,
    *,
    distribution: str | None = None,
    version: str = "1.0",
    api: str | None = None,
    autoload: bool = False,
    attribute: str = "",
    metadata: tuple[str, ...] = (),
) -> Built:
    """A distribution ``<name>-plugin`` with one plugin, whose module is ``<name>_plugin``.

    Args:
        name: The plugin's name.
        source: The module, behind the import of ``hookimpl``.
        distribution: Another name for the distribution.
        version: Of the distribution.
        api: What group ``dagcast.api`` says of it, if anything.
        autoload: Whether it asks to be active as soon as it is installed.
        attribute: The attribute of the module that the entry point names.
        metadata: Further lines of METADATA.
    """
    owner = distribution or f"{name}-plugin"
    module = f"{owner.replace('-', '_')}"
    value = f"{module}:{attribute}" if attribute else module
    points: dict[str, dict[str, str]] = {"dagcast": {name: value}}
    if api is not None:
        points["dagcast.api"] = {name: api}
    if autoload:
        points["dagcast.autoload"] = {name: value}
    return Built(owner, version, {module: HEADER + textwrap.dedent(source)}, points, metadata)


def environment(folders: Iterable[Path | str]) -> dict[str, str]:
    """The environment of a process that finds what is in these folders, and dagcast, without any settings of ours."""
    path = [str(folder) for folder in folders] + [entry for entry in sys.path if entry] + [str(CORE)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DAGCAST_", "PYTEST_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(dict.fromkeys(path)), "AWS_EC2_METADATA_DISABLED": "true"}


def run(
    arguments: Iterable[str], folders: Iterable[Path | str], cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run this Python with these arguments in a process that finds what is in the folders."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**environment(folders), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
