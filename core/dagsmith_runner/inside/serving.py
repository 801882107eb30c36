"""Predicts the objects of a batch transform through a model's inference script.

Runs beside the folders ``model``, ``input`` and ``output`` that are its ``/opt/ml``, in a process of its own.
The functions of the script and what stands for a missing one: SageMaker Inference Toolkit, "Implement a handler".
"""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Predict = Callable[[bytes], "str | bytes"]


def main(ml: Path) -> None:
    """Transform every file below ``input/data/transform`` into ``output/data/NAME.out``."""
    job = json.loads((ml / "input/config/transform.json").read_text("utf-8"))
    code = ml / job["code"]
    sys.path.insert(0, str(code))
    script = importlib.import_module(Path(job["program"]).stem)
    predict = _predictor(script, str(ml / "model"), job["content_type"], job["accept"])
    source = ml / "input/data/transform"
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        target = ml / "output/data" / f"{path.relative_to(source)}.out"
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as writer:
            for request in _requests(path, job):
                answer = predict(request)
                body = answer.encode() if isinstance(answer, str) else bytes(answer)
                writer.write(body)
                if job["assemble"] == "Line" and not body.endswith(b"\n"):
                    writer.write(b"\n")


def _predictor(script: Any, model_folder: str, content_type: str, accept: str) -> Predict:
    if not hasattr(script, "model_fn"):
        raise SystemExit(f"{script.__file__} has no model_fn(model_dir), which loads the model")
    model = script.model_fn(model_folder)
    if hasattr(script, "transform_fn"):
        return lambda body: _body(
            script.transform_fn(model, _given(body, content_type), content_type, accept)
        )
    read = getattr(script, "input_fn", _default_input)
    call = getattr(script, "predict_fn", lambda data, model: model.predict(data))
    write = getattr(script, "output_fn", _default_output)
    return lambda body: _body(write(call(read(_given(body, content_type), content_type), model), accept))


def _given(body: bytes, content_type: str) -> str | bytes:
    text = content_type.startswith("text/") or content_type == "application/json"
    return body.decode() if text else body


def _body(answer: Any) -> Any:
    return answer[0] if isinstance(answer, tuple) else answer


def _requests(path: Path, job: dict[str, Any]) -> Iterator[bytes]:
    limit = job["max_payload"] * 1024 * 1024
    if job["split"] != "Line":
        records: Iterator[bytes] = iter([path.read_bytes()])
        yield from _fitting(records, limit, together=False, path=path)
        return
    with path.open("rb") as reader:
        yield from _fitting(iter(reader), limit, together=job["strategy"] == "MultiRecord", path=path)


def _fitting(records: Iterator[bytes], limit: int, *, together: bool, path: Path) -> Iterator[bytes]:
    waiting = bytearray()
    for record in records:
        if limit and len(record) > limit:
            raise SystemExit(f"{path.name}: a record has {len(record)} bytes, over MaxPayloadInMB")
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
        return np.array(json.loads(text))
    if content_type == "text/csv":
        return np.genfromtxt(io.StringIO(text), delimiter=",")
    raise SystemExit(f"no input_fn, and no default reads {content_type!r}: npy, json or csv")


def _default_output(prediction: Any, accept: str) -> str | bytes:
    import numpy as np

    array = np.atleast_1d(np.asarray(prediction))
    if accept == "application/json":
        return json.dumps(array.tolist())
    stream = io.BytesIO()
    if accept == "text/csv":
        np.savetxt(stream, array, delimiter=",", fmt="%s")
    elif accept == "application/x-npy":
        np.save(stream, array)
    else:
        raise SystemExit(f"no output_fn, and no default writes {accept!r}: npy, json or csv")
    return stream.getvalue()


if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
