"""Pipelines as users write them by hand: their definitions, and what their SDK uploads.

``python -m tests.runner.by_hand.emit FOLDER [NAME ...]`` writes ``NAME/definition.json`` and ``NAME/s3/BUCKET/KEY`` for
each pipeline of the installed SDK.
"""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.by_hand import session
from tests.by_hand.inputs import BUCKET

CODE = Path(__file__).parent / "code"


def main(folder: Path, names: list[str]) -> None:
    """Write the pipelines that are named, or all."""
    with session.local_aws() as endpoint, session.schemas_checked_once():
        for name in names or list(pipelines()):
            with session.offline_session(endpoint) as aws:
                emit(aws, name, folder / name)


def pipelines() -> Any:
    """By name: what builds a pipeline of the installed SDK from a session and the folder of the users' code."""
    with session.offline():
        return importlib.import_module(f"tests.runner.by_hand.sdk{session.sdk_major()}").PIPELINES


def emit(aws: Any, name: str, folder: Path) -> None:
    """Write one pipeline; what it uploaded is removed, so that the next one has its own alone."""
    import boto3

    # A copy: SDK 2 puts files of its own next to the user's.
    shutil.copytree(CODE, folder / "code")
    text = pipelines()[name](aws, folder / "code").definition()
    (folder / "definition.json").write_text(text, "utf-8")
    client = boto3.client("s3")
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        path = folder / "s3" / BUCKET / item["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(BUCKET, item["Key"], str(path))
        client.delete_object(Bucket=BUCKET, Key=item["Key"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
