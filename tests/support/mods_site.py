"""mods-plugin as it is when installed, without installing it.

It is active on installation, so that in the environment of all tests it would take part in every compile.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def build_site(folder: Path) -> Path:
    """Put into ``folder`` what installing mods-plugin installs: on the path, it is installed."""
    command = [sys.executable, "-c", BUILD, str(folder)]
    done = subprocess.run(command, cwd=ROOT / "mods_plugin", capture_output=True, text=True, check=True)
    wheel = folder / done.stdout.split()[-1]
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    wheel.unlink()
    return folder
