"""Write the definitions of the installed SDK's reference pipelines: ``python dump.py OUTDIR [NAME ...]``."""

from __future__ import annotations

import importlib
import json
import sys
from contextlib import ExitStack
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

_PACKAGE = __package__ or "by_hand"
session = importlib.import_module(f"{_PACKAGE}.session")


def dump(folder: Path, names: list[str]) -> None:
    """Write ``NAME.json`` for each reference pipeline (or those named), keys sorted, indented by 2."""
    sdk = importlib.import_module(f"{_PACKAGE}.sdk{session.sdk_major()}")
    folder.mkdir(parents=True, exist_ok=True)
    builds = sdk.pipelines()
    names = names or list(builds)
    with ExitStack() as stack:
        stack.enter_context(session.schemas_checked_once())
        uploads = sdk.UPLOADS.intersection(names)
        endpoint = stack.enter_context(session.local_aws()) if uploads else None
        for name in names:
            text = session.definition(builds[name], endpoint if name in uploads else None)
            document = json.dumps(json.loads(text), sort_keys=True, indent=2)
            (folder / f"{name}.json").write_text(document + "\n", encoding="utf-8")
            print(name)


if __name__ == "__main__":
    dump(Path(sys.argv[1]), sys.argv[2:])
