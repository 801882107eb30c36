"""Folders that are there as long as a job is, beside its ``ml``: what it has as temporary folder lies there."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SCRATCH = "tmp-"
"""How their names begin."""


@contextmanager
def scratch_folder(ml: Path) -> Iterator[str]:
    """Have such a folder; what a job left in it is removed, as far as that goes: the job is done, and how is known.

    Args:
        ml: The folder that is the job's ``/opt/ml``.
    """
    folder = tempfile.mkdtemp(prefix=SCRATCH, dir=ml.parent)
    try:
        yield folder
    finally:
        with suppress(RecursionError):  # before Python 3.13: a thousand folders, each in the one before
            shutil.rmtree(folder, ignore_errors=True)
        if Path(folder).exists():
            subprocess.run(["rm", "-rf", folder], capture_output=True, check=False)
