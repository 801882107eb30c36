"""Calls a function as AWS Lambda calls a handler: ``call_function.py FILE HANDLER EVENT ANSWER``."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace


def main(file: str, handler: str, event: str, answer: str) -> None:
    """Write what ``handler(event, context)`` of ``file`` returns, as JSON."""
    sys.path.insert(0, str(Path(file).parent))
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if not hasattr(module, handler):
        raise SystemExit(f"{file} has no function {handler}")
    given = json.loads(Path(event).read_text("utf-8"))
    context = SimpleNamespace(
        function_name=given["function"],
        invoked_function_arn=given["arn"],
        aws_request_id=given["request"],
    )
    returned = getattr(module, handler)(given["event"], context)
    Path(answer).write_text(json.dumps(returned), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
