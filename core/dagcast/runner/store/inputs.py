"""``--input``: the user's own files in the place of S3 objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dagcast.errors import Diagnostic
from dagcast.runner.files import files_below
from dagcast.runner.store.uri import S3Uri, UnsafeUriError, parse


def check(inputs: Mapping[str, Path]) -> Iterator[Diagnostic]:
    """Say which inputs are no S3 URI, or have no file or folder."""
    for uri, path in inputs.items():
        try:
            parse(uri)
        except UnsafeUriError as error:
            yield Diagnostic(f"--input: {error}", code="run.unsafe-uri")
        if not path.exists():
            yield Diagnostic(f"--input {uri}: there is no {path}", code="run.missing-file")


def objects(
    inputs: Mapping[str, Path], bucket: str, beginning: str, without: Path | None = None
) -> dict[str, Path]:
    """By key: the local files that stand for the keys of ``bucket`` with this beginning.

    Where two inputs could give a key, the one with the longer URI does. Links in a user's folder are followed: the
    folder is what the user sees in it.

    Args:
        inputs: By URI: the files and folders.
        bucket: The bucket.
        beginning: How the keys begin.
        without: A folder that is not part of any input that it lies in: that of all runs, which is no data.
    """
    found: dict[str, Path] = {}
    named = sorted(((parse(uri), path) for uri, path in inputs.items()), key=lambda pair: len(pair[0].key))
    for uri, path in named:
        if uri.bucket == bucket:
            _hide(found, uri)
            found.update(
                {
                    key: file
                    for key, file in _files(uri, path, beginning, without)
                    if key.startswith(beginning)
                }
            )
    return found


def _hide(found: dict[str, Path], uri: S3Uri) -> None:
    for key in [key for key in found if key == uri.key or key.startswith(f"{uri.key}/")]:
        del found[key]


def _files(uri: S3Uri, path: Path, beginning: str, without: Path | None) -> Iterator[tuple[str, Path]]:
    """The files of one input that may match; only the part of a folder that is asked for is read.

    Where an object or a folder has exactly the key that is asked for, others whose keys begin so do not count.
    """
    if path.is_file():
        yield uri.key or path.name, path
        return
    above = f"{uri.key}/" if uri.key else ""
    if not (above.startswith(beginning) or beginning.startswith(above)):
        return
    inner = beginning[len(above) :] if beginning.startswith(above) else ""
    if inner and (path / inner).is_file():
        yield beginning, path / inner
        return
    if inner and not _holds_files(path / inner):
        inner = inner.rpartition("/")[0]
        if inner and not (path / inner).is_dir():
            return
    for name, file in files_below(path / inner if inner else path, without=without):
        yield f"{above}{inner}/{name}" if inner else f"{above}{name}", file


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and next(files_below(folder), None) is not None
