"""Predicts the objects of a batch transform with a model's inference script, or with the module of a local image.

It runs next to the folders ``model``, ``input`` and ``output`` of its ``/opt/ml``, in a process of its own. The
functions of a script, their arguments and their defaults are those of ``sagemaker_inference.transformer``,
``sagemaker_sklearn_container.serving`` and ``sagemaker_containers._encoders``.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import importlib.util
import inspect
import io
import json
import signal
import sys
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Predict = Callable[[bytes], bytes]

_FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn")

_TEXT_TYPES = ("application/json", "text/csv")
"""Content types that are decoded before a script gets them. Source: ``sagemaker_inference.content_types``."""


def main(ml: Path) -> None:
    """Transform every file below ``input/data/transform`` into ``output/data/NAME.out``."""
    job = json.loads((ml / "input/config/transform.json").read_text("utf-8"))
    code = ml / job["code"]
    transform_output = _load_module("_dagcast_transform_output", ml / "transform_output.py")
    if job.get("module") is not None:
        predict = _make_local_predictor(importlib.import_module(job["module"]), job, str(ml / "model"))
    else:
        sys.path[0] = str(code)
        script = _load_module(Path(job["program"]).stem, code / job["program"])
        predict = _make_predictor(script, job, str(ml / "model"))
    predict = _limit_time(predict, job["seconds"])
    if job["processing"] is not None:
        predict = _process_records(
            predict, transform_output.DataProcessing(job["content_type"], job["accept"], **job["processing"])
        )
    source = ml / "input/data/transform"
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name = path.relative_to(source)
        target = ml / "output/data" / f"{name}.out"
        target.parent.mkdir(parents=True, exist_ok=True)
        print(f"{name}: started", flush=True)
        count = 0
        with target.open("wb") as writer:
            for request in _split_requests(path, job):
                count += 1
                body = predict(request)
                writer.write(body)
                if job["assemble"] == "Line" and not body.endswith(b"\n"):
                    writer.write(b"\n")
        print(f"{name}: {count} requests", flush=True)


def _load_module(name: str, file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def list_missing_functions(names: Container[str], *, defaults: bool) -> list[str]:
    """Return the functions that a script lacks.

    Args:
        names: The names that the script defines.
        defaults: Whether functions other than ``model_fn`` have a default here.
    """
    required = ("model_fn",) if "transform_fn" in names or defaults else _FUNCTIONS
    return [name for name in required if name not in names]


def _make_local_predictor(module: Any, job: dict[str, Any], model_folder: str) -> Predict:
    """Return the predictor of a local image: ``load_model(folder)``, then ``predict(...)`` for each request."""
    model = module.load_model(model_folder)

    def predict_request(body: bytes) -> bytes:
        answer: bytes = module.predict(model, body, job["content_type"], job["accept"])
        return answer

    return predict_request


def _make_predictor(script: Any, job: dict[str, Any], model_folder: str) -> Predict:
    content_type, accept = job["content_type"], job["accept"]
    context = SimpleNamespace(system_properties={"model_dir": model_folder, "gpu_id": None})
    functions = {
        name: getattr(script, f"{name}_fn", None) for name in ("model", "input", "predict", "output")
    }
    transform = getattr(script, "transform_fn", None)
    if transform is not None and any(functions[name] for name in ("input", "predict", "output")):
        raise SystemExit(
            "the script has transform_fn and also input_fn, predict_fn or output_fn: remove one or the others"
        )
    missing = list_missing_functions(vars(script), defaults=job["defaults"])
    if missing:
        raise SystemExit(
            f"{job['program']} has no {', '.join(missing)}, whose framework default is not available here"
        )

    def call(function: Any, *arguments: Any) -> Any:
        takes_context = len(inspect.signature(function).parameters) == len(arguments) + 1
        return function(*arguments, *((context,) if takes_context else ()))

    model = call(functions["model"], model_folder)
    read = functions["input"] or _default_input
    predict = functions["predict"] or (lambda data, model: model.predict(data))
    write = functions["output"] or _default_output

    def predict_request(body: bytes) -> bytes:
        given = body.decode() if content_type in _TEXT_TYPES else body
        if transform is not None:
            answer = call(transform, model, given, content_type, accept)
        else:
            answer = call(write, call(predict, call(read, given, content_type), model), accept)
        answer = answer[0] if isinstance(answer, tuple) else answer
        answer = getattr(answer, "data", answer)  # a response of Flask
        return answer.encode() if isinstance(answer, str) else bytes(answer)

    return predict_request


def _limit_time(predict: Predict, seconds: float) -> Predict:
    """End the process if one request takes too long, as the service would."""

    def give_up(number: int, frame: Any) -> None:
        raise SystemExit(f"a request took longer than InvocationsTimeoutInSeconds ({seconds:g})")

    signal.signal(signal.SIGALRM, give_up)

    def predict_request(body: bytes) -> bytes:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return predict(body)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    return predict_request


def _process_records(predict: Predict, processing: Any) -> Predict:
    def predict_request(body: bytes) -> bytes:
        processed: bytes = processing.make_output(body, predict(processing.filter_input(body)))
        return processed

    return predict_request


def _split_requests(path: Path, job: dict[str, Any]) -> Iterator[bytes]:
    limit = job["max_payload"] * 1024 * 1024
    with gzip.open(path, "rb") if job["gzip"] else path.open("rb") as reader:
        if job["split"] == "Line":
            yield from _group_records(reader, limit, multi=job["strategy"] == "MultiRecord", name=path.name)
        else:
            body = reader.read(limit + 1) if limit else reader.read()
            yield from _group_records(iter([body]), limit, multi=False, name=path.name)


def _group_records(records: Iterator[bytes], limit: int, *, multi: bool, name: str) -> Iterator[bytes]:
    pending = bytearray()
    for record in records:
        if limit and len(record) > limit:
            raise SystemExit(f"{name}: a record exceeds MaxPayloadInMB ({limit} bytes)")
        if pending and (not multi or (limit and len(pending) + len(record) > limit)):
            yield bytes(pending)
            pending.clear()
        pending += record
    if pending:
        yield bytes(pending)


def _default_input(body: str | bytes, content_type: str) -> Any:
    import numpy as np

    if content_type == "application/x-npy":
        return np.load(io.BytesIO(body if isinstance(body, bytes) else body.encode()), allow_pickle=False)
    text = body if isinstance(body, str) else body.decode()
    if content_type == "application/json":
        return np.array(json.loads(text)).astype(np.float32)
    if content_type == "text/csv":
        return np.array(list(csv.reader(io.StringIO(text), strict=True))).squeeze().astype(np.float32)
    raise SystemExit(f"the default input_fn cannot read {content_type!r}, only npy, json and csv")


def _default_output(prediction: Any, accept: str) -> str | bytes:
    import numpy as np

    if accept == "application/json":
        return json.dumps(prediction, default=lambda array: array.tolist())
    array = np.atleast_1d(np.asarray(prediction))
    if accept == "text/csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(array.reshape(len(array), -1).tolist())
        return text.getvalue()
    if accept == "application/x-npy":
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue()
    raise SystemExit(f"the default output_fn cannot write {accept!r}, only npy, json and csv")


if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
