"""Replaces ``/opt/ml`` by another folder in a command, for jobs that have no mount namespace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dagcast.runner.launch.command import ML_PATH
from dagcast.runner.launch.filesystem_view import TEMPORARY_FOLDERS
from dagcast.runner.launch.scratch_folder import scratch_folder
from dagcast.staging.temporary_folder import report_unwritable, temporary_folder

_BEFORE = r"""(?:^|(?<=[\s"'`=:,;(\[{<>|&@])|(?<=:/)|(?<=://))"""
_AFTER = r"""(?=$|[/\s"'`=:,;)\]}<>|&])"""
_ML_PATTERN = re.compile(_BEFORE + re.escape(ML_PATH) + _AFTER)
"""``/opt/ml`` as a whole path, or at the start of one: not in ``/opt/mlflow`` or ``s3://bucket/opt/ml``."""

_TEMPORARY_VARIABLES = ("TMPDIR", "TEMP", "TMP")

_NEEDS_NO_QUOTES = re.compile(r"[\w./+%-]+", re.ASCII)


def rewrite_ml_path(text: str, ml: str) -> str:
    """Replace ``/opt/ml`` by the folder ``ml`` wherever ``text`` means that path."""
    return _ML_PATTERN.sub(lambda _: ml, text)


def rewrite_command(
    argv: tuple[str, ...], environment: Mapping[str, str], folder: str, ml: str
) -> tuple[tuple[str, ...], dict[str, str], str]:
    """Replace ``/opt/ml`` in the arguments, the values of environment variables, and the working directory."""
    return (
        tuple(rewrite_ml_path(argument, ml) for argument in argv),
        {name: rewrite_ml_path(value, ml) for name, value in environment.items()},
        rewrite_ml_path(folder, ml),
    )


@contextmanager
def provide_plain_path(ml: Path) -> Iterator[str]:
    """Yield a path of ``ml`` that shells, JSON and ``PATH``-like lists take unquoted: its own, or that of a link to it.

    Programs use ``/opt/ml`` without quotes. A path that contains a space or a colon would break them.

    Raises:
        TemporaryFolderError: If the folder of the link cannot be made.
    """
    real = os.path.realpath(ml)
    if _NEEDS_NO_QUOTES.fullmatch(real):
        yield real
        return
    with temporary_folder("dagcast-") as folder:
        link = folder / "ml"
        with report_unwritable():
            link.symlink_to(real, target_is_directory=True)
        yield str(link)


@contextmanager
def provide_temporary_folder(
    ml: str, environment: Mapping[str, str], runs_folder: Path
) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Yield the environment with a usable ``TMPDIR``, and the temporary folder if it belongs only to this job.

    The folder is ``/tmp``, unless the folder of all runs lies in it: Landlock could then not allow ``/tmp`` without
    allowing the runs too. The next choices are ``/var/tmp``, and a scratch folder of the job. Variables that name a
    folder which the job cannot write to are dropped.

    Args:
        ml: The folder that stands for :data:`~dagcast.runner.launch.command.ML_PATH`.
        environment: The environment, with paths rewritten.
        runs_folder: The folder of all runs.
    """
    writable = [
        ml,
        *(place for place in TEMPORARY_FOLDERS if not runs_folder.is_relative_to(os.path.realpath(place))),
    ]
    adapted = {
        name: value
        for name, value in environment.items()
        if name not in _TEMPORARY_VARIABLES or any(Path(value).is_relative_to(place) for place in writable)
    }
    if "/tmp" in writable or not adapted.keys().isdisjoint(_TEMPORARY_VARIABLES):
        yield adapted, []
    elif "/var/tmp" in writable and os.access("/var/tmp", os.W_OK):
        yield {**adapted, "TMPDIR": "/var/tmp"}, []
    else:
        with scratch_folder(Path(ml).resolve()) as folder, provide_plain_path(Path(folder)) as plain:
            yield {**adapted, "TMPDIR": plain}, [plain]
