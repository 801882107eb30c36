"""Jobs that have no ``/opt/ml`` of their own: the path is rewritten where a job is told of it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dagcast.runner.launch.command import ML
from dagcast.runner.launch.scratch import scratch_folder
from dagcast.runner.launch.views import PRIVATE

_BEFORE = r"""(?:^|(?<=[\s"'`=:,;(\[{<>|&@])|(?<=:/)|(?<=://))"""
_AFTER = r"""(?=$|[/\s"'`=:,;)\]}<>|&])"""
_ML = re.compile(_BEFORE + re.escape(ML) + _AFTER)
"""``/opt/ml`` as a whole path, or the beginning of one: not in ``/opt/mlflow``, nor in ``s3://bucket/opt/ml``."""

_TEMPORARY = ("TMPDIR", "TEMP", "TMP")

_PLAIN = re.compile(r"[\w./+%-]+", re.ASCII)


def rewrite(text: str, ml: str) -> str:
    """Replace ``/opt/ml`` by the folder that it stands for, wherever the text means that path."""
    return _ML.sub(lambda _: ml, text)


def rewrite_all(
    argv: tuple[str, ...], environment: Mapping[str, str], folder: str, ml: str
) -> tuple[tuple[str, ...], dict[str, str], str]:
    """Rewrite the arguments, the values of the environment, and the working directory."""
    return (
        tuple(rewrite(argument, ml) for argument in argv),
        {name: rewrite(value, ml) for name, value in environment.items()},
        rewrite(folder, ml),
    )


@contextmanager
def plain_path(ml: Path) -> Iterator[str]:
    """A path of a folder that shells, JSON and lists of paths take as it is: its own, or else that of a link to it.

    ``/opt/ml`` needs no quotes anywhere, so what holds it has none; a path with a space or a colon would break there.
    """
    real = os.path.realpath(ml)
    if _PLAIN.fullmatch(real):
        yield real
        return
    with tempfile.TemporaryDirectory(prefix="dagcast-", ignore_cleanup_errors=True) as folder:
        link = Path(folder, "ml")
        link.symlink_to(real, target_is_directory=True)
        yield str(link)


@contextmanager
def temporary_folder(
    ml: str, environment: Mapping[str, str], hidden: Path
) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The environment of a job that finds a temporary folder, and that folder if it is the job's own.

    It is the machine's ``/tmp``, unless the folder of all runs lies in it: who may make a file there could do so
    anywhere below. Then it is ``/var/tmp``, or, where that is not to be had, a folder of the job's own. A variable of
    the job's that names a place where it may not write does not count.

    Args:
        ml: The folder that is the job's :data:`~dagcast.runner.launch.command.ML`.
        environment: What the environment is else, with paths rewritten.
        hidden: The folder of all runs.
    """
    places = [ml, *(place for place in PRIVATE if not hidden.is_relative_to(os.path.realpath(place)))]
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _TEMPORARY or any(Path(value).is_relative_to(place) for place in places)
    }
    if "/tmp" in places or not kept.keys().isdisjoint(_TEMPORARY):
        yield kept, []
    elif "/var/tmp" in places and os.access("/var/tmp", os.W_OK):
        yield {**kept, "TMPDIR": "/var/tmp"}, []
    else:
        with scratch_folder(Path(ml).resolve()) as folder, plain_path(Path(folder)) as plain:
            yield {**kept, "TMPDIR": plain}, [plain]
