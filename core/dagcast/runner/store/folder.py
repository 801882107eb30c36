"""The store of a run: a folder that stands for S3."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from dagcast.errors import DagcastError, did_you_mean
from dagcast.runner.files import copy_file, files_below, refuse_links_out
from dagcast.runner.store import inputs as local_inputs
from dagcast.runner.store import remote
from dagcast.runner.store.uri import S3Uri, UnsafeUriError, parse

_STAGING = ".staging"
"""Where new objects are made whole; no bucket's name begins with a dot."""


class NotFoundError(DagcastError):
    """Nothing has such an object: not this run, no input, no earlier run, and not S3 where that was asked."""


class Store:
    """What stands for S3 in one run; many threads may use it.

    A URI is read from the run's own store and the inputs together, where the own store wins; if both have nothing, from
    the stores of earlier runs, one after the other; then, if asked, from S3, whose objects are kept in the own store.

    A URI means the object of that key; if there is none, all objects below it as a folder; if there are none, all
    objects whose keys begin so. SageMaker's ``S3Prefix`` means the last alone (API reference, ``S3DataSource``), which
    is the same unless the keys beside a folder begin with its name.

    Args:
        root: The folder of this run's own store: ``BUCKET/KEY`` below it.
        inputs: By S3 URI: the local file or folder that stands for it.
        stores: The folders of earlier runs' stores.
        real_s3: Whether S3 itself is read.
        runs: The folder of all runs, which is not part of an input that it lies in.
    """

    def __init__(
        self,
        root: Path,
        inputs: Mapping[str, Path] | None = None,
        stores: tuple[Path, ...] = (),
        *,
        real_s3: bool = False,
        runs: Path | None = None,
    ) -> None:
        self.root = root
        self._inputs = dict(inputs or {})
        self._stores = stores
        self._real_s3 = real_s3
        self._runs = runs
        self._lock = threading.RLock()
        self._remote_lock = threading.Lock()

    def path(self, uri: str) -> Path:
        """Where an object or prefix lies in this run's own store, whether it is there or not.

        Raises:
            UnsafeUriError: If the URI is no path inside the store, or a link stands in its way.
        """
        return _inside(self.root, parse(uri))

    def fetch(self, uri: str, destination: Path) -> int:
        """Copy the object, or all objects that the prefix means, into the folder ``destination``.

        Returns:
            The number of files.

        Raises:
            NotFoundError: If there are none.
            UnsafeUriError: If the URI is no path inside the store.
        """
        files = self._found(uri)
        destination.mkdir(parents=True, exist_ok=True)
        for name, path in files.items():
            copy_file(path, destination / name)
        return len(files)

    def fetch_file(self, uri: str, destination: Path) -> None:
        """Copy exactly one object, to that file name.

        Raises:
            NotFoundError: If there is no object of that key.
            UnsafeUriError: If the URI is no path inside the store.
        """
        copy_file(self._object(uri), destination)

    def read(self, uri: str) -> bytes:
        """The bytes of exactly one object.

        Raises:
            NotFoundError: If there is no object of that key.
            UnsafeUriError: If the URI is no path inside the store.
        """
        return self._object(uri).read_bytes()

    def fetch_manifest(self, uri: str, destination: Path) -> int:
        """Copy what a manifest lists: ``[{"prefix": "s3://..."}, "relative/key", ...]``.

        Source: SageMaker API reference, ``S3DataSource``, ``ManifestFile``.

        Returns:
            The number of files.

        Raises:
            NotFoundError: If the manifest or one of its objects is missing.
            UnsafeUriError: If the manifest does not have that form, or names a place outside the store.
        """
        manifest = self._object(uri)
        try:
            head, *names = json.loads(manifest.read_text("utf-8"))
            prefix = head["prefix"]
        except (ValueError, TypeError, KeyError) as error:
            raise UnsafeUriError(
                f'{uri} is no manifest: expected [{{"prefix": "s3://..."}}, "key", ...]'
            ) from error
        for name in names:
            parse(f"{prefix}{name}")
            self.fetch_file(f"{prefix}{name}", destination.joinpath(*parse(f"s3://bucket/{name}").parts[1:]))
        return len(names)

    def put(self, source: Path, uri: str) -> None:
        """Make a file the object, or all files of a folder the objects below ``uri``; ``source`` is used up.

        All is made ready beside the store first. A prefix that holds nothing yet appears whole; in one that does, each
        object replaces the one of its key and the others stay, as in S3.

        Raises:
            UnsafeUriError: If the URI is no path inside the store, or an object's key would be a folder.
            UnsafeFileError: If a link leads out of the folder, or something is neither file nor folder.
        """
        target = self.path(uri)
        staged = self.root / _STAGING / uuid4().hex
        staged.parent.mkdir(parents=True, exist_ok=True)
        try:
            if source.is_symlink():
                raise UnsafeUriError(
                    f"{source} is a link: a step's output must be a file or folder of its own"
                )
            if source.is_dir():
                self._stage_folder(source, staged)
            else:
                _take(source, staged)
            with self._lock:
                self._place(staged, target, uri)
        finally:
            if staged.is_dir():
                shutil.rmtree(staged)
            else:
                staged.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a killed process left half made; no other may use the store."""
        if (self.root / _STAGING).is_dir():
            shutil.rmtree(self.root / _STAGING)

    def exists(self, uri: str) -> bool:
        """Whether there is such an object, or anything that such a prefix means."""
        return bool(self._objects(uri)[0])

    def uris(self, prefix: str) -> list[str]:
        """The URIs of the objects that the prefix means, in order; none if there are none."""
        objects, _ = self._objects(prefix)
        bucket = parse(prefix).bucket
        return [f"s3://{bucket}/{key}" for key in sorted(objects)]

    def digest(self, uri: str) -> str:
        """The SHA-256 of the names and contents of what the URI means.

        Raises:
            NotFoundError: If that is nothing.
        """
        whole = hashlib.sha256()
        for name, path in self._found(uri).items():
            content = hashlib.sha256()
            with path.open("rb") as reader:
                while piece := reader.read(1 << 20):
                    content.update(piece)
            whole.update(os.fsencode(name) + f"\0{content.hexdigest()}\n".encode())
        return whole.hexdigest()

    def _object(self, uri: str) -> Path:
        """The file of exactly one object."""
        key = parse(uri).key
        objects, _ = self._objects(uri)
        if key not in objects:
            raise self._missing(uri)
        return objects[key]

    def _found(self, uri: str) -> dict[str, Path]:
        """By name below the URI, in order: the files that it means; never none."""
        objects, above = self._objects(uri)
        if not objects:
            raise self._missing(uri)
        return {key[above:]: objects[key] for key in sorted(objects)}

    def _objects(self, uri: str) -> tuple[dict[str, Path], int]:
        """By key: the objects that the URI means; and how many characters of each key are the place of the folder."""
        wanted = parse(uri)
        self.path(uri)
        given = local_inputs.objects(self._inputs, wanted.bucket, wanted.key, self._runs)
        objects, above = _meant({**given, **_keys(self.root, wanted)}, wanted)
        for root in self._stores:
            if not objects:
                objects, above = _meant(_keys(root, wanted), wanted)
        if objects:
            return objects, above
        if self._real_s3:
            self._download(wanted)
            return _meant(_keys(self.root, wanted), wanted)
        return {}, 0

    def _download(self, wanted: S3Uri) -> None:
        """Keep what S3 has; all is made ready beside the store first, so that a folder appears whole."""
        staged = self.root / _STAGING / uuid4().hex
        with self._remote_lock:
            if _keys(self.root, wanted):
                return  # another step got it meanwhile
            try:
                if not remote.download(wanted, staged):
                    return
                whole = staged.joinpath(*wanted.parts)
                parts = (whole,) if whole.exists() else tuple(whole.parent.iterdir())
                with self._lock:
                    for part in parts:
                        uri = f"s3://{part.relative_to(staged).as_posix()}"
                        self._place(part, self.path(uri), uri)
            finally:
                if staged.exists():
                    shutil.rmtree(staged)

    def _missing(self, uri: str) -> NotFoundError:
        wanted = parse(uri)
        parent = wanted.key.rpartition("/")[0]
        beside: set[str] = set()
        for root in (self.root, *self._stores):
            folder = root.joinpath(wanted.bucket, *filter(None, parent.split("/")))
            if folder.is_dir():
                beside.update(f"{parent}/{child.name}".lstrip("/") for child in folder.iterdir())
        beside.update(local_inputs.objects(self._inputs, wanted.bucket, parent, self._runs))
        near = did_you_mean(str(wanted), (f"s3://{wanted.bucket}/{key}" for key in beside))
        near = near or f"--input {wanted}=PATH gives it a local file or folder"
        return NotFoundError(f"nothing is at {uri} ({near})")

    def _stage_folder(self, source: Path, staged: Path) -> None:
        links = refuse_links_out(source)
        staged.mkdir()
        files = dict(files_below(source))
        linked = {
            name for name, path in files.items() if links and not links.isdisjoint((path, *path.parents))
        }
        for name in sorted(
            files, key=lambda name: name not in linked
        ):  # what links lead to is moved after them
            target = staged / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name in linked:
                copy_file(files[name], target)
            else:
                _take(files[name], target)

    def _place(self, staged: Path, target: Path, uri: str) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if staged.is_dir() and target.is_dir():
                for name, path in list(files_below(staged)):
                    self.path(f"{uri.removesuffix('/')}/{name}").parent.mkdir(parents=True, exist_ok=True)
                    path.replace(target / name)
            else:
                staged.replace(target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise UnsafeUriError(
                f"{uri}: a key would be both an object and a folder, which a local store cannot hold"
            ) from error


def _take(source: Path, target: Path) -> None:
    """Move a file where that is a renaming; copy one that has another name somewhere, or another file system."""
    if source.stat().st_nlink == 1:
        try:
            source.rename(target)
            return
        except OSError:
            pass  # another file system, or another user's folder: a copy serves as well
    copy_file(source, target)


def _keys(root: Path, wanted: S3Uri) -> dict[str, Path]:
    """By key: the files of one store whose keys begin with the one that is wanted."""
    parts = wanted.key.split("/")
    exact = _inside(root, wanted)
    if wanted.key and exact.is_file():
        return {wanted.key: exact}
    if exact.is_dir():
        above = f"{wanted.key}/" if wanted.key else ""
        below = {f"{above}{name}": path for name, path in files_below(exact, links=False)}
        if below:
            return below
    folder = root.joinpath(wanted.bucket, *parts[:-1])
    if wanted.folder or not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    above = "/".join((*parts[:-1], ""))
    for child in sorted(folder.iterdir()):
        if child.name.startswith(parts[-1]):
            if child.is_symlink():
                raise UnsafeUriError(f"{child} is a link, and a store has none")
            if child.is_file():
                found[f"{above}{child.name}"] = child
            else:
                below = {f"{child.name}/{name}": path for name, path in files_below(child, links=False)}
                found.update({f"{above}{name}": path for name, path in below.items()})
    return found


def _inside(root: Path, wanted: S3Uri) -> Path:
    """Where an object or prefix lies in a store.

    Raises:
        UnsafeUriError: If a link stands in its way: a store has none of its own, so a job planted it.
    """
    path = root
    for part in wanted.parts:
        path = path / part
        if path.is_symlink():
            raise UnsafeUriError(f"{str(wanted)!r}: {path} is a link, and a store has none")
    return path


def _meant(keys: Mapping[str, Path], wanted: S3Uri) -> tuple[dict[str, Path], int]:
    if wanted.key in keys and not wanted.folder:
        return {wanted.key: keys[wanted.key]}, len(wanted.key.rpartition("/")[0]) + ("/" in wanted.key)
    above = f"{wanted.key}/" if wanted.key else ""
    below = {key: path for key, path in keys.items() if key.startswith(above)}
    if below or wanted.folder:
        return below, len(above)
    return dict(keys), len(wanted.key.rpartition("/")[0]) + ("/" in wanted.key)
