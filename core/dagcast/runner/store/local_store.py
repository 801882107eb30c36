"""The store of a run: a folder that replaces S3."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from dagcast.definition.staged_code_uri import is_staged_code_uri
from dagcast.errors import DagcastError, did_you_mean
from dagcast.runner.files import check_links, copy_file, iter_files
from dagcast.runner.store import local_inputs, s3_download
from dagcast.runner.store.s3_uri import S3Uri, UnsafeUriError, parse_s3_uri

_STAGING = ".staging"
"""The folder in which new objects are prepared. Bucket names do not start with a dot."""


_DOWNLOADED = ".downloaded"
"""The folder with an empty file for each prefix that was downloaded from S3."""


class NotFoundError(DagcastError):
    """An object is in none of: this run, the inputs, earlier runs, and S3 if it is read."""


class Store:
    """Replaces S3 in one run. Threads can share one.

    A URI means objects of all these places, as if S3 held them all: the run's own store, the inputs, the stores of
    earlier runs in order, and on request S3, whose objects are kept in the own store. Of several objects of one key,
    the first counts. An input replaces all that S3 has at its URI and below it, and what earlier runs have of a URI
    of which it has objects.

    A URI means the object of that key; without one, all objects below it as a folder; without those, all
    objects whose keys start with it. SageMaker's ``S3Prefix`` has the last meaning only (API reference,
    ``S3DataSource``), which differs if keys next to a folder start with its name.

    Args:
        root: The folder of this run's own store, with ``BUCKET/KEY`` below it.
        inputs: Local files and folders, by the S3 URI that they replace.
        stores: The folders of earlier runs' stores.
        real_s3: Whether objects are read from S3.
        runs: The folder of all runs, which is excluded from inputs.
        execution: The ID of the run's execution: S3 has nothing below a prefix that contains it.
    """

    def __init__(
        self,
        root: Path,
        inputs: Mapping[str, Path] | None = None,
        stores: tuple[Path, ...] = (),
        *,
        real_s3: bool = False,
        runs: Path | None = None,
        execution: str | None = None,
    ) -> None:
        self.root = root
        self._inputs = dict(inputs or {})
        self._stores = stores
        self._real_s3 = real_s3
        self._runs = runs
        self._execution = execution
        self._lock = threading.RLock()
        self._remote_lock = threading.Lock()

    def path(self, uri: str) -> Path:
        """Return the path of an object or prefix in this run's own store, whether it exists or not.

        Raises:
            UnsafeUriError: If the URI is not a path inside the store, or a link is in the way.
        """
        return _resolve_path(self.root, parse_s3_uri(uri))

    def fetch(self, uri: str, destination: Path) -> int:
        """Copy the object, or all objects that the prefix means, into the folder ``destination``.

        Returns:
            The number of files.

        Raises:
            NotFoundError: If there are no such objects.
            UnsafeUriError: If the URI is not a path inside the store.
        """
        files = self._found(uri)
        destination.mkdir(parents=True, exist_ok=True)
        for name, path in files.items():
            copy_file(path, destination / name)
        return len(files)

    def fetch_file(self, uri: str, destination: Path) -> None:
        """Copy one object to the file ``destination``.

        Raises:
            NotFoundError: If there is no object of that key.
            UnsafeUriError: If the URI is not a path inside the store.
        """
        copy_file(self._object(uri), destination)

    def read(self, uri: str) -> bytes:
        """Return the content of one object.

        Raises:
            NotFoundError: If there is no object of that key.
            UnsafeUriError: If the URI is not a path inside the store.
        """
        return self._object(uri).read_bytes()

    def fetch_manifest(self, uri: str, destination: Path) -> int:
        """Copy the objects that a manifest lists: ``[{"prefix": "s3://..."}, "relative/key", ...]``.

        Source: SageMaker API reference, ``S3DataSource``, ``ManifestFile``.

        Returns:
            The number of files.

        Raises:
            NotFoundError: If the manifest or one of its objects is missing.
            UnsafeUriError: If the manifest is invalid, or lists a place outside the store.
        """
        manifest = self._object(uri)
        try:
            head, *names = json.loads(manifest.read_text("utf-8"))
            prefix = head["prefix"]
        except (ValueError, TypeError, KeyError) as error:
            raise UnsafeUriError(
                f'{uri} is not a manifest: expected [{{"prefix": "s3://..."}}, "key", ...]'
            ) from error
        for name in names:
            parse_s3_uri(f"{prefix}{name}")
            self.fetch_file(
                f"{prefix}{name}", destination.joinpath(*parse_s3_uri(f"s3://bucket/{name}").parts[1:])
            )
        return len(names)

    def put(self, source: Path, uri: str) -> None:
        """Store a file as the object ``uri``, or all files of a folder as objects below ``uri``; consume ``source``.

        Files are prepared in the store's staging folder first. A new prefix appears whole. In an existing one, each
        object replaces the one of its key and the others stay, as in S3.

        Raises:
            UnsafeUriError: If the URI is not a path inside the store, or an object's key is a folder.
            UnsafeFileError: If a link leads out of the folder, or something is neither file nor folder.
        """
        target = self.path(uri)
        staged = self.root / _STAGING / uuid4().hex
        staged.parent.mkdir(parents=True, exist_ok=True)
        try:
            if source.is_symlink():
                raise UnsafeUriError(f"{source} is a link: a step's output must be a file or folder")
            if source.is_dir():
                self._stage_folder(source, staged)
            else:
                _move_file(source, staged)
            with self._lock:
                self._place(staged, target, uri)
        finally:
            if staged.is_dir():
                shutil.rmtree(staged)
            else:
                staged.unlink(missing_ok=True)

    def share(self, source: Store, uri: str, target_uri: str) -> None:
        """Store the objects that a URI means in another store, by hard links: nobody writes to a stored file again.

        Raises:
            NotFoundError: If there are none.
            UnsafeUriError: If a URI is not a path inside its store, or an object's key is a folder.
        """
        target = self.path(target_uri)
        staged = self.root / _STAGING / uuid4().hex
        staged.parent.mkdir(parents=True, exist_ok=True)
        is_object = source.path(uri).is_file()
        try:
            for name, path in source._found(uri).items():
                place = staged if is_object else staged / name
                place.parent.mkdir(parents=True, exist_ok=True)
                _link_file(path, place)
            with self._lock:
                self._place(staged, target, target_uri)
        finally:
            if staged.is_dir():
                shutil.rmtree(staged)
            else:
                staged.unlink(missing_ok=True)

    def remove_staging(self) -> None:
        """Remove what a killed process left in the staging folder. No other process may use the store."""
        if (self.root / _STAGING).is_dir():
            shutil.rmtree(self.root / _STAGING)

    def exists(self, uri: str) -> bool:
        """Whether the URI means at least one object."""
        wanted = parse_s3_uri(uri)
        self.path(uri)
        local = bool(_select_meant(self._find_local(wanted), wanted)[0])
        return local or (self._real_s3 and bool(self._objects(uri)[0]))

    def find_file(self, uri: str) -> Path | None:
        """Return the file of an object on this machine, or the folder that an input gives in place of an archive.

        Returns:
            ``None`` if there is none. S3 is not read.

        Raises:
            UnsafeUriError: If the URI is not a path inside the store.
        """
        wanted = parse_s3_uri(uri)
        self.path(uri)
        given = [path for other, path in self._inputs.items() if parse_s3_uri(other) == wanted]
        return given[0] if given else self._find_local(wanted).get(wanted.key)

    def uris(self, prefix: str) -> list[str]:
        """Return the sorted URIs of the objects that the prefix means."""
        objects, _ = self._objects(prefix)
        bucket = parse_s3_uri(prefix).bucket
        return [f"s3://{bucket}/{key}" for key in sorted(objects)]

    def digest(self, uri: str) -> str:
        """Return the SHA-256 of the names and contents of the objects that the URI means.

        Raises:
            NotFoundError: If the store has no such object.
        """
        digest = hashlib.sha256()
        for name, path in self._found(uri).items():
            content = hashlib.sha256()
            with path.open("rb") as reader:
                while piece := reader.read(1 << 20):
                    content.update(piece)
            digest.update(os.fsencode(name) + f"\0{content.hexdigest()}\n".encode())
        return digest.hexdigest()

    def _object(self, uri: str) -> Path:
        """Return the file of the object with exactly this key."""
        key = parse_s3_uri(uri).key
        objects, _ = self._objects(uri)
        if key not in objects:
            raise self._missing(uri)
        return objects[key]

    def _found(self, uri: str) -> dict[str, Path]:
        """Return the files that the URI means, by sorted name below it; raise NotFoundError without any."""
        objects, above = self._objects(uri)
        if not objects:
            raise self._missing(uri)
        return {key[above:]: objects[key] for key in sorted(objects)}

    def _objects(self, uri: str) -> tuple[dict[str, Path], int]:
        """Return the objects that the URI means by key, and the length of the folder's prefix in each key."""
        wanted = parse_s3_uri(uri)
        self.path(uri)
        found = self._find_local(wanted)
        if self._may_be_in_s3(wanted, found):
            self._download(wanted, found)
            found = self._find_local(wanted)
        return _select_meant(found, wanted)

    def _find_local(self, wanted: S3Uri) -> dict[str, Path]:
        """Return the files on this machine by key."""
        given = local_inputs.find_objects(self._inputs, wanted.bucket, wanted.key, self._runs)
        found = _find_keys(self.root, wanted)
        _add_keys(found, given, wanted)
        for root in self._stores:
            earlier = _find_keys(root, wanted)
            # An input that has nothing here, such as one of a whole bucket, hides no result of an earlier run.
            if given:
                earlier = {key: path for key, path in earlier.items() if not self._is_given(wanted, key)}
            _add_keys(found, earlier, wanted)
        return found

    def _is_given(self, wanted: S3Uri, key: str) -> bool:
        """Whether an input replaces a key: it has the URI of the key or of a folder above it."""
        return any(
            given.bucket == wanted.bucket and (not given.key or f"{key}/".startswith(f"{given.key}/"))
            for given in map(parse_s3_uri, self._inputs)
        )

    def _may_be_in_s3(self, wanted: S3Uri, found: Mapping[str, Path]) -> bool:
        """Whether S3 is read, and may have objects of this prefix that the local folders lack."""
        if not self._real_s3 or self._download_marker(wanted).exists() or self._is_given(wanted, wanted.key):
            return False
        if wanted.key in found and not wanted.folder:
            return False
        # S3 cannot have what is below the unique name of this run, or of content.
        is_unique = self._execution is not None and self._execution in wanted.key
        return not found or not (is_unique or is_staged_code_uri(f"{wanted}/x"))

    def _download(self, wanted: S3Uri, found: Mapping[str, Path]) -> None:
        """Keep what S3 has beside what is there. Objects are prepared in the staging folder."""
        staged = self.root / _STAGING / uuid4().hex
        with self._remote_lock:
            if self._download_marker(wanted).exists():
                return  # another step downloaded it meanwhile

            def is_wanted(key: str) -> bool:
                return key not in found and not self._is_given(wanted, key)

            try:
                s3_download.download_from_s3(wanted, staged, is_wanted)
                if staged.exists():
                    with self._lock:
                        self._add_missing(staged)
                self._download_marker(wanted).parent.mkdir(parents=True, exist_ok=True)
                self._download_marker(wanted).touch()
            except s3_download.NoSuchBucketError:
                if not found:
                    raise
            finally:
                if staged.exists():
                    shutil.rmtree(staged)

    def _download_marker(self, wanted: S3Uri) -> Path:
        """Return the file that says that a prefix was downloaded, so that a resumed run does not read it again."""
        name = hashlib.sha256(f"{wanted}{'/' if wanted.folder else ''}".encode()).hexdigest()
        return self.root / _DOWNLOADED / name

    def _add_missing(self, staged: Path) -> None:
        """Move downloaded objects to their places. One that a step has written meanwhile stays."""
        for name, path in list(iter_files(staged)):
            uri = f"s3://{name}"
            target = self.path(uri)
            if not target.exists():
                self._place(path, target, uri)

    def _missing(self, uri: str) -> NotFoundError:
        wanted = parse_s3_uri(uri)
        parent = wanted.key.rpartition("/")[0]
        neighbours: set[str] = set()
        for root in (self.root, *self._stores):
            folder = root.joinpath(wanted.bucket, *filter(None, parent.split("/")))
            if folder.is_dir():
                neighbours.update(f"{parent}/{child.name}".lstrip("/") for child in folder.iterdir())
        neighbours.update(local_inputs.find_objects(self._inputs, wanted.bucket, parent, self._runs))
        near = did_you_mean(str(wanted), (f"s3://{wanted.bucket}/{key}" for key in neighbours))
        near = near or f"use --input {wanted}=PATH to provide a local file or folder"
        return NotFoundError(f"{uri} does not exist ({near})")

    def _stage_folder(self, source: Path, staged: Path) -> None:
        links = check_links(source)
        staged.mkdir()
        files = dict(iter_files(source))
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
                _move_file(files[name], target)

    def _place(self, staged: Path, target: Path, uri: str) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if staged.is_dir() and target.is_dir():
                for name, path in list(iter_files(staged)):
                    self.path(f"{uri.removesuffix('/')}/{name}").parent.mkdir(parents=True, exist_ok=True)
                    path.replace(target / name)
            else:
                staged.replace(target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise UnsafeUriError(
                f"{uri}: a key would be both an object and a folder, which a local store does not support"
            ) from error


def _move_file(source: Path, target: Path) -> None:
    """Move a file by renaming it. Copy a file that has other hard links or is on another file system."""
    if source.stat().st_nlink == 1:
        try:
            source.rename(target)
            return
        except OSError:
            pass  # another file system, or another user's folder
    copy_file(source, target)


def _link_file(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, too many links, or none at all
        copy_file(source, target)


def _find_keys(root: Path, wanted: S3Uri) -> dict[str, Path]:
    """Return the files of one store by key, for keys that start with the wanted one."""
    parts = wanted.key.split("/")
    exact = _resolve_path(root, wanted)
    if wanted.key and exact.is_file():
        return {wanted.key: exact}
    if exact.is_dir():
        above = f"{wanted.key}/" if wanted.key else ""
        below = {f"{above}{name}": path for name, path in iter_files(exact, follow_links=False)}
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
                raise UnsafeUriError(f"{child} is a link, which a store must not contain")
            if child.is_file():
                found[f"{above}{child.name}"] = child
            else:
                below = {f"{child.name}/{name}": path for name, path in iter_files(child, follow_links=False)}
                found.update({f"{above}{name}": path for name, path in below.items()})
    return found


def _add_keys(found: dict[str, Path], more: Mapping[str, Path], wanted: S3Uri) -> None:
    """Add objects that are missing. A key is not both an object and a folder: what was found first counts."""
    above = f"{wanted.key}/"
    if wanted.key in found:
        return
    has_folder = any(key.startswith(above) for key in found)
    for key, path in more.items():
        if not (has_folder and key == wanted.key):
            found.setdefault(key, path)


def _resolve_path(root: Path, wanted: S3Uri) -> Path:
    """Return the path of an object or prefix in a store.

    Raises:
        UnsafeUriError: If a link is in the way. A store creates none, so a job planted it.
    """
    path = root
    for part in wanted.parts:
        path = path / part
        if path.is_symlink():
            raise UnsafeUriError(f"{str(wanted)!r}: {path} is a link, which a store must not contain")
    return path


def _select_meant(keys: Mapping[str, Path], wanted: S3Uri) -> tuple[dict[str, Path], int]:
    if wanted.key in keys and not wanted.folder:
        return {wanted.key: keys[wanted.key]}, len(wanted.key.rpartition("/")[0]) + ("/" in wanted.key)
    above = f"{wanted.key}/" if wanted.key else ""
    below = {key: path for key, path in keys.items() if key.startswith(above)}
    if below or wanted.folder:
        return below, len(above)
    return dict(keys), len(wanted.key.rpartition("/")[0]) + ("/" in wanted.key)
