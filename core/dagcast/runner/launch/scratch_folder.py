"""Temporary folders of jobs, which lie next to the job's ``ml`` folder and last as long as the job."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SCRATCH_PREFIX = "tmp-"
"""The prefix of their names."""


@contextmanager
def scratch_folder(ml: Path) -> Iterator[str]:
    """Create such a folder, and remove it and its contents at the end.

    Errors of the removal are ignored: the job has ended, and its outcome is known. ``rm`` removes what
    :func:`shutil.rmtree` cannot, after ``chmod`` has made it accessible.

    Args:
        ml: The folder that the job sees as ``/opt/ml``.
    """
    folder = tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=ml.parent)
    try:
        yield folder
    finally:
        with suppress(RecursionError):  # before Python 3.13: folders nested a thousand levels deep
            shutil.rmtree(folder, ignore_errors=True)
        if Path(folder).exists():
            for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
                subprocess.run([*command, folder], capture_output=True, check=False)
