"""Calls a function as AWS Lambda calls a handler: ``call_function.py FILE HANDLER EVENT ANSWER``.

The file's folder is the first import path, as in Lambda. Source of the context: AWS Lambda Developer Guide, "Using the
Lambda context object to retrieve Python function information".
"""

from __future__ import annotations

import importlib.util
import json
import operator
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main(file: str, handler: str, event: str, answer: str) -> None:
    """Call ``handler(event, context)`` of ``file``, and write the result to ``answer``.

    The result is ``{"returned": ...}`` or ``{"error": ...}``. An exception of the handler is printed as a traceback,
    and the exit code is not 0.
    """
    request = json.loads(Path(event).read_text("utf-8"))
    try:
        returned = _load_handler(file, handler)(request["event"], _make_context(request))
        text = json.dumps({"returned": returned}, allow_nan=False)
    except Exception as error:
        Path(answer).write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}), "utf-8")
        raise
    Path(answer).write_text(text, "utf-8")


def _load_handler(file: str, handler: str) -> Any:
    sys.path.insert(0, str(Path(file).parent))
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return operator.attrgetter(handler)(module)


def _make_context(request: dict[str, Any]) -> SimpleNamespace:
    end = time.monotonic() + request["seconds"]
    name = request["function"]
    return SimpleNamespace(
        function_name=name,
        function_version="$LATEST",
        invoked_function_arn=request["arn"],
        memory_limit_in_mb="128",
        aws_request_id=request["request"],
        log_group_name=f"/aws/lambda/{name}",
        log_stream_name=request["request"],
        identity=None,
        client_context=None,
        get_remaining_time_in_millis=lambda: max(0, int((end - time.monotonic()) * 1000)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
