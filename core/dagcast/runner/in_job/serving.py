"""Predicts the objects of a batch transform through a model's inference script.

Runs beside the folders ``model``, ``input`` and ``output`` that are its ``/opt/ml``, in a process of its own. What the
functions of a script are, what they get, and what stands for a missing one: ``sagemaker_inference.transformer``,
``sagemaker_sklearn_container.serving`` and ``sagemaker_containers._encoders``.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import inspect
import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Predict = Callable[[bytes], bytes]

_TEXTS = ("application/json", "text/csv")
"""What is decoded before a script gets it. Source: ``sagemaker_inference.content_types``."""


def main(ml: Path) -> None:
    """Transform every file below ``input/data/transform`` into ``output/data/NAME.out``."""
    job = json.loads((ml / "input/config/transform.json").read_text("utf-8"))
    code = ml / job["code"]
    joining = _load("_dagcast_joining", ml / "joining.py")
    sys.path[0] = str(code)
    script = _load(Path(job["program"]).stem, code / job["program"])
    predict = _limited(_predictor(script, job, str(ml / "model")), job["seconds"])
    if job["processing"] is not None:
        predict = _processed(
            predict, joining.Joining(job["content_type"], job["accept"], **job["processing"])
        )
    source = ml / "input/data/transform"
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name = path.relative_to(source)
        target = ml / "output/data" / f"{name}.out"
        target.parent.mkdir(parents=True, exist_ok=True)
        print(f"{name}: started", flush=True)
        count = 0
        with target.open("wb") as writer:
            for request in _requests(path, job):
                count += 1
                body = predict(request)
                writer.write(body)
                if job["assemble"] == "Line" and not body.endswith(b"\n"):
                    writer.write(b"\n")
        print(f"{name}: {count} requests", flush=True)


def _load(name: str, file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _predictor(script: Any, job: dict[str, Any], model_folder: str) -> Predict:
    content_type, accept = job["content_type"], job["accept"]
    context = SimpleNamespace(system_properties={"model_dir": model_folder, "gpu_id": None})
    functions = {
        name: getattr(script, f"{name}_fn", None) for name in ("model", "input", "predict", "output")
    }
    transform = getattr(script, "transform_fn", None)
    if transform is not None and any(functions[name] for name in ("input", "predict", "output")):
        raise SystemExit("a script has a transform_fn, or input_fn, predict_fn and output_fn, and not both")
    needed = ["model"] if transform is not None or job["defaults"] else list(functions)
    missing = [f"{name}_fn" for name in needed if functions[name] is None]
    if missing:
        raise SystemExit(f"{job['program']} has no {', '.join(missing)}, and none that stands for it is here")

    def call(function: Any, *arguments: Any) -> Any:
        takes_context = len(inspect.signature(function).parameters) == len(arguments) + 1
        return function(*arguments, *((context,) if takes_context else ()))

    model = call(functions["model"], model_folder)
    read = functions["input"] or _default_input
    predict = functions["predict"] or (lambda data, model: model.predict(data))
    write = functions["output"] or _default_output

    def one(body: bytes) -> bytes:
        given = body.decode() if content_type in _TEXTS else body
        if transform is not None:
            answer = call(transform, model, given, content_type, accept)
        else:
            answer = call(write, call(predict, call(read, given, content_type), model), accept)
        answer = answer[0] if isinstance(answer, tuple) else answer
        answer = getattr(answer, "data", answer)  # a response of Flask
        return answer.encode() if isinstance(answer, str) else bytes(answer)

    return one


def _limited(predict: Predict, seconds: float) -> Predict:
    """End the process if one request takes too long, as the service would give up on it."""

    def give_up(number: int, frame: Any) -> None:
        raise SystemExit(f"a request took longer than InvocationsTimeoutInSeconds ({seconds:g})")

    signal.signal(signal.SIGALRM, give_up)

    def one(body: bytes) -> bytes:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return predict(body)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    return one


def _processed(predict: Predict, joining: Any) -> Predict:
    def one(body: bytes) -> bytes:
        processed: bytes = joining.after(body, predict(joining.before(body)))
        return processed

    return one


def _requests(path: Path, job: dict[str, Any]) -> Iterator[bytes]:
    limit = job["max_payload"] * 1024 * 1024
    with gzip.open(path, "rb") if job["gzip"] else path.open("rb") as reader:
        if job["split"] == "Line":
            yield from _fitting(reader, limit, together=job["strategy"] == "MultiRecord", name=path.name)
        else:
            body = reader.read(limit + 1) if limit else reader.read()
            yield from _fitting(iter([body]), limit, together=False, name=path.name)


def _fitting(records: Iterator[bytes], limit: int, *, together: bool, name: str) -> Iterator[bytes]:
    waiting = bytearray()
    for record in records:
        if limit and len(record) > limit:
            raise SystemExit(f"{name}: a record has over {limit} bytes, which is MaxPayloadInMB")
        if waiting and (not together or (limit and len(waiting) + len(record) > limit)):
            yield bytes(waiting)
            waiting.clear()
        waiting += record
    if waiting:
        yield bytes(waiting)


def _default_input(body: str | bytes, content_type: str) -> Any:
    import numpy as np

    if content_type == "application/x-npy":
        return np.load(io.BytesIO(body if isinstance(body, bytes) else body.encode()), allow_pickle=False)
    text = body if isinstance(body, str) else body.decode()
    if content_type == "application/json":
        return np.array(json.loads(text)).astype(np.float32)
    if content_type == "text/csv":
        return np.array(list(csv.reader(io.StringIO(text), strict=True))).squeeze().astype(np.float32)
    raise SystemExit(f"no input_fn, and no default reads {content_type!r}: npy, json or csv")


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
    raise SystemExit(f"no output_fn, and no default writes {accept!r}: npy, json or csv")


if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
