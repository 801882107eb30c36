"""``--input``: local files that replace S3 objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dagcast.errors import Diagnostic
from dagcast.runner.files import iter_files, pack_tar_gz
from dagcast.runner.store.s3_uri import S3Uri, UnsafeUriError, parse_s3_uri


def check_inputs(inputs: Mapping[str, Path]) -> Iterator[Diagnostic]:
    """Find inputs whose URI is invalid or whose file or folder is missing."""
    for uri, path in inputs.items():
        try:
            parse_s3_uri(uri)
        except UnsafeUriError as error:
            yield Diagnostic(f"--input: {error}", code="run.unsafe-uri")
        if not path.exists():
            yield Diagnostic(f"--input {uri}: {path} does not exist", code="run.missing-file")


def pack_folders(inputs: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Return the inputs with an archive for each folder that replaces one, such as the code that an SDK staged.

    Args:
        inputs: The files and folders, by S3 URI.
        folder: Where the archives are written. An archive that exists is replaced.

    Raises:
        UnsafeFileError: If a folder cannot be packed.
    """
    packed = dict(inputs)
    for number, (uri, path) in enumerate(inputs.items()):
        if uri.endswith(".tar.gz") and path.is_dir():
            packed[uri] = folder / f"{number}.tar.gz"
            pack_tar_gz(path, packed[uri])
    return packed


def find_objects(
    inputs: Mapping[str, Path], bucket: str, prefix: str, excluded: Path | None = None
) -> dict[str, Path]:
    """Return local files by key: those that replace the objects of ``bucket`` whose keys start with a prefix.

    If two inputs provide a key, the one with the longer URI wins. Links in a user's folder are followed.

    Args:
        inputs: The files and folders, by S3 URI.
        bucket: The bucket.
        prefix: The start of the keys.
        excluded: A folder that is never part of an input: that of all runs.
    """
    found: dict[str, Path] = {}
    sorted_inputs = sorted(
        ((parse_s3_uri(uri), path) for uri, path in inputs.items()), key=lambda pair: len(pair[0].key)
    )
    for uri, path in sorted_inputs:
        if uri.bucket == bucket:
            _remove_shadowed(found, uri)
            found.update(
                {
                    key: file
                    for key, file in _find_files(uri, path, prefix, excluded)
                    if key.startswith(prefix)
                }
            )
    return found


def _remove_shadowed(found: dict[str, Path], uri: S3Uri) -> None:
    for key in [key for key in found if key == uri.key or key.startswith(f"{uri.key}/")]:
        del found[key]


def _find_files(uri: S3Uri, path: Path, prefix: str, excluded: Path | None) -> Iterator[tuple[str, Path]]:
    """Yield the files of one input that may match. Only the requested part of a folder is read.

    If an object or a folder has exactly the requested key, other keys that start with it do not count.
    """
    if path.is_file():
        yield uri.key or path.name, path
        return
    folder_prefix = f"{uri.key}/" if uri.key else ""
    if not (folder_prefix.startswith(prefix) or prefix.startswith(folder_prefix)):
        return
    remainder = prefix[len(folder_prefix) :] if prefix.startswith(folder_prefix) else ""
    if remainder and (path / remainder).is_file():
        yield prefix, path / remainder
        return
    if remainder and not _has_files(path / remainder):
        remainder = remainder.rpartition("/")[0]
        if remainder and not (path / remainder).is_dir():
            return
    for name, file in iter_files(path / remainder if remainder else path, excluded=excluded):
        yield f"{folder_prefix}{remainder}/{name}" if remainder else f"{folder_prefix}{name}", file


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and next(iter_files(folder), None) is not None
