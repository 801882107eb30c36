"""Stage the code of a pipeline's steps while they are lowered: each object once, without uploading it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from dagcast.errors import DagcastError
from dagcast.frozen_dataclass import dataclass
from dagcast.staging.code_limit import CodeLimit, is_outside
from dagcast.staging.find_files import StagingProblem, StagingRefusedError
from dagcast.staging.stage_files import stage_file, stage_files, stage_folder, stage_script, stage_text
from dagcast.staging.staged_code import StagedCode


class CodeProblemError(DagcastError):
    """Code cannot be staged.

    Attributes:
        problems: All problems.
    """

    def __init__(self, problems: tuple[StagingProblem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class NoBucketError(DagcastError):
    """Code cannot be staged because no bucket is configured."""


@dataclass(frozen=True)
class CodeUse:
    """Code that the config refers to, and its staged objects.

    Attributes:
        paths: The files and folders as written in the config. Empty if dagcast provides the code.
        objects: The staged objects.
    """

    paths: tuple[str, ...]
    objects: tuple[StagedCode, ...]


class CodeStager:
    """The code that one compile stages. Reads code once, even if several steps use it.

    Args:
        root: The folder that paths are relative to.
        bucket: The bucket to upload the code to.
        prefix: The prefix of the S3 keys.
        project: The folder of the project. ``None`` if code of any folder is expected.
        limit: The only code that may be staged, if it is limited.

    Attributes:
        outside: The paths so far that lead out of the project, as written in the config.
    """

    def __init__(
        self,
        root: Path,
        bucket: str | None,
        prefix: str,
        *,
        project: Path | None = None,
        limit: CodeLimit | None = None,
    ) -> None:
        self.outside: list[str] = []
        self._project = project
        self._limit = limit
        self._root = root
        self._bucket = bucket
        self._prefix = prefix
        self._done: dict[object, CodeUse] = {}

    @property
    def staged(self) -> tuple[StagedCode, ...]:
        """Return all objects staged so far, without duplicates, in the order of the steps."""
        objects = (code for use in self.uses for code in use.objects)
        return tuple({code.uri: code for code in objects}.values())

    @property
    def uses(self) -> tuple[CodeUse, ...]:
        """Return all uses of code so far. Files with the same content are separate uses."""
        return tuple(self._done.values())

    def file(self, path: str) -> str:
        """Stage one file and return its S3 URI.

        Raises:
            CodeProblemError: If the file cannot be staged.
            NoBucketError: If no bucket is configured.
        """
        return self._stage(
            ("file", path),
            (path,),
            lambda bucket: (stage_file(path, self._root, bucket, self._prefix),),
        )

    def archive(self, script: str, folder: str | None) -> str:
        """Stage an archive and return its S3 URI.

        The archive contains ``folder``, which must contain ``script``. Without a folder, it contains only the script.

        Raises:
            CodeProblemError: If the code cannot be staged.
            NoBucketError: If no bucket is configured.
        """
        if folder is None:
            return self._stage(
                ("script", script),
                (script,),
                lambda bucket: (stage_script(script, self._root, bucket, self._prefix),),
            )
        return self._stage(
            ("folder", folder, script),
            (folder,),
            lambda bucket: (stage_folder(folder, self._root, bucket, self._prefix, script),),
        )

    def files(self, paths: list[str]) -> str:
        """Stage files and return the S3 URI of their common folder.

        Raises:
            CodeProblemError: If a file cannot be staged.
            NoBucketError: If no bucket is configured.
        """
        first = self._stage(
            ("files", *paths),
            tuple(paths),
            lambda bucket: stage_files(paths, self._root, bucket, self._prefix),
        )
        base = "/".join(part for part in (f"s3://{self._bucket}", self._prefix.strip("/"), "code") if part)
        return f"{base}/{first.removeprefix(f'{base}/').partition('/')[0]}"

    def text(self, name: str, content: bytes) -> str:
        """Stage ``content`` as a file and return its S3 URI.

        Raises:
            CodeProblemError: If the name is invalid.
            NoBucketError: If no bucket is configured.
        """
        return self._stage(
            ("text", name, content), (), lambda bucket: (stage_text(name, content, bucket, self._prefix),)
        )

    def _stage(
        self, key: object, paths: tuple[str, ...], stage: Callable[[str], tuple[StagedCode, ...]]
    ) -> str:
        if key not in self._done:
            # Before anything is read: what a file holds, and whether it exists, is not a stranger's to know.
            if self._limit is not None:
                self._refuse([path for path in paths if not self._limit.allows(path, self._root)])
            elif self._project is not None:
                self.outside += [
                    path
                    for path in paths
                    if path not in self.outside and is_outside(path, self._root, self._project)
                ]
            if self._bucket is None:
                raise NoBucketError("staged code needs a bucket")
            try:
                objects = stage(self._bucket)
            except StagingRefusedError as error:
                raise CodeProblemError(error.problems) from error
            if self._limit is not None and not all(
                self._limit.allows_object(item.digest) for item in objects
            ):
                self._refuse(paths)
            self._done[key] = CodeUse(paths, objects)
        return self._done[key].objects[0].uri

    def _refuse(self, paths: Iterable[str]) -> None:
        """Raise an error if there are paths that the limit does not allow. Code that dagcast provides has none."""
        problems = tuple(
            StagingProblem(f"{path} {self._limit.problem}") for path in paths if self._limit is not None
        )
        if problems:
            raise CodeProblemError(problems)
