"""The chain of :func:`benchmarks.local_pipelines.counting` under ``kfp.local``; run by a Python that has kfp.

Prints JSON: the seconds of the pipeline, without imports and without the making of its components.
"""

import json
import sys
import time
from pathlib import Path

from kfp import dsl, local

SIZE, FOLDER, INSTALLS = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "installs"
"""``INSTALLS``: whether each step installs ``kfp``, which is kfp's default."""

component = dsl.component(base_image=f"python:3.{sys.version_info.minor}", install_kfp_package=INSTALLS)


@component
def first(after: dsl.Output[dsl.Artifact]):
    from pathlib import Path

    Path(after.path).write_text("1")


@component
def following(before: dsl.Input[dsl.Artifact], after: dsl.Output[dsl.Artifact]):
    from pathlib import Path

    Path(after.path).write_text(str(int(Path(before.path).read_text()) + 1))


@dsl.pipeline
def chain() -> dsl.Artifact:
    task = first()
    for _ in range(SIZE - 1):
        task = following(before=task.outputs["after"])
    return task.outputs["after"]


local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=FOLDER, raise_on_error=True)
begin = time.perf_counter()
done = chain()
seconds = time.perf_counter() - begin
number = Path(done.output.path).read_text()
if number != str(SIZE):
    sys.exit(f"the last step left {number}, not {SIZE}")
print(json.dumps({"seconds": seconds}))
