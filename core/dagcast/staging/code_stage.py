"""Staging the code of steps while they are lowered: each object once, and nothing is uploaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dagcast.errors import DagcastError
from dagcast.staging.archive import stage_file, stage_files, stage_folder, stage_script, stage_text
from dagcast.staging.files import StagingProblem, StagingRefusedError
from dagcast.staging.staged_code import StagedCode


class CodeProblemError(DagcastError):
    """Code cannot be staged.

    Attributes:
        problems: Every reason.
    """

    def __init__(self, problems: tuple[StagingProblem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class NoBucketError(DagcastError):
    """There is no bucket that staged code could be uploaded to."""


@dataclass(frozen=True)
class CodeUse:
    """Code that the config names, and the objects that it became.

    Attributes:
        paths: The files and folders, as the config names them; none where dagcast provides the code.
        objects: What they are staged as.
    """

    paths: tuple[str, ...]
    objects: tuple[StagedCode, ...]


class CodeStage:
    """The code that one compile stages. What is staged twice is read once.

    Args:
        root: The folder that paths are relative to.
        bucket: The bucket that the code will be uploaded to.
        prefix: The key prefix in it.
    """

    def __init__(self, root: Path, bucket: str | None, prefix: str) -> None:
        self._root = root
        self._bucket = bucket
        self._prefix = prefix
        self._done: dict[object, CodeUse] = {}

    @property
    def staged(self) -> tuple[StagedCode, ...]:
        """Everything staged so far, each object once, in the order of the steps."""
        objects = (code for use in self.uses for code in use.objects)
        return tuple({code.uri: code for code in objects}.values())

    @property
    def uses(self) -> tuple[CodeUse, ...]:
        """Everything that was asked for so far; files of the same content are told apart."""
        return tuple(self._done.values())

    def file(self, path: str) -> str:
        """The S3 URI of one file.

        Raises:
            CodeProblemError: If it cannot be staged.
            NoBucketError: If there is no bucket for it.
        """
        return self._stage(
            ("file", path),
            (path,),
            lambda bucket: (stage_file(path, self._root, bucket, self._prefix),),
        )

    def archive(self, script: str, folder: str | None) -> str:
        """The S3 URI of the archive of ``folder``, in which ``script`` must be, or of the script alone.

        Raises:
            CodeProblemError: If it cannot be staged.
            NoBucketError: If there is no bucket for it.
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
        """The S3 URI of the folder in which the files will lie.

        Raises:
            CodeProblemError: If one cannot be staged.
            NoBucketError: If there is no bucket for them.
        """
        first = self._stage(
            ("files", *paths),
            tuple(paths),
            lambda bucket: stage_files(paths, self._root, bucket, self._prefix),
        )
        base = "/".join(part for part in (f"s3://{self._bucket}", self._prefix.strip("/"), "code") if part)
        return f"{base}/{first.removeprefix(f'{base}/').partition('/')[0]}"

    def text(self, name: str, content: bytes) -> str:
        """The S3 URI of a small file whose content is known here.

        Raises:
            NoBucketError: If there is no bucket for it.
        """
        return self._stage(
            ("text", name, content), (), lambda bucket: (stage_text(name, content, bucket, self._prefix),)
        )

    def _stage(
        self, key: object, paths: tuple[str, ...], stage: Callable[[str], tuple[StagedCode, ...]]
    ) -> str:
        if key not in self._done:
            if self._bucket is None:
                raise NoBucketError("staged code needs a bucket")
            try:
                self._done[key] = CodeUse(paths, stage(self._bucket))
            except StagingRefusedError as error:
                raise CodeProblemError(error.problems) from error
        return self._done[key].objects[0].uri
