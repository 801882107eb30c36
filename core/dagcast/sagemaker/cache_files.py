"""Files that dagcast keeps between compiles: where they are, and how they are written.

The folder is ``$DAGCAST_CACHE_DIR``, else ``$XDG_CACHE_HOME/dagcast``, else ``~/.cache/dagcast``. A cache only saves
time: a file that is missing, unreadable or broken counts as empty, and a folder that cannot be written is left alone.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of dagcast's caches; it need not exist."""
    own = os.environ.get("DAGCAST_CACHE_DIR")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(shared) if shared else Path("~/.cache").expanduser()) / "dagcast"
    except RuntimeError:
        # A user without a home, as in a container that runs with any user id: nothing can be written below a file.
        return Path(os.devnull, "dagcast")


def write_cache_file(path: Path, content: bytes) -> None:
    """Write a file of a cache, or leave it as it is if the folder cannot be written.

    Args:
        path: The file.
        content: Its new content.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            # A rename is atomic: other processes read the old file or the new one, never half of one.
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
    except OSError:
        return
