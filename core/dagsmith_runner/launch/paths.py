"""Jobs that have no ``/opt/ml`` of their own: the path is rewritten where a job is told of it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dagsmith_runner.launch.command import ML

_BEFORE = r"""(?:^|(?<=[\s"'`=:,;(\[{<>|&@])|(?<=:/)|(?<=://))"""
_AFTER = r"""(?=$|[/\s"'`=:,;)\]}<>|&])"""
_ML = re.compile(_BEFORE + re.escape(ML) + _AFTER)
"""``/opt/ml`` as a whole path, or the beginning of one: not in ``/opt/mlflow``, nor in ``s3://bucket/opt/ml``."""

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
    """A path of ``ml`` that shells, JSON and lists of paths take as it is: its own, or else that of a link to it.

    ``/opt/ml`` needs no quotes anywhere, so what holds it has none; a path with a space or a colon would break there.
    """
    real = os.path.realpath(ml)
    if _PLAIN.fullmatch(real):
        yield real
        return
    with tempfile.TemporaryDirectory(prefix="dagsmith-", ignore_cleanup_errors=True) as folder:
        link = Path(folder, "ml")
        link.symlink_to(real, target_is_directory=True)
        yield str(link)
